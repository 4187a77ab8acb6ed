"""The pause before a task is tried again, and the key under which its effects are the same."""

from __future__ import annotations

import hashlib

from wfcore.model.execution import ExecutionRecord
from wfcore.model.workflow import Retry


def retry_delay(policy: Retry, retries: int, seed: str) -> float:
    """Seconds before the re-try number ``retries + 1``; jitter comes from ``seed``, not from chance."""
    match policy.backoff:
        case "none":
            return 0.0
        case "constant":
            delay = policy.delay
        case "linear":
            delay = policy.delay * (retries + 1)
        case _:
            delay = policy.delay * policy.factor ** min(retries, 64)
    delay = min(delay, policy.max_delay)
    if policy.jitter:
        share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") / 2**64
        low, high = delay * (1 - policy.jitter), min(delay * (1 + policy.jitter), policy.max_delay)
        delay = min(low + share * (high - low), high)
    return delay


def idempotency_key(record: ExecutionRecord, path: str) -> str:
    """The same for every attempt of a task, another after an explicit retry of the execution."""
    return f"{record.id}:{path}:{record.generation}"
