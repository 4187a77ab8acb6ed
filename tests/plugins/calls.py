"""Short ways to call a plugin, and to see how it fails."""

import pytest

from wfcore.errors import RetryableError, TerminalError


def caller(plugin, hosts, **secrets):
    """``call(action, key=…, secrets=…, **inputs)`` of a plugin."""

    def call(action, /, *, key="e/task/0", secrets=secrets, **inputs):
        return plugin.call(action, inputs, hosts, secrets, key)

    return call


def refused(call, *words, **inputs):
    """The type of a final error."""
    with pytest.raises(TerminalError) as caught:
        call(*words, **inputs)
    return caught.value.kind


def delayed(call, *words, **inputs):
    """The type of a passing error, and the seconds that it asks to wait."""
    with pytest.raises(RetryableError) as caught:
        call(*words, **inputs)
    return caught.value.kind, caught.value.retry_after
