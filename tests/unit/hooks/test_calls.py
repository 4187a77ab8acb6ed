"""What happens when plugins answer, disagree or fail."""

import logging
from types import SimpleNamespace

import pytest
from pluggy import HookCaller

from wfcore.errors import Forbidden, PluginError, Problem
from wfcore.hooks import spec
from wfcore.hooks.calls import Hooks
from wfcore.hooks.spec import hookimpl
from wfcore.model.execution import Error

STARTED = {"node": "n1", "address": "http://127.0.0.1:7233"}
ADMISSION = {"workflow": "default/report", "trigger": "cron", "inputs": {"day": 1}}
RETRY = {"workflow": "default/report", "task": "fetch", "attempt": 2, "error": Error("http", "no")}


def plugin(**functions):
    """A plugin with these functions as its hooks."""
    for name, function in functions.items():
        hookimpl(function)
        function.__name__ = name
    return SimpleNamespace(**functions)


def hooks_of(**plugins):
    hooks = Hooks()
    for name, one in plugins.items():
        hooks.register(name, one)
    return hooks


def test_events_reach_everybody_with_the_arguments_they_ask_for():
    heard = []
    hooks = hooks_of(
        one=plugin(wf_server_started=lambda node: heard.append(("one", node))),
        two=plugin(wf_server_started=lambda address, node: heard.append(("two", address, node))),
        three=plugin(wf_server_started=lambda: heard.append(("three",))),
    )
    hooks.emit("wf_server_started", STARTED)
    assert sorted(heard) == [("one", "n1"), ("three",), ("two", STARTED["address"], "n1")]


@pytest.mark.parametrize("error", [RuntimeError("oh"), SystemExit(1), KeyError("x")])
def test_a_raising_listener_is_named_in_the_log_and_the_rest_still_hear(caplog, error):
    def fail(node):
        raise error

    heard = []
    hooks = hooks_of(
        first=plugin(wf_server_started=lambda node: heard.append(1)),
        noisy=plugin(wf_server_started=fail),
        last=plugin(wf_server_started=lambda node: heard.append(2)),
    )
    with caplog.at_level(logging.ERROR):
        hooks.emit("wf_server_started", STARTED)
    assert sorted(heard) == [1, 2]
    assert "plugin noisy failed in wf_server_started" in caplog.text


def test_who_comes_late_hears_from_then_on_and_who_leaves_no_more():
    heard = []
    hooks = hooks_of(one=plugin(wf_server_started=lambda node: heard.append("one")))
    hooks.emit("wf_server_started", STARTED)
    hooks.register("two", plugin(wf_server_started=lambda node: heard.append("two")))
    hooks.emit("wf_server_started", STARTED)
    hooks.unregister("one")
    hooks.unregister("nobody")
    hooks.emit("wf_server_started", STARTED)
    assert heard == ["one", "two", "one", "two"]


def test_who_comes_while_another_looks_is_not_missed(monkeypatch):
    heard, hooks = [], Hooks()
    look = HookCaller.get_hookimpls

    def slowly(caller):
        found = look(caller)
        monkeypatch.undo()
        hooks.register("late", plugin(wf_server_started=lambda node: heard.append(node)))
        return found

    monkeypatch.setattr(HookCaller, "get_hookimpls", slowly)
    hooks.emit("wf_server_started", STARTED)
    hooks.emit("wf_server_started", STARTED)
    assert heard == ["n1"]


def test_a_misspelt_hook_is_named_and_leaves_no_trace():
    hooks, good = Hooks(), plugin(wf_server_started=lambda: None)
    with pytest.raises(
        PluginError,
        match=r"plugin bad: there is no hook 'wf_task_finnished' \(did you mean 'wf_task_finished'",
    ):
        hooks.register("bad", plugin(wf_task_finnished=lambda: None))
    hooks.register("good", good)
    hooks.register("bad", plugin(wf_task_finished=lambda: None))


def test_an_argument_that_the_spec_has_not():
    with pytest.raises(PluginError, match=r"plugin bad: .*colour"):
        Hooks().register("bad", plugin(wf_server_started=lambda colour: None))


def test_a_hook_without_its_mark():
    with pytest.raises(PluginError, match="'wf_server_started' is not marked with @hookimpl"):
        Hooks().register("bad", SimpleNamespace(wf_server_started=lambda node: None))


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_wrappers_are_refused(option):
    @hookimpl(**{option: True})
    def wf_functions():
        return (yield)

    hooks = Hooks()
    with pytest.raises(PluginError, match="plugin bad: 'wf_functions' is a hook wrapper"):
        hooks.register("bad", SimpleNamespace(wf_functions=wf_functions))
    assert hooks.functions() == {}


def test_a_name_is_registered_once_and_the_first_stays():
    heard = []
    hooks = hooks_of(one=plugin(wf_server_started=lambda: heard.append(1)))
    with pytest.raises(PluginError, match="one is already registered"):
        hooks.register("one", plugin(wf_server_started=lambda: heard.append(2)))
    hooks.emit("wf_server_started", STARTED)
    assert heard == [1]


def test_functions_are_gathered():
    hooks = hooks_of(
        a=plugin(wf_functions=lambda: {"shout": str.upper}),
        b=plugin(wf_functions=lambda: {"whisper": str.lower}),
        c=plugin(wf_functions=lambda: None),
    )
    assert hooks.functions() == {"shout": str.upper, "whisper": str.lower}


