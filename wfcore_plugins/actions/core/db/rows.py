"""The rows of an insert: checked names, and groups of rows that have the same columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from wfcore.api import InvalidInput, TerminalError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$ -]{0,62}", re.ASCII)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Insert:
    """What ``db.insert`` was asked for. ``table`` is its path (one or two names), ``keys`` a unique key."""

    table: tuple[str, ...]
    rows: Sequence[Row]
    on_conflict: str
    keys: tuple[str, ...]

    @property
    def target(self) -> str:
        """The quoted table."""
        return ".".join(map(quoted, self.table))

    def groups(self) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
        """Runs of neighbouring rows with the same columns, so that what a row lacks gets its default."""
        for _, neighbours in groupby(self.rows, key=_columns):
            rows = list(neighbours)
            yield _columns(rows[0]), rows

    def head(self, columns: Sequence[str]) -> str:
        """The statement up to the values; every name in it is checked and quoted."""
        return f"INSERT INTO {self.target} ({', '.join(map(quoted, columns))}) VALUES "  # noqa: S608

    def conflict(self, columns: Sequence[str]) -> str:
        """The ON CONFLICT clause; both engines speak it."""
        if self.on_conflict == "error":
            return ""
        where = f" ({', '.join(map(quoted, self.keys))})" if self.keys else ""
        others = [quoted(column) for column in columns if column not in self.keys]
        if self.on_conflict == "ignore" or not others:
            return f" ON CONFLICT{where} DO NOTHING"
        return f" ON CONFLICT{where} DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in others)


def _columns(row: Row) -> tuple[str, ...]:
    return tuple(row)


def quoted(name: str) -> str:
    """An SQL identifier in quotes. Raises InvalidInput for a name that is not plainly one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no table or column name; use letters, digits and _ (at most 63)")
    return f'"{name}"'


def read_insert(inputs: Mapping[str, Any]) -> Insert:
    """The inputs of ``db.insert``. Raises InvalidInput that names the row."""
    table = tuple(inputs["table"].split("."))
    if len(table) > 2:
        raise InvalidInput(f"table: {inputs['table']!r} has too many dots; write table or schema.table")
    keys = tuple(inputs.get("keys", ()))
    on_conflict = inputs.get("on_conflict", "error")
    if on_conflict == "replace" and not keys:
        raise InvalidInput("keys: on_conflict: replace needs the columns that identify a row")
    data = inputs["data"]
    rows = [data] if isinstance(data, Mapping) else data
    for name in (*table, *keys):
        quoted(name)
    for index, row in enumerate(rows):
        _check(row, keys, f"data[{index}]" if rows is data else "data")
    return Insert(table, rows, on_conflict, keys)


def _check(row: Any, keys: Sequence[str], where: str) -> None:
    if not isinstance(row, Mapping) or not row:
        raise InvalidInput(f"{where}: a row is a mapping of columns to values, with at least one column")
    for column in row:
        quoted(column)
    if len({column.lower() for column in row}) < len(row):
        raise InvalidInput(f"{where}: two columns differ only in case")
    missing = [key for key in keys if key not in row]
    if missing:
        raise InvalidInput(f"{where}: the key column {missing[0]!r} is missing")


def check_result(columns: Sequence[str], count: int, limit: int) -> None:
    """Refuse a result that an output cannot hold, while its transaction can still be rolled back."""
    if count > limit:
        remedy = "add a LIMIT to the SQL or raise max_rows"
        text = f"there are more than {limit} rows; {remedy}"
        raise TerminalError(text, kind="too_large", remedy=remedy)
    if len(set(columns)) < len(columns):
        raise InvalidInput("sql: two columns of the result have the same name; tell them apart with AS")
