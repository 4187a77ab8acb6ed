"""What operators do with a storage as a whole: back it up, restore it, migrate it, move it elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from wfcore.config import Config
from wfcore.engine.clock import SystemClock
from wfcore.errors import Conflict, InvalidConfig, UsageError, WorkflowError
from wfcore.plugins.contracts import Copyable, Movable, Rows, SharedStorage, Storage
from wfcore.plugins.kinds import STORAGE
from wfcore.secrets.master import BESIDE as BESIDE_DATA
from wfcore.service.auth import ADMIN_FILE
from wfcore.service.installed import Installed
from wfcore.service.keys import master_keys

#: Files of the data directory that belong to a backup: the database that ``core/db`` uses by default, and
#: the token from which those of webhooks derive.
BESIDE: Final = ("app.sqlite", ADMIN_FILE)
_POSTGRES: Final = ("postgres://", "postgresql://")
#: What nobody means as the name of a file: another URL, one without its scheme, and libpq's words for a
#: database. Most may have a password, which no error shows.
_NO_FILE: Final = re.compile(
    r"$|//|.*://|(?![/.~])(.*:.*@|[^/]+@[^/]+[:/]|.*\b(host|dbname|user|password)\s*=)", re.DOTALL
)
_PLACE: Final = (
    "give postgres://USER@HOST:PORT/DATABASE or a file, with ./ before a name that looks like a URL;"
    " special characters in a URL are percent-encoded (%40 for @), and PGPASSWORD may have the password"
)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a storage holds: the number of rows of each table, and a digest of all of them in order."""

    counts: Mapping[str, int]
    digest: str

    @classmethod
    def of(cls, rows: Rows) -> Inventory:
        """Reads everything, in bounded memory."""
        counts, whole = {}, hashlib.sha256()
        for table, columns in rows.tables.items():
            counts[table] = 0
            whole.update(json.dumps([table, columns]).encode())
            for page in rows.pages(table):
                counts[table] += len(page)
                for row in page:
                    whole.update(json.dumps(row).encode())
        return cls(counts, whole.hexdigest())


def backup(config: Config, target: Path) -> None:
    """Copy everything into a new directory, also while a server runs. Raises Conflict, NotFound, …"""
    with _built(_reading(config), "makes no backups", _TOOLS, Copyable) as (storage, _):
        storage.backup(target.absolute(), [config.data_dir / name for name in BESIDE])


def restore(config: Config, source: Path, *, force: bool = False) -> Path | None:
    """Put a backup in the place of what is there; where that is kept. Raises Conflict, NotFound, …"""
    with _built(config, "restores no backups", _TOOLS, Copyable) as (storage, _):
        kept: Path | None = storage.restore(source.absolute(), BESIDE, force=force)
        return kept


def migrate(config: Config, *, check: bool = False) -> list[str]:
    """Bring the schema up to date; the migrations that were applied, or with ``check`` would be."""
    with _built(config, "", "") as (storage, _):
        names: list[str] = storage.migrate(check=check)
        return names


def move(config: Config, target: str) -> Inventory:
    """Move everything into the empty storage ``target``, wholly or not at all; what was moved.

    This one stays as it is. Raises Conflict while a server uses either, or when the target has rows,
    NotFound and Unavailable when there is nothing here as this release has it.
    """
    there = elsewhere(config, target)
    with _movable(_reading(config)):
        pass  # whoever opens it to write would make what is missing, or bring it up to date
    with ExitStack() as stack:
        source = stack.enter_context(_movable(config))
        with _as_given():
            place = stack.enter_context(_movable(there))
        for storage in (source, place):
            _expect_nobody(storage, config["execution"]["lease"])
        return _moved(source, place)


def _moved(source: Any, place: Any) -> Inventory:
    with source.export() as rows:
        for digest in rows.contents():  # before the rows that refer to it, as always
            place.put_blob(rows.content(digest))
        moved = Inventory.of(rows)
        place.load(rows, lambda there: _expect(moved, Inventory.of(there)))
        return moved


def survey(config: Config, target: str) -> Inventory:
    """What a move to ``target`` would bring there; neither place is changed, and servers may run.

    Raises what ``move`` would if they did not. A target of an older release is not looked into.
    """
    there = elsewhere(config, target)
    found = inventory(config)
    with _as_given():
        _expect_room(there)
    return found


