"""The tables of a registry, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import peewee
from playhouse.pool import PooledPostgresqlDatabase

#: Of PostgreSQL's advisory locks the one that writers hold, so that serials have one order.
_LOCK: Final = 7233_0006


class Store:
    """One database. ``writing`` is one writer at a time, in one transaction."""

    def __init__(self, database: str, data: Path) -> None:
        """``database`` is the URL of a PostgreSQL database; without one it is a file in ``data``."""
        self.postgres = bool(database)
        self.db = _postgres(database) if database else _sqlite(data / "registry.sqlite")
        self.version = _table(self.db, "version", _VERSION, peewee.CompositeKey("name", "version"))
        self.token = _table(self.db, "token", _TOKEN)
        self.revocation = _table(self.db, "revocation", _REVOCATION)
        self.document = _table(self.db, "document", _DOCUMENT)
        self.edition = _table(self.db, "edition", _EDITION)

    @property
    def tables(self) -> tuple[Any, ...]:
        """All tables."""
        return self.version, self.token, self.revocation, self.document, self.edition

    def open(self) -> None:
        """Make what tables are missing."""
        with self.db.connection_context():
            self.db.create_tables(self.tables)

    def close(self) -> None:
        """Close all connections."""
        if self.postgres:
            self.db.close_all()
        elif not self.db.is_closed():
            self.db.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A connection for this thread."""
        with self.db.connection_context():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that no other writer is beside."""
        with self.db.connection_context():
            if self.postgres:
                with self.db.atomic():
                    self.db.execute_sql("select pg_advisory_xact_lock(%s)", (_LOCK,))
                    yield
            else:
                with self.db.atomic("IMMEDIATE"):
                    yield


def _text(**options: Any) -> Any:
    return lambda: peewee.TextField(**options)


_VERSION: Final = {
    "name": _text(),
    "version": _text(),
    "digest": _text(unique=True),
    "size": peewee.BigIntegerField,
    "description": _text(),
    "permissions": _text(),
    "published_at": peewee.BigIntegerField,
    "publisher": _text(),
    "signature": _text(),
    "changelog": _text(),
    "yanked": _text(),
    "content": peewee.BlobField,
}
_TOKEN: Final = {
    "id": _text(primary_key=True),
    "digest": _text(unique=True),
    "scopes": _text(),
    "key": _text(),
    "created_at": peewee.BigIntegerField,
    "expires_at": peewee.BigIntegerField,
    "revoked": peewee.IntegerField,
}
_REVOCATION: Final = {
    "digest": _text(primary_key=True),
    "name": _text(),
    "version": _text(),
    "reason": _text(),
}
_DOCUMENT: Final = {
    "digest": _text(primary_key=True),
    "name": _text(),
    "content": peewee.BlobField,
    "left_at": lambda: peewee.BigIntegerField(null=True),
}
_EDITION: Final = {
    "serial": lambda: peewee.BigIntegerField(primary_key=True),
    "expires_at": peewee.BigIntegerField,
    "envelope": peewee.BlobField,
}


def _table(db: Any, name: str, columns: dict[str, Any], key: Any = None) -> Any:
    meta: dict[str, Any] = {"database": db, "table_name": f"registry_{name}", "legacy_table_names": False}
    if key is not None:
        meta["primary_key"] = key
    fields = {column: make() for column, make in columns.items()}
    return type(name.capitalize(), (peewee.Model,), {**fields, "Meta": type("Meta", (), meta)})


def _sqlite(file: Path) -> Any:
    pragmas = {"journal_mode": "wal", "synchronous": "full", "busy_timeout": 10_000}
    return peewee.SqliteDatabase(str(file), pragmas=pragmas)


def _postgres(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError(
            f"{parts.scheme}: is no database that can be used; write postgres://USER@HOST/DATABASE"
        )
    return PooledPostgresqlDatabase(url, max_connections=32, timeout=10)
