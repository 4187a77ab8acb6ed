"""What differs between the databases that share this folder's schema and queries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of database.

    ``transaction`` opens a writing transaction that runs beside no other one opened so, and ends with
    its ``with`` block. ``text``, ``auto_key`` and ``clustered`` are pieces of DDL: the type of a text
    that is compared byte by byte, the type of a key that counts up, and what stores a table inside its
    primary key. ``content_in_tables`` says whether large content is kept in tables or as files.
    """

    transaction: Callable[[Any], AbstractContextManager[Any]]
    text: str
    auto_key: str
    clustered: str
    content_in_tables: bool

    def ddl(self, statement: str) -> str:
        """The statement of a migration with this database's pieces put in."""
        return statement.format(text=self.text, auto_key=self.auto_key, clustered=self.clustered)
