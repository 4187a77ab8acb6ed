"""The contract of packs of actions as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.actions import ActionsContract

    class TestMyActions(ActionsContract):
        calls = {"greet": {"name": "Ada"}}

        def make(self, tmp_path):
            return MyActions({}, context("mine", tmp_path))
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cerberus import Validator

from wfcore.api import Actions, Cancel, Result, TerminalError, WorkflowError
from wfsdk.contracts.driver import DriverContract
from wfsdk.tasks import StubTask


class ActionsContract(DriverContract):
    """``calls`` has inputs with which an action succeeds, by its name; others are only looked at."""

    calls: ClassVar[dict[str, dict[str, Any]]] = {}

    def test_names_are_unique_and_could_stand_in_a_workflow(self, driver: Actions) -> None:
        names = [action.name for action in driver.actions()]
        assert len(set(names)) == len(names) > 0
        for name in names:
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name), name

    def test_inputs_are_rules_and_each_action_says_what_it_does(self, driver: Actions) -> None:
        for action in driver.actions():
            Validator(dict(action.inputs))
            assert action.description.endswith("."), action.name

    def test_it_has_the_same_actions_each_time(self, driver: Actions) -> None:
        assert [one.name for one in driver.actions()] == [one.name for one in driver.actions()]

    def test_a_call_gives_what_can_be_stored(self, driver: Actions, tmp_path: Path) -> None:
        actions = {action.name: action for action in driver.actions()}
        for name, inputs in self.calls.items():
            value = actions[name].run(inputs, StubTask(tmp_path))
            output = value.output if isinstance(value, Result) else value
            json.dumps(output, default=lambda one: one.hex() if isinstance(one, bytes) else str(one))

    def test_a_call_heeds_that_its_task_was_cancelled(self, driver: Actions, tmp_path: Path) -> None:
        actions = {action.name: action for action in driver.actions()}
        for name, inputs in self.calls.items():
            task = StubTask(tmp_path)
            task.cancel()
            try:
                actions[name].run(inputs, task)
            except (Cancel, WorkflowError):
                continue  # it may also have been done before it looked

    def test_it_raises_the_kernel_s_errors_alone(self, driver: Actions, tmp_path: Path) -> None:
        for action in driver.actions():
            if action.name in self.calls:
                continue
            try:
                action.run({}, StubTask(tmp_path))
            except (WorkflowError, Cancel):
                continue
            except Exception as error:
                required = [name for name, rule in action.inputs.items() if rule.get("required")]
                if not required:  # else the kernel would not have called it so
                    pytest.fail(f"{action.name}: {type(error).__name__} is no {TerminalError.__name__}")
