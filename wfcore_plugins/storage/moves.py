"""All rows of a storage, read at one moment and written into another one; the same for every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from peewee import DataError, Tuple

from wfcore.api import Conflict, PluginError

from .schema import COLUMNS, Sessions, Tables

if TYPE_CHECKING:
    from wfcore.api import Rows

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "workflow": ("namespace", "id"),
    "revision": ("namespace", "workflow", "revision"),
    "trigger": ("namespace", "workflow", "name"),
    "tick": ("namespace", "workflow", "trigger", "due_at"),
    "execution": ("id",),
    "task": ("execution", "path"),
    "fact": ("execution", "seq"),
    "inbox": ("id",),
    "permit": ("execution", "path"),
    "record": ("namespace", "key"),
    "blob_ref": ("digest", "execution"),
    "package": ("digest",),
    "secret": ("scope", "name"),
    "audit": ("server", "seq"),
    "token": ("name",),
}
#: Servers, and what they run for each other, live where they run: they are not moved. A message gets a number
#: where it comes to.
_LEFT: Final = {"node": COLUMNS["node"], "offer": COLUMNS["offer"], "inbox": ("id",)}
#: Rows in memory at once; one may have a few hundred kilobytes.
_PAGE: Final = 200


class MoveQueries:
    """The part of the storage contract that is about moving to another storage."""

    def load(self: Sessions, rows: Rows, check: Callable[[Rows], None]) -> None:
        """See ``Movable``."""
        with self.writing(alone=True) as t:
            here = TableRows(t, self.get_blob)
            for name in here.tables:
                if next(here.pages(name), None):
                    raise Conflict(
                        f"the storage to move to is not empty: it has rows of {name}",
                        remedy="give it an empty database, or remove what is in it",
                    )
            for name, columns in here.tables.items():
                table = getattr(t, name)
                for page in rows.pages(name):
                    _insert(table, name, columns, page)
            check(here)


def _insert(table: Any, name: str, columns: Sequence[str], page: Sequence[tuple[Any, ...]]) -> None:
    try:
        table.insert(page, columns=[getattr(table, column) for column in columns]).execute()
    except (ValueError, DataError) as error:  # such as a NUL, which PostgreSQL has no place for in a text
        raise PluginError(
            f"a row of {name} cannot be stored there: {' '.join(str(error).split())[:200]}",
            remedy="nothing was moved; delete that row first, or stay where you are",
        ) from error


class TableRows:
    """The rows of all tables as a transaction sees them: the ``Rows`` of the contracts.

    ``content`` reads content on the connection that the transaction has.
    """

    def __init__(self, tables: Tables, content: Callable[[str], bytes]) -> None:
        self._tables = tables
        self.content = content
        self.tables: Mapping[str, tuple[str, ...]] = {
            name: tuple(column for column in COLUMNS[name] if column not in _LEFT.get(name, ()))
            for name in _KEYS
        }

    def pages(self, table: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of a table in the order of its key, some at a time."""
        source, width = getattr(self._tables, table), len(self.tables[table])
        keys = [getattr(source, name) for name in _KEYS[table]]
        found = source.select(*(getattr(source, name) for name in self.tables[table]), *keys)
        ordered, last = found.order_by(*keys).limit(_PAGE), None
        while True:
            page = list((ordered if last is None else ordered.where(Tuple(*keys) > Tuple(*last))).tuples())
            if page:
                yield [row[:width] for row in page]
            if len(page) < _PAGE:
                return
            last = page[-1][width:]

    def contents(self) -> Iterator[str]:
        """The digest of all content that rows refer to; some may come twice."""
        for table, column in (("blob_ref", "digest"), ("package", "module")):
            place = self.tables[table].index(column)
            rows = (row[place] for page in self.pages(table) for row in page)
            yield from (digest for digest, _ in groupby(rows))
