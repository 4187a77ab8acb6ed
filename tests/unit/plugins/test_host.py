"""Starting and stopping drivers."""

import logging

import pytest

from wfcore.api import hookimpl
from wfcore.errors import PluginError, Unreachable
from wfcore.hooks.calls import Hooks
from wfcore.plugins.host import Host, Live
from wfcore.plugins.kinds import ACTIONS, DISPATCHERS, HOOKS, SECRETS, STORAGE, TRIGGERS


class Recorder:
    def __init__(self, name, diary, start=None, stop=None, health=""):
        self.name, self.diary = name, diary
        self._start, self._stop, self._health = start, stop, health

    def start(self):
        self.diary.append(f"start {self.name}")
        if self._start:
            raise self._start

    def stop(self, deadline):
        self.diary.append(f"stop {self.name}")
        self.deadline = deadline
        if self._stop:
            raise self._stop

    def health(self):
        if isinstance(self._health, Exception):
            raise self._health
        return self._health


def lives(diary, **faults):
    kinds = [TRIGGERS, DISPATCHERS, STORAGE, HOOKS, ACTIONS, SECRETS]
    return [Live(kind, "x", Recorder(kind.name, diary, **faults.get(kind.name, {}))) for kind in kinds]


ORDER = ["storage", "secrets", "actions", "hook", "dispatcher", "trigger"]


def test_starts_in_the_order_of_kinds_and_stops_in_reverse():
    diary = []
    with Host(Hooks()) as host:
        host.start(lives(diary))
        assert diary == [f"start {kind}" for kind in ORDER]
        diary.clear()
    assert diary == [f"stop {kind}" for kind in reversed(ORDER)]


def test_a_failed_start_stops_itself_and_those_already_started():
    diary = []
    host = Host(Hooks())
    with pytest.raises(PluginError, match="hook 'x' cannot start: OSError: no socket") as caught:
        host.start(lives(diary, hook={"start": OSError("no socket")}))
    assert caught.value.remedy
    assert isinstance(caught.value.__cause__, OSError)
    started = ["storage", "secrets", "actions", "hook"]
    assert diary == [f"start {kind}" for kind in started] + [f"stop {kind}" for kind in reversed(started)]
    assert host.health() == {}


def test_a_drivers_own_error_passes_as_it_is():
    error = Unreachable("no vault at http://x", remedy="start it")
    with pytest.raises(Unreachable) as caught:
        Host(Hooks()).start(lives([], secrets={"start": error}))
    assert caught.value is error


def test_an_interrupt_during_start_stops_too():
    diary = []
    with pytest.raises(KeyboardInterrupt):
        Host(Hooks()).start(lives(diary, actions={"start": KeyboardInterrupt()}))
    assert diary[-2:] == ["stop secrets", "stop storage"]


def test_one_more_that_fails_leaves_the_others_alone():
    diary = []
    with Host(Hooks()) as host:
        host.start(lives(diary))
        with pytest.raises(PluginError):
            host.add(Live(ACTIONS, "late", Recorder("late", diary, start=RuntimeError("no"))))
        assert diary[-1] == "stop late"
        assert len(host.health()) == 6


def test_one_more_is_stopped_first():
    diary = []
    with Host(Hooks()) as host:
        host.start(lives(diary))
        host.add(Live(STORAGE, "late", Recorder("late", diary)))
    assert diary[7] == "stop late"


def test_a_raising_stop_is_logged_and_hinders_nobody(caplog):
    diary = []
    host = Host(Hooks())
    host.start(lives(diary, trigger={"stop": RuntimeError("stuck")}, secrets={"stop": OSError("gone")}))
    with caplog.at_level(logging.ERROR):
        host.stop(1.0)
    assert diary[6:] == [f"stop {kind}" for kind in reversed(ORDER)]
    assert "trigger 'x' failed to stop" in caplog.text
    assert "stuck" in caplog.text


def test_the_deadline_is_shared():
    found = [Live(ACTIONS, f"a{n}", Recorder(f"a{n}", [])) for n in range(3)]
    host = Host(Hooks())
    host.start(found)
    host.stop(5.0)
    first, second, third = (live.driver.deadline for live in reversed(found))
    assert 5.0 >= first >= second >= third > 4.0


def test_stopping_twice_stops_once():
    diary = []
    host = Host(Hooks())
    host.start(lives(diary))
    host.stop(1.0)
    host.stop(1.0)
    assert len(diary) == 12


def test_health_by_label_also_of_one_that_raises():
    with Host(Hooks()) as host:
        host.start(lives([], storage={"health": "disk full"}, actions={"health": OSError("hm")}))
        health = host.health()
    assert health["storage.x"] == "disk full"
    assert health["actions.x"] == "cannot tell: OSError: hm"
    assert health["secrets.x"] == ""


class Listening(Recorder):
    @hookimpl
    def wf_server_started(self, node):
        self.diary.append(f"heard {node}")


def test_a_live_driver_may_listen_until_it_stops():
    diary, hooks = [], Hooks()
    facts = {"node": "n1", "address": "http://x"}
    with Host(hooks) as host:
        host.start([Live(SECRETS, "x", Listening("x", diary))])
        hooks.emit("wf_server_started", facts)
    hooks.emit("wf_server_started", facts)
    assert diary == ["start x", "heard n1", "stop x"]


class Misspelt(Recorder):
    @hookimpl
    def wf_server_startd(self, node): ...


def test_a_driver_with_a_misspelt_hook_is_stopped_again():
    diary = []
    with pytest.raises(
        PluginError, match=r"plugin secrets.x: there is no hook 'wf_server_startd' \(did you mean"
    ):
        Host(Hooks()).start([Live(SECRETS, "x", Misspelt("x", diary))])
    assert diary == ["start x", "stop x"]
