"""Writes the audit log of this server: one chain, each entry in the transaction of its act."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from wfcore.audit.actions import Action
from wfcore.audit.chain import ORIGIN, PRUNE, seal
from wfcore.audit.throttle import Throttle
from wfcore.errors import Conflict, WorkflowError
from wfcore.model.actor import Actor
from wfcore.model.records import AuditRecord
from wfcore.plugins.contracts import Clock, Storage

#: The longest text that an entry takes from outside, in characters.
MAX_TEXT: Final = 500
#: What of the characters that end a line or steer a terminal is left of a text from outside.
_SAFE: Final = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), "\ufffd")
_TRIES: Final = 3
#: Who removes old entries.
RETENTION: Final = Actor("retention", "admin")
_log = logging.getLogger("workflow.audit")


class AuditLog:
    """The log of one server. ``server`` names its chain: the same after each start. ``mask`` takes known
    secrets out of a text.

    One act at a time: the entry's place in the chain is its alone until it is durable.
    """

    def __init__(self, storage: Storage, clock: Clock, server: str, mask: Callable[[str], str] = str) -> None:
        self._storage = storage
        self._clock = clock
        self._server = server
        self._mask = mask
        self._lock = threading.RLock()
        self._head: AuditRecord | None = None
        self._throttle = Throttle(clock)

    @contextmanager
    def act(
        self, by: Actor, action: Action, target: str, detail: Mapping[str, Any] | None = None
    ) -> Iterator[None]:
        """What the block writes to storage, and the entry that says so: both are durable at its end, or none.

        An act that is refused inside is recorded too, with the error's code; the error goes on.
        """
        try:
            with self._lock, self._chained():
                entry = self._next(by, action, target, "ok", detail or {})
                with self._storage.transaction():
                    yield
                    self._storage.append_audit(entry)
                self._head = entry
        except WorkflowError as error:
            if error.http_status < 500:
                self.refused(by, action, target, error, detail)
            raise

    def note(
        self, by: Actor, action: Action, target: str, result: str, detail: Mapping[str, Any] | None = None
    ) -> None:
        """An entry of its own, for what writes nothing else. Raises Unavailable when it cannot be written."""
        for left in reversed(range(_TRIES)):
            try:
                self._append(by, action, target, result, detail or {})
                return
            except Conflict:  # another process of this place, such as a command, has taken the number
                if not left:
                    raise

    def refused(
        self,
        by: Actor,
        action: Action,
        target: str,
        error: WorkflowError,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """An entry for what was refused; it stays refused when the entry cannot be written, and is logged."""
        self.denied(by, action, target, error.code, {**(detail or {}), "error": error.message})

    def denied(self, by: Actor, action: Action, target: str, result: str, detail: Mapping[str, Any]) -> None:
        """As ``refused``. Of many alike within a minute the first are written, then how many were not."""
        more = self._throttle.admit((by.name, by.remote, action))
        if more is None:
            return
        told = {**detail, "unwritten": more} if more else detail
        try:
            self.note(by, action, target, result, told)
        except WorkflowError as error:
            _log.error("%s of %s by %s was refused, and not recorded: %s", action, target, by.name, error)

    def prune(self, before: int) -> int:
        """Remove what is older than a time, from the front of every server's log; how many entries.

        What is left says where it begins. The last entry of a log stays, or nobody could go on with it.
        """
        gone = 0
        for head in self._storage.audit_heads():
            old = [one for one in self._storage.audit_chain(head.server) if one.at < before]
            end = next((one for one in reversed(old) if one.seq < head.seq), None)
            if end is not None:
                with self.act(RETENTION, PRUNE, end.server, {"seq": end.seq, "digest": end.digest}):
                    gone += self._storage.prune_audit(end.server, end.seq)
        return gone

    def _append(self, by: Actor, action: Action, target: str, result: str, detail: Mapping[str, Any]) -> None:
        with self._lock, self._chained():
            entry = self._next(by, action, target, result, detail)
            with self._storage.transaction():
                self._storage.append_audit(entry)
            self._head = entry

    @contextmanager
    def _chained(self) -> Iterator[None]:
        """Whatever fails, the end of the chain is read again before the next entry."""
        try:
            yield
        except BaseException:
            self._head = None
            raise

    def _next(
        self, by: Actor, action: Action, target: str, result: str, detail: Mapping[str, Any]
    ) -> AuditRecord:
        head = self._head or self._last()
        return seal(
            AuditRecord(
                server=self._server,
                seq=head.seq + 1 if head else 1,
                at=max(self._clock.now(), head.at if head else 0),
                actor=self._line(by.name),
                remote=self._line(by.remote),
                action=action,
                target=self._line(target),
                result=result,
                detail=self._cleaned(detail),
                previous=head.digest if head else ORIGIN,
                digest="",
            )
        )

    def _last(self) -> AuditRecord | None:
        return next((one for one in self._storage.audit_heads() if one.server == self._server), None)

    def _cleaned(self, detail: Any) -> Any:
        match detail:
            case str():
                return self._line(detail)
            case dict():
                return {self._line(str(name)): self._cleaned(value) for name, value in detail.items()}
            case list() | tuple():
                return [self._cleaned(value) for value in detail]
        return detail

    def _line(self, text: str) -> str:
        """A text from outside without secrets, as one line of bounded length."""
        line = self._mask(text).encode("utf-8", "replace").decode().translate(_SAFE)
        return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"
