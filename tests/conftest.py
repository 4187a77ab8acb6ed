"""What all suites share."""

import os
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Run in the background of a shell without job control, and the processes under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def at_length():
    """How much of a long suite to run: ``at_length(300)`` is 300, or WORKFLOW_TEST_SHARE (0 to 1) of it."""
    share = float(os.environ.get("WORKFLOW_TEST_SHARE", "1"))
    return lambda count: max(1, round(count * share))
