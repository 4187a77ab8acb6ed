"""Starting by hand needs no settings."""

import pytest

from wfcore.api import AddressedTrigger, TimedTrigger, TriggerFault
from wfcore_plugins.triggers.manual import ManualTrigger

TRIGGER = ManualTrigger({}, None)


@pytest.mark.parametrize("spec", [None, {}, True])
def test_nothing_to_say(spec):
    assert TRIGGER.check(spec) == {}


@pytest.mark.parametrize("spec", [False, [], "yes", {"path": "/x"}, 1])
def test_refuses(spec):
    with pytest.raises(TriggerFault, match="no settings"):
        TRIGGER.check(spec)


def test_is_neither_timed_nor_addressed():
    assert not isinstance(TRIGGER, TimedTrigger | AddressedTrigger)
