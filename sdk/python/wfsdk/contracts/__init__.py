"""One suite per driver contract: subclass it in a test module, say how your driver is made, run pytest."""

import pytest

pytest.register_assert_rewrite(
    "wfsdk.contracts.actions",
    "wfsdk.contracts.dispatchers",
    "wfsdk.contracts.driver",
    "wfsdk.contracts.runtimes",
    "wfsdk.contracts.secrets",
    "wfsdk.contracts.storage",
    "wfsdk.contracts.storage_commit",
    "wfsdk.contracts.storage_executions",
    "wfsdk.contracts.storage_packages",
    "wfsdk.contracts.storage_shared",
    "wfsdk.contracts.storage_workflows",
    "wfsdk.contracts.storage_upkeep",
    "wfsdk.contracts.triggers",
)
