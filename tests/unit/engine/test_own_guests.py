"""An attempt of ours beside a guest of the same name: what a server had offered, and has taken itself."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from wfcore.engine.attempt import Attempt
from wfcore.engine.group import Group
from wfcore.engine.intake import Intake, stop
from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import Ended
from wfcore.engine.recovery import Recovery
from wfcore.engine.timers import Timer, Timers
from wfcore.errors import Unavailable
from wfcore.model.outcome import Cancelled
from wfcore.plugins.contracts import Job

NAME = ("e1", "t0", 2)


def attempt(*, guest=False, offered=False):
    task = SimpleNamespace(retry=SimpleNamespace(kinds=(), condition=None))
    return Attempt(Job(*NAME, key="k"), task, None, None, {}, 0, guest=guest, offered=offered)


@pytest.fixture
def ledger():
    return Ledger(None, None, "server", None)


@pytest.fixture
def both(ledger):
    own, guest = attempt(), attempt(guest=True)
    ledger.attempts[NAME], ledger.guests[NAME] = own, guest
    return own, guest


def test_each_job_is_run_as_what_it_was_made_for(ledger, both):
    own, guest = both
    assert own.job == guest.job
    assert ledger.attempt(own.job) is own
    assert ledger.attempt(guest.job) is guest


def test_what_is_alone_is_found_by_its_name(ledger):
    own = ledger.attempts[NAME] = attempt()
    assert ledger.attempt(replace(own.job)) is own
    guest = ledger.guests[NAME] = attempt(guest=True)
    del ledger.attempts[NAME]
    assert ledger.attempt(replace(guest.job)) is guest
    ledger.guests.clear()
    assert ledger.attempt(guest.job) is None


def test_what_is_offered_is_run_by_its_guest(ledger):
    ledger.attempts[NAME], guest = attempt(offered=True), attempt(guest=True)
    ledger.guests[NAME] = guest
    assert ledger.attempt(replace(guest.job)) is guest


def test_each_has_its_own_timers(ledger, both):
    own, guest = both
    intake = Intake(None, ledger, None, None, None, lambda _: None)
    timers, group = Timers(), Group()
    stop(own, "cancelled", group, 0)
    stop(guest, "timeout", group, 1)
    for timer in group.timers:
        timers.add(timer)
    timers.withdraw("give_up", *own.place)
    (left,) = timers.pop_due(10**12)
    intake.ring(left, group, left.at)
    assert [news.attempt for news in group.of_guests] == [guest]


def test_what_comes_again_does_not_take_the_place_of_what_was_begun_since(ledger):
    known = ledger.attempts[NAME] = attempt()
    recovery = Recovery(ledger, {})
    recovery.failed([Ended(attempt(), Cancelled())], Unavailable("storage is away"))
    assert ledger.attempts == {NAME: known}
    del ledger.attempts[NAME]
    recovery.failed([Ended(known, Cancelled())], Unavailable("storage is away"))
    assert ledger.attempts == {NAME: known}


def test_only_the_one_whose_time_is_over_is_stopped(ledger, both):
    own, _ = both
    intake, group = Intake(None, ledger, None, None, None, lambda _: None), Group()
    intake.ring(Timer(5, "expire", *own.place), group, 5)
    assert group.stopping == [(own, "timeout")]
