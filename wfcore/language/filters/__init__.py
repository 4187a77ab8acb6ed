"""The filters of expressions, by theme. Built-in ones get the evaluation first, so that they can account."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wfcore.errors import PluginError
from wfcore.language.filters import clock, codecs, convert, dates, hashes, lists, mappings, patterns, text


@dataclass(frozen=True, slots=True)
class Filter:
    """A function that expressions may call; a plugin's takes plain values only."""

    function: Callable[..., Any]
    builtin: bool = True

    def usage(self, name: str) -> str:
        """``value | name(arguments)`` as the documentation writes it."""
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        if not parameters or parameters[0].name != "value":
            return f"{name}({', '.join(map(_shown, parameters))})"
        rest = ", ".join(map(_shown, parameters[1:]))
        return f"value | {name}({rest})" if rest else f"value | {name}"


def _shown(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"{parameter.name}…"
    if parameter.default is parameter.empty:
        return parameter.name
    default = repr(parameter.default)
    return f"{parameter.name}={_LITERALS.get(default, default)}"


#: Python's words in the language's.
_LITERALS: Final[Mapping[str, str]] = {"None": "null", "True": "true", "False": "false"}


THEMES: Final[Mapping[str, Mapping[str, Callable[..., Any]]]] = {
    "lists": lists.FILTERS,
    "mappings": mappings.FILTERS,
    "text": text.FILTERS,
    "patterns": patterns.FILTERS,
    "conversions": convert.FILTERS,
    "codecs": codecs.FILTERS,
    "dates": dates.FILTERS,
    "hashes": hashes.FILTERS,
    "functions": clock.FILTERS,
}
BUILTIN: Final[Mapping[str, Filter]] = {
    name: Filter(function) for theme in THEMES.values() for name, function in theme.items()
}


def table(functions: Mapping[str, Callable[..., Any] | Filter] | None) -> Mapping[str, Filter]:
    """The built-in filters and the plugins'. Raises PluginError when one takes a built-in's name."""
    if not functions:
        return BUILTIN
    added = {
        name: function if isinstance(function, Filter) else Filter(function, builtin=False)
        for name, function in functions.items()
    }
    taken = sorted(name for name, found in added.items() if name in BUILTIN and found is not BUILTIN[name])
    if "default" in added or taken:
        raise PluginError(
            f"a plugin adds the filter '{(taken or ['default'])[0]}', which is built in",
            remedy="rename it in the plugin",
        )
    return {**BUILTIN, **added}
