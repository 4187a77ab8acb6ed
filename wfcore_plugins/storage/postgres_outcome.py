"""What became of a transaction whose COMMIT was sent over a connection that was then lost."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

import psycopg2

from wfcore.api import Unavailable

from .postgres_faults import ERRORS, faults
from .postgres_pool import Pool

#: Seconds that a server which cannot be reached gets to come back, and the pauses between questions.
_PATIENCE: Final = 30.0
_PAUSES: Final = (0.0, 0.05, 0.1, 0.2, 0.5)
_STATUS: Final = "select pg_xact_status(%s::xid8)"
#: The other end of the lost connection, if it still works on the transaction.
_END: Final = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where backend_xid::text = (%s::bigint & 4294967295)::text"
)
_WRITTEN: Final = (
    "select exists (select from execution where id = %s and xmin::text = (%s::bigint & 4294967295)::text)"
)
_REMEDY: Final = "what is in storage is whole and true: read it again before anything is repeated"


@dataclass(frozen=True, slots=True)
class Question:
    """The transaction's id, and the id of one execution that it has written."""

    transaction: str
    execution: str


def was_committed(pool: Pool, question: Question, stopping: threading.Event) -> bool:
    """Ask the server until it knows: True when all was written, False when nothing was.

    Raises Unavailable when the server is not back in time, does not know, or ``stopping`` is set.
    """
    until, pauses = time.monotonic() + _PATIENCE, iter(_PAUSES)
    while not stopping.wait(next(pauses, _PAUSES[-1])):
        try:
            with faults(pool.target), pool.lent():
                status = _status(pool, question)
        except Unavailable:
            if time.monotonic() > until:
                raise
            continue
        if status != "in progress":
            return _decided(pool, status)
    raise _unknown(pool, "the server is stopping")


def _status(pool: Pool, question: Question) -> str:
    """``committed``, ``aborted``, ``in progress``, or why that cannot be said."""
    try:
        (status,) = pool.execute_sql(_STATUS, (question.transaction,)).fetchone()
    except ERRORS as error:
        if not isinstance(error.__context__, psycopg2.DataError):
            raise
        return "aborted"  # an id that was never given out: the server has crashed before it wrote any of it
    if status == "in progress":
        pool.execute_sql(_END, (question.transaction,))
    if status == "committed" and not _is_written(pool, question):
        return "not to be seen any more"
    return status or "forgotten"


def _is_written(pool: Pool, question: Question) -> bool:
    """Whether it was this transaction: after a crash a server may give an id to another one."""
    found = pool.execute_sql(_WRITTEN, (question.execution, question.transaction))
    return bool(found.fetchone()[0])


def _decided(pool: Pool, status: str) -> bool:
    if status in ("committed", "aborted"):
        return status == "committed"
    raise _unknown(pool, f"the transaction is {status}")


def _unknown(pool: Pool, why: str) -> Unavailable:
    return Unavailable(
        f"the connection to the database {pool.target} was lost during a commit, and whether it was"
        f" written is not known: {why}",
        remedy=_REMEDY,
    )
