"""What differs between the databases that share this folder's schema, queries and commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of database. Statements come with ``?`` as the mark of a parameter.

    ``each`` runs a statement once per row and says for every row how many database rows it
    changed; ``many`` does the same without saying. ``transaction`` opens a writing transaction
    that ends with its ``with`` block. ``auto_key`` and ``clustered`` are pieces of DDL: the type
    of a key that counts up, and what stores a table inside its primary key.
    """

    each: Callable[[Any, str, Sequence[Row]], Sequence[int]]
    many: Callable[[Any, str, Sequence[Row]], None]
    transaction: Callable[[Any], AbstractContextManager[Any]]
    auto_key: str
    clustered: str
