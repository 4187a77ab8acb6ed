"""The host's answers to a call: given once, and given again when the call has to begin anew."""

from __future__ import annotations

import hashlib
from typing import Final

from wfcore.api import Host, RetryableError, TerminalError, WorkflowError
from wfcore_plugins.runtimes.wasm import values
from wfcore_plugins.runtimes.wasm.limits import MAX_TEXT

#: Answers are remembered up to so many bytes.
_REMEMBERED: Final = 8 * 1024 * 1024


class Answers:
    """A call is a function of its inputs and these answers: with the same ones it takes the same course.

    So nothing that the host has done is done twice. ``most`` is how many questions a call has.
    """

    def __init__(self, host: Host, most: int) -> None:
        self._host = host
        self._most = most
        self._past: list[tuple[bytes, bytes]] = []
        self._remembered = 0
        self._asked = 0

    @property
    def can_repeat(self) -> bool:
        """Whether all answers so far are remembered."""
        return self._remembered <= _REMEMBERED

    def rewind(self) -> None:
        """The call begins anew."""
        self._asked = 0

    def to(self, question: bytes) -> bytes:
        """The answer. Raises what ends the call: Cancel, TerminalError, RetryableError."""
        index, self._asked = self._asked, self._asked + 1
        digest = hashlib.sha256(question).digest()
        if index < len(self._past):
            asked, answer = self._past[index]
            if asked != digest:
                raise RetryableError("its sandbox process has ended, and it cannot go on", kind="sandbox")
            return answer
        if index >= self._most:
            raise TerminalError(f"the code makes more than {self._most} host calls", kind="host_calls")
        answer = self._ask(question)
        self._remembered += len(answer)
        if self.can_repeat:
            self._past.append((digest, answer))
        return answer

    def _ask(self, question: bytes) -> bytes:
        try:
            request = values.decode(question)
        except ValueError as error:
            return _refusal("invalid_input", f"the host call is malformed: {error}")
        if not isinstance(request, dict):
            return _refusal("invalid_input", "the host call is malformed: it is no object")
        try:
            answer = values.encode({"value": self._host(request)})
        except WorkflowError as error:
            kind = error.kind if isinstance(error, TerminalError | RetryableError) else error.code
            after = error.retry_after if isinstance(error, RetryableError) else None
            return _refusal(kind, error.message, isinstance(error, RetryableError), after)
        except ValueError as error:
            return _refusal("output", f"the answer has no JSON form: {error}")
        if len(answer) > MAX_TEXT:
            return _refusal("too_large", f"the answer has {len(answer)} bytes; at most {MAX_TEXT} are given")
        return answer


def _refusal(kind: str, message: str, retryable: bool = False, after: float | None = None) -> bytes:
    error = {"type": kind, "message": message, "retryable": retryable}
    return values.encode({"error": error if after is None else {**error, "retry_after": after}})
