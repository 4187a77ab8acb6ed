"""Copies of a SQLite storage: taken beside a running server, and put back wholly or not at all.

A backup is a directory: ``db.sqlite``, the content that it refers to in ``blobs/``, and other files under
their names. To restore, all of it is copied beside the database first; then one rename decides, and the
rest are moves that whoever opens the database next repeats until they are done.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from wfcore.api import Conflict, NotFound, PluginError, Unavailable

from .blobs import Blobs
from .files import forbidden, is_there, make_directory, permitted, sync_directory
from .sqlite_file import check_file, faults

DATABASE: Final = "db.sqlite"
BLOBS: Final = "blobs"
#: A link in what was decided: where the old data goes.
_KEPT: Final = "kept"
#: What SQLite keeps beside a database that is open or was left by a crash.
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
_SQLITE: Final = b"SQLite format 3\0"
#: How often a backup begins again when content goes away under it, because its execution is deleted.
_ATTEMPTS: Final = 3


def write(path: Path, blobs: Blobs, target: Path, beside: Sequence[Path]) -> None:
    """Copy the database at ``path``, its content and the files ``beside`` into the new directory ``target``.

    Everything is on disk and checked before the directory has its name. Raises Conflict when there is
    something at ``target``, Unavailable when it cannot be written, PluginError when what is copied is
    damaged, Forbidden.
    """
    with _unwritable(target):
        if target.exists() or target.is_symlink():
            raise Conflict(f"there is already something at {target}", remedy="give the backup another name")
        make_directory(target.parent)
        place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        with _unwritable(target):
            _copy_all(path, blobs, place, beside)
            _sync(place)
            place.rename(target)
            sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def check(directory: Path) -> None:
    """Raise NotFound when the directory is no backup, PluginError when it is damaged, Forbidden."""
    database = directory / DATABASE
    if not (is_there(database) and database.is_file() and is_there(directory / BLOBS)):
        raise _none(directory)
    with _sound(directory):
        ours = check_file(database)
    if not ours:
        raise _none(directory)
    with _sound(directory):
        _check_database(database)
        content = Blobs(directory / BLOBS)
        for digest in _contents(database):
            content.get(digest)


def _none(directory: Path) -> NotFound:
    return NotFound(
        f"{directory} is no backup of a SQLite storage: it has no {DATABASE} with {BLOBS}",
        remedy="name a directory that `workflow server backup` made",
    )


@contextmanager
def _sound(directory: Path) -> Iterator[None]:
    """Say of whatever is wrong with a part of a backup that the backup is damaged."""
    try:
        yield
    except (NotFound, PluginError, Unavailable) as error:
        if isinstance(error.__cause__, PermissionError):
            raise forbidden(directory, error.message) from error
        raise PluginError(
            f"the backup {directory} is damaged: {error.message}", remedy="use another backup"
        ) from error


class Restoring:
    """Puts a backup in the place of a database. Only for whoever holds the lock of the database."""

    def __init__(self, path: Path, blobs: Path, data_dir: Path) -> None:
        self._path = path
        self._places = {DATABASE: path, BLOBS: blobs}
        self._data_dir = data_dir
        #: What was decided and is not done yet.
        self.pending = path.with_name(f"{path.name}.restoring")

    def decide(self, backup: Path, beside: Sequence[str], kept: Path) -> None:
        """Copy the backup beside the database and decide for it; what is there will go to ``kept``."""
        with _unwritable(self._path), self._staged() as place:
            with permitted(backup):
                shutil.copytree(backup / BLOBS, place / BLOBS)
            for name in (DATABASE, *beside):
                if (backup / name).is_file():
                    with permitted(backup / name):
                        shutil.copy(backup / name, place / name)
            check(place)
            (place / _KEPT).symlink_to(kept)
            _sync(place)
            place.rename(self.pending)
            sync_directory(self._path.parent)

    def finish(self) -> None:
        """Do what was decided; nothing when nothing was or it is done. Raises Unavailable, Forbidden."""
        if not is_there(self.pending):
            return
        with _unwritable(self._path):
            link = self.pending / _KEPT
            if link.is_symlink():  # else all is in its place
                self._place_all(link.readlink())
                link.unlink()
            self.pending.rmdir()
            sync_directory(self.pending.parent)

    def _place_all(self, kept: Path) -> None:
        make_directory(kept)
        for entry in sorted(self.pending.iterdir()):
            if entry.name != _KEPT:
                self._place(entry, kept)
        if not any(kept.iterdir()):
            kept.rmdir()

    def _place(self, entry: Path, kept: Path) -> None:
        """Move what has this name out of the way, then the entry to its place; after a crash what is left."""
        place = self._places.get(entry.name, self._data_dir / entry.name)
        for suffix in _BESIDE:
            old = place.with_name(place.name + suffix)
            if old.exists():
                old.rename(kept / old.name)
        sync_directory(kept)
        entry.rename(place)
        sync_directory(place.parent)

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        prefix = f".{self._path.name}-"
        for left in self._path.parent.glob(f"{prefix}*"):  # by a crash
            shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(dir=self._path.parent, prefix=prefix))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def has_data(path: Path) -> bool:
    """Whether there is a database at ``path`` with anything in it; one that cannot be read has something."""
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
            own = {"schema_version", "sqlite_sequence"}
            return any(
                db.execute(f'select 1 from "{name}" limit 1').fetchone()  # noqa: S608
                for name in names
                if name not in own
            )
    except sqlite3.DatabaseError:
        return True


def _copy_all(path: Path, blobs: Blobs, place: Path, beside: Sequence[Path]) -> None:
    for attempt in range(_ATTEMPTS):
        _copy_database(path, place / DATABASE)
        _check_database(place / DATABASE)
        try:
            _copy_contents(place, blobs)
            break
        except NotFound as error:
            if attempt == _ATTEMPTS - 1:
                raise Unavailable(
                    f"the backup would lack content: {error.message}", remedy="restore an earlier backup"
                ) from error
            (place / DATABASE).unlink()
    for file in beside:
        if is_there(file) and file.is_file():
            with permitted(file), file.open("rb") as opened:
                is_database = opened.read(len(_SQLITE)) == _SQLITE
            copy: Callable[[Path, Path], object] = _copy_database if is_database else shutil.copy
            copy(file, place / file.name)


def _copy_database(source: Path, target: Path) -> None:
    """The database as it is at one moment, whoever writes to it meanwhile."""
    with faults(source), closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)) as db:
        db.execute("vacuum into ?", (str(target),))


def _copy_contents(place: Path, blobs: Blobs) -> None:
    copies = Blobs(place / BLOBS)
    (place / BLOBS).mkdir(mode=0o700, exist_ok=True)
    for digest in _contents(place / DATABASE):
        copies.put(blobs.get(digest))


def _contents(database: Path) -> list[str]:
    with faults(database), closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        columns = {"blob_ref": "digest", "package": "module"}
        there = [name for (name,) in db.execute("select name from sqlite_master") if name in columns]
        queries = (f"select {columns[name]} from {name}" for name in there)  # noqa: S608
        return [digest for (digest,) in db.execute(" union ".join(queries))]


def _check_database(database: Path) -> None:
    with faults(database), closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        (found,) = db.execute("pragma integrity_check(1)").fetchone()
    if found != "ok":
        raise PluginError(f"the database {database} is damaged: {found}", remedy="restore a backup")


def _sync(place: Path) -> None:
    """Make all files below a directory durable, private, and their names too."""
    for directory, _, names in os.walk(place, topdown=False):
        for name in names:
            file = Path(directory, name)
            if not file.is_symlink():
                file.chmod(0o600)
                handle = os.open(file, os.O_RDONLY)
                os.fsync(handle)
                os.close(handle)
        sync_directory(Path(directory))


@contextmanager
def _unwritable(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{error.filename or place} cannot be written: {error.strerror}",
            remedy="check the free space and the permissions there",
        ) from error
