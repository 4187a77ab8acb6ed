"""The contract of triggers as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.triggers import TriggerContract

    class TestMyTrigger(TriggerContract):
        good = ["09:30", {"at": "09:30"}]
        bad = ["nine", 9, {}]

        def make(self, tmp_path):
            return MyTrigger({}, context("mine", tmp_path))
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from wfcore.api import AddressedTrigger, TimedTrigger, Trigger, TriggerFault, WebRequest, WorkflowError
from wfsdk.contracts.driver import DriverContract


class TriggerContract(DriverContract):
    """``good`` and ``bad`` are values of the trigger's key in the YAML, to be accepted and refused."""

    good: ClassVar[list[Any]]
    bad: ClassVar[list[Any]]
    #: A request that an addressed trigger takes for each of the good specs.
    request: ClassVar[WebRequest] = WebRequest("POST", "/", {}, {}, b"", "127.0.0.1", True)

    def test_it_is_timed_or_addressed_whole(self, driver: Trigger) -> None:
        assert hasattr(driver, "address") == hasattr(driver, "accept")

    def test_it_accepts_what_is_good_and_again_what_it_made_of_that(self, driver: Trigger) -> None:
        for spec in self.good:
            given = copy.deepcopy(spec)
            made = driver.check(given)
            assert given == spec, "it leaves what it is given as it is"
            assert driver.check(made) == made
            json.dumps(made)

    def test_it_refuses_what_is_bad_in_its_own_words(self, driver: Trigger) -> None:
        for spec in self.bad:
            with pytest.raises(TriggerFault) as caught:
                driver.check(spec)
            assert caught.value.message, spec
            assert all(isinstance(part, str | int) for part in caught.value.path)

    def test_its_times_go_forward(self, driver: Trigger) -> None:
        if not isinstance(driver, TimedTrigger):
            pytest.skip("it is not timed")
        for given in self.good:
            spec, at = driver.check(given), datetime(2026, 1, 1, tzinfo=UTC)
            for _ in range(20):
                due = driver.due(spec, at)
                if due is None:
                    break
                assert due.utcoffset() == timedelta(0), "a time is aware, and UTC"
                assert due > at
                assert driver.due(spec, due - timedelta(microseconds=1)) == due, "nothing is between"
                at = due

    def test_its_address_is_one_and_takes_a_request(self, driver: Trigger) -> None:
        if not isinstance(driver, AddressedTrigger):
            pytest.skip("it has no address")
        for given in self.good:
            spec = driver.check(given)
            method, _, path = driver.address(spec).partition(" ")
            assert method.isupper()
            assert path.startswith("/")
            try:
                json.dumps(dict(driver.accept(spec, self.request)))
            except WorkflowError as refusal:
                assert 400 <= refusal.http_status < 500, "a refusal is the caller's fault"
