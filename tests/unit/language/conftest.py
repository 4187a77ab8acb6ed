"""Loading with a small set of installed triggers and actions."""

import pytest

from wfcore.errors import InvalidWorkflow, TriggerFault
from wfcore.language.load import load


class Open:
    """A trigger that takes any spec."""

    def check(self, spec):
        return spec


class Strict:
    """A trigger with a ``path`` that begins with a slash."""

    def check(self, spec):
        if not isinstance(spec, dict):
            raise TriggerFault("expected a mapping")
        if not str(spec.get("path", "")).startswith("/"):
            raise TriggerFault("begins with '/'", ("path",))
        return {"method": "POST", **spec}


class Broken:
    """A trigger whose check has a bug."""

    def check(self, spec):
        return 1 / 0


TRIGGERS = {"manual": Open(), "cron": Open(), "webhook": Strict(), "broken": Broken()}
RULES = {
    "core/any": {},
    "core/get": {
        "url": {"type": "string", "required": True, "empty": False},
        "headers": {"type": "dict", "keysrules": {"type": "string"}, "valuesrules": {"type": "string"}},
        "size": {"type": "integer", "min": 1, "max": 10, "default": 5},
        "mode": {"type": "string", "allowed": ["fast", "slow"]},
    },
    "core/wait": {
        "for": {"excludes": "until", "required": True},
        "until": {"excludes": "for", "required": True},
    },
}


class Actions:
    def rules(self, type):
        return RULES.get(type)

    def names(self):
        return RULES


@pytest.fixture
def loaded():
    """Load a text; the workflow."""

    def run(text, **options):
        return load(text, triggers=TRIGGERS, actions=Actions(), **options)

    return run


@pytest.fixture
def problems(loaded):
    """Load a text that is at fault; its problems as ``line:column: path: message``."""

    def run(text, **options):
        with pytest.raises(InvalidWorkflow) as caught:
            loaded(text, **options)
        found = caught.value.problems
        assert list(found) == sorted(found)
        assert all("\n" not in problem.message for problem in found)
        return [str(problem).removeprefix(f"{problem.file}:") for problem in found]

    return run