def test_clashing_functions_name_both():
    one, two = ({"wf_functions": lambda: {"shout": str.upper}} for _ in range(2))
    with pytest.raises(
        PluginError, match=r"'shout' comes from plugin (b and from plugin a|a and from plugin b)"
    ):
        hooks_of(a=plugin(**one), b=plugin(wf_functions=lambda: {"shout": str.lower})).functions()
    with pytest.raises(PluginError, match="'shout' comes from the kernel and from plugin a"):
        hooks_of(a=plugin(**two)).functions(taken=["shout"])


def test_routes_are_gathered_and_may_not_clash():
    mine = plugin(wf_routes=lambda service: {"/x": service})
    assert hooks_of(a=mine).routes("S") == {"/x": "S"}
    with pytest.raises(PluginError, match="'/x' comes from"):
        hooks_of(a=mine, b=plugin(wf_routes=lambda: {"/x": 2})).routes("S")


def test_checks_are_gathered_and_a_failing_one_is_an_error():
    problem = Problem(1, 1, "tasks", "too many")
    hooks = hooks_of(a=plugin(wf_checks=lambda workflow: [problem]), b=plugin(wf_checks=lambda: ()))
    assert hooks.checks("W") == [problem]
    hooks.register("c", plugin(wf_checks=lambda: 1 / 0))
    with pytest.raises(PluginError, match="plugin c failed in wf_checks: ZeroDivisionError"):
        hooks.checks("W")


def test_metrics_are_gathered_and_a_failing_one_is_left_out(caplog):
    hooks = hooks_of(
        a=plugin(wf_metrics=lambda: "a 1\n"),
        b=plugin(wf_metrics=lambda: 1 / 0),
        c=plugin(wf_metrics=lambda: "c 2\n"),
    )
    assert sorted(hooks.metrics()) == ["a 1\n", "c 2\n"]
    assert "plugin b failed in wf_metrics" in caplog.text


def test_nobody_objects():
    Hooks().admit(**ADMISSION)
    hooks_of(a=plugin(wf_admit_execution=lambda workflow: None)).admit(**ADMISSION)


def test_all_are_asked_and_every_objection_is_shown():
    asked = []

    def allow(inputs):
        asked.append(inputs["day"])

    hooks = hooks_of(
        a=plugin(wf_admit_execution=lambda trigger: f"no {trigger} today"),
        b=plugin(wf_admit_execution=lambda: "too late"),
        c=plugin(wf_admit_execution=allow),
    )
    with pytest.raises(Forbidden, match="default/report is not admitted") as caught:
        hooks.admit(**ADMISSION)
    assert "a: no cron today" in caught.value.message
    assert "b: too late" in caught.value.message
    assert asked == [1]


@pytest.mark.parametrize("answer", [True, False, "", 0])
def test_only_none_admits(answer):
    with pytest.raises(Forbidden):
        hooks_of(a=plugin(wf_admit_execution=lambda: answer)).admit(**ADMISSION)


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), SystemExit(0)])
def test_an_exception_denies_and_is_logged(caplog, error):
    def fail():
        raise error

    hooks = hooks_of(a=plugin(wf_admit_execution=fail), b=plugin(wf_admit_execution=lambda: None))
    with pytest.raises(Forbidden, match="a: it failed while deciding") as caught:
        hooks.admit(**ADMISSION)
    assert "secret detail" not in caught.value.message
    assert "plugin a failed in wf_admit_execution" in caplog.text


def test_who_decides_cannot_change_the_inputs():
    def meddle(inputs):
        inputs["day"] = 2

    with pytest.raises(Forbidden):
        hooks_of(a=plugin(wf_admit_execution=meddle)).admit(**ADMISSION)
    assert ADMISSION["inputs"] == {"day": 1}


def test_the_first_opinion_on_the_pause_wins():
    hooks = hooks_of(
        a=plugin(wf_retry_delay=lambda: 9.0),
        b=plugin(wf_retry_delay=lambda attempt: attempt * 2),
        c=plugin(wf_retry_delay=lambda error: None),
    )
    assert hooks.retry_delay(**RETRY) == 4.0
    assert Hooks().retry_delay(**RETRY) is None


@pytest.mark.parametrize("answer", [-1, float("nan"), float("inf"), True, "5s"])
def test_an_impossible_pause_is_no_opinion(caplog, answer):
    hooks = hooks_of(a=plugin(wf_retry_delay=lambda: 3), b=plugin(wf_retry_delay=lambda: answer))
    assert hooks.retry_delay(**RETRY) == 3.0
    assert "plugin b failed in wf_retry_delay" in caplog.text


def test_an_exception_is_no_opinion(caplog):
    hooks = hooks_of(a=plugin(wf_retry_delay=lambda: 3), b=plugin(wf_retry_delay=lambda: 1 / 0))
    assert hooks.retry_delay(**RETRY) == 3.0
    assert "ZeroDivisionError" in caplog.text


def test_every_spec_has_its_public_text():
    for name in dir(spec):
        if name.startswith("wf_"):
            assert getattr(spec, name).__doc__.split(":")[0] in {"Event", "Contribution", "Decision"}, name
