"""What an error of PostgreSQL means to a user, and to whoever thinks of trying again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import peewee
import psycopg2
from playhouse.pool import MaxConnectionsExceeded

from wfcore.api import InvalidInput, Unavailable

from .postgres_target import Target

#: What peewee and psycopg2 raise; peewee wraps most of the other's errors, but not all.
ERRORS: Final = (psycopg2.Error, peewee.DatabaseError, peewee.InterfaceError)
_BUGS: Final = (
    psycopg2.IntegrityError,
    psycopg2.ProgrammingError,
    psycopg2.NotSupportedError,
    psycopg2.DataError,
)
_DEADLOCK: Final = ("40001", "40P01")
_FORBIDDEN: Final = "42501"
_REMEDIES: Final = {
    "25006": "it is a standby, or read-only: let `storage.url` name the server that can be written to",
    "42501": "grant the rights on its tables to that user, or make it their owner",
    "53100": "free some space on the server's disk",
    "53300": "raise `max_connections` of the server, or lower `storage.poolSize`",
    "57014": "raise its `statement_timeout`, or try again when the server has less to do",
}
_REMEDY: Final = (
    "check that the server runs and is reached, and that `storage.url` and the password are right"
)


@contextmanager
def faults(target: Target) -> Iterator[None]:
    """Turn what the database cannot do now into Unavailable, and a text that it can never keep into
    InvalidInput; bugs of ours pass as they are.
    """
    try:
        yield
    except MaxConnectionsExceeded as error:
        raise Unavailable(
            f"all connections to the database {target} are in use",
            remedy="try again in a moment; if it stays so, raise `storage.poolSize`",
        ) from error
    except ValueError as error:
        if "NUL" not in str(error):
            raise
        raise InvalidInput(
            "PostgreSQL cannot keep a text with the character U+0000", remedy="leave that character out"
        ) from error
    except ERRORS as error:
        cause = cause_of(error)
        if isinstance(cause, _BUGS) and cause.pgcode != _FORBIDDEN:
            raise
        raise unavailable(target, error) from error


def unavailable(target: Target, error: BaseException) -> Unavailable:
    """The error for a database that cannot be used now."""
    cause = cause_of(error)
    remedy = _REMEDIES.get(cause.pgcode or "", _REMEDY) if cause is not None else _REMEDY
    return Unavailable(f"the database {target} cannot be used: {line(cause or error)}", remedy=remedy)


def cause_of(error: BaseException | None) -> psycopg2.Error | None:
    """The first of psycopg2's errors that led to this one: a failed ROLLBACK hides what came before it."""
    found = None
    while error is not None:
        if isinstance(error, psycopg2.Error):
            found = error
        error = error.__cause__ or error.__context__
    return found


def is_deadlock(error: BaseException) -> bool:
    """Whether the same transaction may succeed at once: another one stood in its way."""
    cause = cause_of(error)
    return cause is not None and cause.pgcode in _DEADLOCK


def line(error: BaseException) -> str:
    """One line without values of ours."""
    primary = error.diag.message_primary if isinstance(error, psycopg2.Error) else None
    return primary or " ".join(str(error).split()) or type(error).__name__