def left_behind(config: Config, target: str, moved: Inventory) -> list[Path]:
    """Files of the data directory that the one at ``target`` needs too, and that are in no database."""
    if elsewhere(config, target).data_dir == config.data_dir:
        return []
    needed = [config.data_dir / ADMIN_FILE]
    if moved.counts.get("secret") and master_keys(config).beside:
        needed.append(config.data_dir / BESIDE_DATA)
    return [file for file in needed if file.exists()]


def inventory(config: Config) -> Inventory:
    """What there is, also while a server runs."""
    with _movable(_reading(config)) as source, source.export() as rows:
        return Inventory.of(rows)


def elsewhere(config: Config, target: str) -> Config:
    """The configuration with its storage at ``target``: a URL of PostgreSQL, or the path of a SQLite file.

    Raises UsageError for what looks like another URL, Conflict when that is the present one.
    """
    section, data_dir = {"type": "postgres", "url": target}, config.data_dir
    if not target.startswith(_POSTGRES):
        if _NO_FILE.match(target):
            raise UsageError(
                "--to is no place to move to: neither a URL of PostgreSQL nor a file", remedy=_PLACE
            )
        path = Path(target).expanduser().absolute()
        section = {"type": "sqlite", "path": str(path)}
        data_dir = data_dir if config["dataDir"] else path.parent
    present = config["storage"]
    if all(present.get(key) == value for key, value in section.items()):
        raise Conflict("that is the storage that is in use", remedy="name another one")
    return replace(config, data_dir=data_dir, tree={**config.tree, "storage": section})


_TOOLS: Final = (
    "use the tools of its database, such as pg_dump, or copy it by `workflow server migrate --to FILE`"
)

_IMMOVABLE: Final = ("cannot be moved", "use a built-in one")


def _reading(config: Config) -> Config:
    return replace(config, tree={**config.tree, "storage": {**config["storage"], "readOnly": True}})


@contextmanager
def _movable(config: Config) -> Iterator[Any]:
    """The storage of the configuration, started. Raises UsageError when it cannot be moved."""
    with _built(config, *_IMMOVABLE, Movable) as (storage, installed):
        installed.run(STORAGE, config["storage"]["type"], storage)
        yield storage


def _expect_room(config: Config) -> None:
    """Raise Conflict when there are rows already; a schema that is missing is not made."""
    with _built(_reading(config), *_IMMOVABLE, Movable) as (storage, installed):
        if storage.migrate(check=True):
            return
        installed.run(STORAGE, config["storage"]["type"], storage)
        with storage.export() as rows:
            for table in rows.tables:
                if next(iter(rows.pages(table)), None):
                    raise Conflict(
                        f"the storage to move to is not empty: it has rows of {table}",
                        remedy="give it an empty database, or remove what is in it",
                    )


@contextmanager
def _as_given() -> Iterator[None]:
    """Let errors about the place to move to name the option that gave it, not a setting."""
    try:
        yield
    except InvalidConfig as error:
        raise UsageError(error.message.replace("storage.url", "--to"), remedy=_PLACE) from None
    except WorkflowError as error:
        if error.remedy:
            said = error.remedy.replace("another `storage.path`", "another place")
            error.remedy = said.replace("`storage.url`", "`--to`")
        raise


def _expect_nobody(storage: Any, lease: float) -> None:
    """Raise Conflict while servers use a storage that several may use."""
    if isinstance(storage, SharedStorage):
        storage.beat("", lease)  # those that are long dead go
        if nodes := storage.nodes():
            where = ", ".join(node.address or node.id for node in nodes)
            raise Conflict(f"servers use the storage: {where}", remedy="stop them first")


@contextmanager
def _built(
    config: Config, lack: str, remedy: str, contract: Any = Storage
) -> Iterator[tuple[Any, Installed]]:
    """The storage of the configuration, not started, if it keeps the contract; else UsageError."""
    installed = Installed(config, SystemClock())
    name = config["storage"]["type"]
    try:
        storage = installed.build(STORAGE, name)
        if not isinstance(storage, contract):
            raise UsageError(f"the storage {name!r} {lack}", remedy=remedy)
        yield storage, installed
    finally:
        installed.host.stop(5.0)
        installed.egress.close()


def _expect(moved: Inventory, there: Inventory) -> None:
    if moved != there:
        table = next((t for t in moved.counts if moved.counts[t] != there.counts.get(t)), None)
        what = f"{table} has {there.counts.get(table)} rows" if table else "rows differ"
        raise WorkflowError(
            f"what arrived is not what was sent: {what}; nothing was moved", remedy="report this as a bug"
        )
