"""All that plugins import from the kernel, and all that is promised to stay.

Drivers implement the Protocols; hooks are functions or methods marked with ``hookimpl``.
"""

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

from wfcore.errors import (
    Cancel,
    Conflict,
    Forbidden,
    InvalidConfig,
    InvalidInput,
    InvalidPackage,
    NotFound,
    PluginError,
    Problem,
    RetryableError,
    SecretError,
    SourceFault,
    TerminalError,
    Unauthorized,
    Unavailable,
    Unreachable,
    UsageError,
    WorkflowError,
)
from wfcore.language.duration import parse as parse_duration
from wfcore.model.execution import (
    EXECUTION_STATES,
    OPEN,
    TERMINAL,
    Error,
    ExecutionRecord,
    Fact,
    TaskRecord,
)
from wfcore.model.records import (
    AuditQuery,
    AuditRecord,
    ExecutionQuery,
    Message,
    PackageRecord,
    Permit,
    SecretRecord,
    Step,
    Tick,
    TokenRecord,
    TriggerRecord,
    WorkflowRecord,
)
from wfcore.model.size import parse as parse_size
from wfcore.plugins.driver import CONTRACT, Clock, Context, Records, SecretBox, SecretReader, Stateless

if TYPE_CHECKING:
    from wfcore.egress.guard import Guard, Response
    from wfcore.hooks.spec import hookimpl
    from wfcore.model.nodes import Beat, NodeRecord, Offer
    from wfcore.model.workflow import Code
    from wfcore.packages import index, minisign
    from wfcore.plugins.contracts import (
        Action,
        Actions,
        AddressedTrigger,
        Call,
        Candidate,
        Courier,
        Dispatcher,
        Hit,
        Host,
        IndexedRegistry,
        Job,
        KeyedTrigger,
        Limits,
        Module,
        OpenRegistry,
        Parcel,
        Publication,
        Registry,
        Result,
        Revocation,
        Rows,
        Runtime,
        Sandbox,
        Secrets,
        SharedStorage,
        Storage,
        TaskContext,
        TimedTrigger,
        Trigger,
        TriggerFault,
        WebRequest,
        WritableSecrets,
    )

__all__ = [
    "CONTRACT",
    "EXECUTION_STATES",
    "OPEN",
    "TERMINAL",
    "Action",
    "Actions",
    "AddressedTrigger",
    "AuditQuery",
    "AuditRecord",
    "Beat",
    "Call",
    "Cancel",
    "Candidate",
    "Clock",
    "Code",
    "Conflict",
    "Context",
    "Courier",
    "Dispatcher",
    "Error",
    "ExecutionQuery",
    "ExecutionRecord",
    "Fact",
    "Forbidden",
    "Guard",
    "Hit",
    "Host",
    "IndexedRegistry",
    "InvalidConfig",
    "InvalidInput",
    "InvalidPackage",
    "Job",
    "KeyedTrigger",
    "Limits",
    "Message",
    "Module",
    "NodeRecord",
    "NotFound",
    "Offer",
    "OpenRegistry",
    "PackageRecord",
    "Parcel",
    "Permit",
    "PluginError",
    "Problem",
    "Publication",
    "Records",
    "Registry",
    "Response",
    "Result",
    "RetryableError",
    "Revocation",
    "Rows",
    "Runtime",
    "Sandbox",
    "SecretBox",
    "SecretError",
    "SecretReader",
    "SecretRecord",
    "Secrets",
    "SharedStorage",
    "SourceFault",
    "Stateless",
    "Step",
    "Storage",
    "TaskContext",
    "TaskRecord",
    "TerminalError",
    "Tick",
    "TimedTrigger",
    "TokenRecord",
    "Trigger",
    "TriggerFault",
    "TriggerRecord",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UsageError",
    "WebRequest",
    "WorkflowError",
    "WorkflowRecord",
    "WritableSecrets",
    "hookimpl",
    "index",
    "minisign",
    "parse_duration",
    "parse_size",
]

#: Where the rest is which few plugins need. Like the contracts of all kinds it is imported when one asks:
#: a storage driver would wait for pluggy and for the index of registries, and has no use for them.
_ELSEWHERE: Final = {
    "Beat": "wfcore.model.nodes:Beat",
    "Code": "wfcore.model.workflow:Code",
    "Guard": "wfcore.egress.guard:Guard",
    "NodeRecord": "wfcore.model.nodes:NodeRecord",
    "Offer": "wfcore.model.nodes:Offer",
    "Response": "wfcore.egress.guard:Response",
    "hookimpl": "wfcore.hooks.spec:hookimpl",
    "index": "wfcore.packages.index",
    "minisign": "wfcore.packages.minisign",
}


def __getattr__(name: str) -> Any:
    """What is imported only when it is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = resolve_name(_ELSEWHERE.get(name, f"wfcore.plugins.contracts:{name}"))
    return found


def __dir__() -> list[str]:
    return __all__
