"""The runtime with real processes, as its own tests have it."""

from tests.unit.runtimes.conftest import _eventually, bench, compiled, fresh, task  # noqa: F401
