"""Every error a user can meet, with its exit code, its HTTP status and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class WorkflowError(Exception):
    """The root of all errors that are the user's business; its text is one clear line.

    ``remedy`` says what to do next. ``code`` names the kind in JSON, ``exit_code``
    is the command line's and ``http_status`` the server's answer.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def to_dict(self) -> dict[str, Any]:
        """The error as the one JSON shape that the server and the command line share."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class UsageError(WorkflowError):
    """The command or the request is not well formed."""

    code, exit_code, http_status = "usage", 2, 400


class TooLarge(WorkflowError):
    """A request body above ``server.maxBody``."""

    code, exit_code, http_status = "too_large", 2, 413


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of a file: where (1-based line and column), which path in the document, what."""

    line: int
    column: int
    path: str
    message: str
    file: str = "workflow.yaml"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class InvalidWorkflow(WorkflowError):
    """A workflow source that cannot be accepted; ``problems`` has all of its faults, sorted."""

    code, exit_code, http_status = "invalid_workflow", 3, 422

    def __init__(self, problems: Sequence[Problem], *, remedy: str | None = None) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)), remedy=remedy)

    def to_dict(self) -> dict[str, Any]:
        """Adds ``problems``: a list of {file, line, column, path, message}."""
        return {**super().to_dict(), "problems": _places(self.problems)}


def _places(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    keys = ("file", "line", "column", "path", "message")
    return [{key: getattr(problem, key) for key in keys} for problem in problems]


class InvalidConfig(WorkflowError):
    """The configuration (file, environment or option) cannot be accepted."""

    code, exit_code, http_status = "invalid_config", 3, 500


class InvalidInput(WorkflowError):
    """Inputs given to a workflow or an action do not fit what it declares."""

    code, exit_code, http_status = "invalid_input", 3, 422


class NotFound(WorkflowError):
    """What was named does not exist."""

    code, exit_code, http_status = "not_found", 4, 404


class Conflict(WorkflowError):
    """What was asked for contradicts the present state."""

    code, exit_code, http_status = "conflict", 5, 409


class Unreachable(WorkflowError):
    """No server answers."""

    code, exit_code, http_status = "unreachable", 6, 502


class Unavailable(WorkflowError):
    """The server, its database or a disk cannot take this now; the same request may succeed later."""

    code, exit_code, http_status = "unavailable", 6, 503


class PluginError(WorkflowError):
    """A plugin is missing, broken, ambiguous or of another contract version.

    Or it is what the plugin works on: a database that is damaged or another program's, a damaged backup.
    """

    code, exit_code, http_status = "plugin", 7, 500


class InvalidPackage(WorkflowError):
    """A plugin package that cannot be accepted; ``problems`` are the faults of its manifest, sorted."""

    code, exit_code, http_status = "invalid_package", 7, 422

    def __init__(
        self, message: str = "", *, problems: Sequence[Problem] = (), remedy: str | None = None
    ) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__(message or "\n".join(map(str, self.problems)), remedy=remedy)

    def to_dict(self) -> dict[str, Any]:
        """Adds ``problems``, see ``InvalidWorkflow``."""
        return {**super().to_dict(), "problems": _places(self.problems)}


class Forbidden(WorkflowError):
    """The caller, the plugin or the address is not allowed to do this."""

    code, exit_code, http_status = "forbidden", 8, 403


class Unauthorized(WorkflowError):
    """No valid token came with the request."""

    code, exit_code, http_status = "unauthorized", 8, 401


class SecretError(WorkflowError):
    """A secret cannot be kept or opened: its key is missing, or its ciphertext is not what was stored."""

    code, exit_code, http_status = "secret", 8, 500


class ExpressionError(WorkflowError):
    """An expression cannot be parsed or evaluated; ``offset`` is the 0-based place in its text."""

    code, exit_code, http_status = "expression", 3, 422

    def __init__(self, message: str, *, offset: int = 0, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.offset = offset


class TerminalError(WorkflowError):
    """An action failed and trying again would not help. ``kind`` is what ``retry.for`` and users see."""

    code, exit_code, http_status = "terminal", 1, 500

    def __init__(self, message: str, *, kind: str = "failed", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind


class RetryableError(WorkflowError):
    """An action failed in a way that may pass; ``retry_after`` (seconds) is the other side's wish."""

    code, exit_code, http_status = "retryable", 1, 500

    def __init__(
        self,
        message: str,
        *,
        kind: str = "failed",
        retry_after: float | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.retry_after = retry_after


class TriggerFault(Exception):
    """A fault in a trigger's spec: ``path`` below the trigger's key, and the message."""

    def __init__(self, message: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)


class SourceFault(Exception):
    """A fault in source code, at a line and a column of it (1-based; 0 when the place is not known)."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Cancel(BaseException):
    """Unwinds an action whose task was cancelled or timed out; ``except Exception`` does not catch it."""


#: What each exit code of the command line means; docs/reference/cli.md shows this table.
EXIT_CODES: dict[int, str] = {
    0: "ok",
    1: "the execution failed",
    2: "usage: the command line is not well formed",
    3: "invalid workflow, input or configuration",
    4: "not found",
    5: "conflict with the present state",
    6: "not now: a server, a database or a place to write to is unreachable or unavailable",
    7: "a plugin, a package, the storage or a backup cannot be used: it is missing, damaged or does not fit",
    8: "a secret or a permission is missing",
    10: "changes are pending",
    70: "a bug in workflow itself",
    130: "interrupted (SIGINT)",
    143: "terminated (SIGTERM)",
}
