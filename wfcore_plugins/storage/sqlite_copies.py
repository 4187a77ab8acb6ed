"""The part of the SQLite driver that makes backups and puts them back, beside a server or instead of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from wfcore.api import Clock, Conflict, NotFound, Unavailable

from . import migrations, sqlite_backup
from .blobs import Blobs
from .files import is_there
from .sqlite_file import check_file, faults, read_only
from .sqlite_home import Home


class Housed(Protocol):
    """What this part asks of the driver: its places."""

    _path: Path
    _blobs: Blobs
    _clock: Clock
    _home: Home

    def _missing(self) -> list[str]: ...
    def _expect_current(self) -> None: ...


class CopyQueries:
    """``Copyable``, and whether the file can be read as it is."""

    def backup(self: Housed, target: Path, beside: Sequence[Path]) -> None:
        """See ``Copyable``; also beside the server that has the file."""
        self._expect_current()
        sqlite_backup.write(self._path, self._blobs, target, beside)

    def restore(self: Housed, backup: Path, beside: Sequence[str], *, force: bool = False) -> Path | None:
        """See ``Copyable``."""
        sqlite_backup.check(backup)
        kept = self._path.with_name(f"before-restore-{self._clock.now()}")
        with faults(backup), read_only(backup / sqlite_backup.DATABASE) as db:
            migrations.pending(db)
        self._home.take()
        try:
            self._home.restoring.finish()
            if sqlite_backup.has_data(self._path) and not force:
                raise Conflict(
                    f"the database {self._path} has data", remedy="--force keeps that beside it and goes on"
                )
            self._home.restoring.decide(backup, beside, kept)
            self._home.restoring.finish()
        finally:
            self._home.leave()
        return kept if kept.exists() else None

    def _missing(self: Housed) -> list[str]:
        if not is_there(self._path):
            self._home.expect_room()
            return migrations.known()
        if not check_file(self._path):
            return migrations.known()
        with faults(self._path), read_only(self._path) as db:
            return migrations.pending(db)

    def _expect_current(self: Housed) -> None:
        """Refuse to read a database that is not there, or not as this release has it."""
        there = is_there(self._path)
        if is_there(self._home.restoring.pending):
            raise Unavailable(
                f"the restoring of {self._path} was interrupted",
                remedy="start the server once, which ends it",
            )
        if not there:
            raise NotFound(f"there is no database {self._path} yet", remedy="start the server once")
        if missing := self._missing():
            raise Unavailable(
                f"the database {self._path} lacks {', '.join(missing)}",
                remedy="run `workflow server migrate`, or start the server once",
            )
