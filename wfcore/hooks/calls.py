"""The one door to the hooks: pluggy knows who implements what, this module decides what a failure means."""

from __future__ import annotations

import difflib
import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from wfcore.errors import Forbidden, PluginError
from wfcore.hooks import spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from wfcore.errors import Problem
    from wfcore.model.execution import Error
    from wfcore.model.workflow import Workflow

log = logging.getLogger("workflow.hooks")
#: What a plugin may fail with; one that wants to end the process does not.
_FAILURES = (Exception, SystemExit)


class _Implementation(NamedTuple):
    """A plugin's, of one hook: called with all that there is to know, it takes what it wants."""

    plugin_name: str
    call: Callable[[Mapping[str, Any]], Any]


class Hooks:
    """Tells events, gathers contributions and asks for decisions."""

    def __init__(self) -> None:
        self._plugins = pluggy.PluginManager(spec.PROJECT)
        self._plugins.add_hookspecs(spec)
        #: Those of a hook that was called, until somebody comes or goes.
        self._known: dict[str, tuple[_Implementation, ...]] = {}

    def register(self, name: str, plugin: Any) -> None:
        """Let ``plugin`` (a module or an object) hear and answer.

        Raises PluginError, naming it, when one of its hooks is misspelt, not marked, a wrapper, or
        takes arguments that its spec has not.
        """
        if self._plugins.has_plugin(name):
            raise PluginError(f"plugin {name} is already registered", remedy="uninstall one of the two")
        try:
            self._plugins.register(plugin, name)
            self._known = {}
            for fault in self._faults(name, plugin):
                raise TypeError(fault)
        except Exception as error:
            self.unregister(name)
            what = " ".join(str(error).split())
            remedy = "correct its hooks, see docs/reference/hooks.md, or list it under plugins.disabled"
            raise PluginError(f"plugin {name}: {what}", remedy=remedy) from error

    def unregister(self, name: str) -> None:
        """Forget the plugin, if it is known."""
        if self._plugins.has_plugin(name):
            self._plugins.unregister(name=name)
            self._known = {}

    def emit(self, event: str, facts: Mapping[str, Any]) -> None:
        """Tell everybody that something has happened; ``facts`` are the arguments of the event's spec.

        One that raises is logged with its name, and the rest still hear. Never raises.
        """
        for hook in self._implementations(event):
            try:
                hook.call(facts)
            except _FAILURES:
                log.exception("plugin %s failed in %s", hook.plugin_name, event)

    def functions(self, taken: Collection[str] = ()) -> dict[str, Callable[..., Any]]:
        """The filters that plugins add to expressions; ``taken`` are the names of the built-in ones.

        Raises PluginError when a name is taken or added twice.
        """
        return self._merged("wf_functions", {}, dict.fromkeys(taken, "the kernel"))

    def routes(self, service: Any) -> dict[str, Any]:
        """The HTTP resources that plugins add, by path. Raises PluginError when one is added twice."""
        return self._merged("wf_routes", {"service": service}, {})

    def metrics(self) -> list[str]:
        """The metrics that plugins add, each a Prometheus text; one that fails is logged and left out."""
        texts = []
        for hook in self._implementations("wf_metrics"):
            try:
                texts.append(str(hook.call({}) or ""))
            except _FAILURES:
                log.exception("plugin %s failed in wf_metrics", hook.plugin_name)
        return texts

    def checks(self, workflow: Workflow) -> list[Problem]:
        """What plugins find wrong with a workflow. Raises PluginError when one cannot tell."""
        found = self._gathered("wf_checks", {"workflow": workflow})
        return [problem for _, problems in found for problem in problems]

    def admit(self, *, workflow: str, trigger: str, inputs: Mapping[str, Any]) -> None:
        """Ask everybody whether an execution may be created. Raises Forbidden when one objects or fails."""
        facts = {"workflow": workflow, "trigger": trigger, "inputs": MappingProxyType(inputs)}
        objections = []
        for hook in self._implementations("wf_admit_execution"):
            try:
                answer = hook.call(facts)
            except _FAILURES as error:
                log.exception("plugin %s failed in wf_admit_execution", hook.plugin_name)
                answer = f"it failed while deciding ({type(error).__name__})"
            if answer is not None:
                objections.append(f"{hook.plugin_name}: {answer or 'no reason given'}")
        if objections:
            raise Forbidden(
                f"an execution of {workflow} is not admitted: {'; '.join(objections)}",
                remedy="satisfy the policy, or ask the operator of this server",
            )

    def retry_delay(self, *, workflow: str, task: str, attempt: int, error: Error) -> float | None:
        """The pause that the first plugin with an opinion wants, in seconds. Never raises."""
        facts = {"workflow": workflow, "task": task, "attempt": attempt, "error": error}
        for hook in self._implementations("wf_retry_delay"):
            try:
                answer = hook.call(facts)
                if answer is not None:
                    return _seconds(answer)
            except _FAILURES:
                log.exception("plugin %s failed in wf_retry_delay", hook.plugin_name)
        return None

    def _implementations(self, name: str) -> Sequence[_Implementation]:
        """Those of a hook, in pluggy's order of calling."""
        known = self._known  # who comes or goes meanwhile replaces it, and what is found here is not kept
        if name not in known:
            found = reversed(getattr(self._plugins.hook, name).get_hookimpls())
            known[name] = tuple(_Implementation(hook.plugin_name, _caller(hook)) for hook in found)
        return known[name]

    def _gathered(self, name: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for hook in self._implementations(name):
            try:
                answer = hook.call(facts)
            except _FAILURES as error:
                raise PluginError(
                    f"plugin {hook.plugin_name} failed in {name}: {type(error).__name__}: {error}",
                    remedy="update or uninstall it",
                ) from error
            if answer is not None:
                yield hook.plugin_name, answer

    def _merged(self, name: str, facts: Mapping[str, Any], owners: dict[str, str]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for plugin, answer in self._gathered(name, facts):
            for key, value in answer.items():
                if key in owners:
                    raise PluginError(
                        f"{name}: {key!r} comes from {owners[key]} and from plugin {plugin}",
                        remedy="uninstall one of them, or list one under plugins.disabled",
                    )
                owners[key], merged[key] = f"plugin {plugin}", value
        return merged

    def _faults(self, name: str, plugin: Any) -> Iterator[str]:
        """What pluggy lets pass although it is surely a mistake."""
        known = [word for word in dir(spec) if word.startswith("wf_")]
        callers = {caller.name: caller for caller in self._plugins.get_hookcallers(plugin) or ()}
        for word, caller in callers.items():
            mine = [hook for hook in caller.get_hookimpls() if hook.plugin_name == name]
            if not caller.has_spec() and not all(hook.optionalhook for hook in mine):
                close = difflib.get_close_matches(word, known, 1)
                yield f"there is no hook {word!r}" + (f" (did you mean {close[0]!r}?)" if close else "")
            if any(hook.wrapper or hook.hookwrapper for hook in mine):
                yield f"{word!r} is a hook wrapper; wrappers are not supported"
        for word in set(known) & set(dir(plugin)) - set(callers):
            yield f"{word!r} is not marked with @hookimpl"


def _caller(hook: Any) -> Callable[[Mapping[str, Any]], Any]:
    """Calls a hook with those of the facts that it takes; events are many, so that is worked out once."""
    function, names = hook.function, hook.argnames
    if not names:
        return lambda _: function()
    pick = itemgetter(*names)
    if len(names) == 1:
        return lambda facts: function(pick(facts))
    return lambda facts: function(*pick(facts))


def _seconds(answer: Any) -> float:
    if isinstance(answer, bool) or not isinstance(answer, (int, float)) or not 0 <= answer < math.inf:
        raise TypeError(f"the answer {answer!r} is no number of seconds")
    return float(answer)
