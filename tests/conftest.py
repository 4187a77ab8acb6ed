"""What all suites share."""

import os

import pytest


@pytest.fixture
def at_length():
    """How much of a long suite to run: ``at_length(300)`` is 300, or WORKFLOW_TEST_SHARE (0 to 1) of it."""
    share = float(os.environ.get("WORKFLOW_TEST_SHARE", "1"))
    return lambda count: max(1, round(count * share))
