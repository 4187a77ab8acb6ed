"""The reference page and the pack say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = (Path(__file__).parents[3] / "docs/reference/actions.md").read_text()
SECTIONS = dict(re.findall(r"^### `core/([a-z.]+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
#: Sections that say "inputs as …".
INHERITED = {"http.post": "http.get", "http.request": "http.post"}


def documented(name: str) -> set[str]:
    own = set(re.findall(r"^\| `([a-z_]+)` \|", SECTIONS[name], re.MULTILINE))
    return own | (documented(INHERITED[name]) if name in INHERITED else set())


def test_every_action_has_its_section_and_every_section_its_action(run: Any) -> None:
    assert set(SECTIONS) == set(run.actions)


def test_every_input_is_documented_and_nothing_else(run: Any) -> None:
    assert {name: documented(name) for name in SECTIONS} == {
        name: set(action.inputs) for name, action in run.actions.items()
    }


def test_every_section_begins_with_the_description(run: Any) -> None:
    for name, action in run.actions.items():
        assert SECTIONS[name].strip().startswith(action.description.rstrip("."))
        assert action.description


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_passes_the_rules(run: Any, block: str) -> None:
    for task in yaml.safe_load(block).values():
        templates = {key: value for key, value in task["inputs"].items() if "{{" in str(value)}
        name = task["type"].removeprefix("core/")
        assert set(run.faults(name, **task["inputs"])) <= set(templates)


def test_the_rules_are_ones_that_cerberus_takes(run: Any) -> None:
    for name in run.actions:
        run.faults(name)
