"""Pauses and keys. The backoffs themselves are in test_machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.engine.retry import idempotency_key, retry_delay
from wfcore.model.execution import ExecutionRecord
from wfcore.model.workflow import Retry


def test_without_jitter_the_seed_says_nothing():
    assert retry_delay(Retry(9, delay=3.0), 1, "a") == retry_delay(Retry(9, delay=3.0), 1, "b") == 6.0


def test_jitter_is_the_same_for_the_same_attempt():
    policy = Retry(9, jitter=0.5, backoff="constant", delay=10.0)
    assert retry_delay(policy, 0, "e:a:0:1") == retry_delay(policy, 0, "e:a:0:1")
    assert retry_delay(policy, 0, "e:a:0:1") != retry_delay(policy, 0, "e:a:0:2")


def test_jitter_spreads_evenly():
    policy = Retry(9, jitter=0.5, backoff="constant", delay=10.0)
    drawn = sorted(retry_delay(policy, 0, str(seed)) for seed in range(2000))
    assert 5.0 <= drawn[0] < 5.1
    assert 14.9 < drawn[-1] <= 15.0
    assert 9.7 < drawn[1000] < 10.3


@pytest.mark.parametrize("backoff", ["constant", "linear", "exponential"])
@given(
    retries=st.integers(0, 1000),
    delay=st.floats(0, 10**9),
    factor=st.floats(1, 100),
    most=st.floats(0, 10**9),
    jitter=st.floats(0, 1),
    seed=st.text(max_size=4),
)
def test_no_pause_is_longer_than_max_delay_or_below_zero(backoff, retries, delay, factor, most, jitter, seed):
    policy = Retry(1000, backoff, delay, factor, most, jitter)
    assert 0 <= retry_delay(policy, retries, seed) <= most


def test_none_is_at_once_with_any_jitter():
    assert retry_delay(Retry(9, backoff="none", delay=5.0, jitter=1.0), 3, "x") == 0


def test_the_key_is_the_same_for_every_attempt_and_another_for_everything_else():
    record = ExecutionRecord("e", "default", "flow", 1)
    keys = {
        idempotency_key(record, "a"),
        idempotency_key(record, "a[3]/b"),
        idempotency_key(ExecutionRecord("f", "default", "flow", 1), "a"),
        idempotency_key(ExecutionRecord("e", "default", "flow", 1, generation=1), "a"),
    }
    assert len(keys) == 4
    assert idempotency_key(record, "a") in keys
