"""What a route is: a path, its methods, and who has access to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from wfcore.service.access import Access
from wfcore.service.body import JSON_TYPES
from wfcore.service.params import Param
from wfcore.service.site import Site

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a route, and who has ``access``. ``answers`` maps status to a schema's name ("": no body).

    ``body`` is a schema's name, ``takes`` the content types of the request, ``gives`` that of the
    answer; ``headers`` the request headers that it heeds; ``errors`` what it may refuse with beyond 400,
    401 and 500.
    """

    method: str
    access: Access
    summary: str
    answers: Mapping[int, str]
    query: tuple[Param, ...] = ()
    body: str = ""
    takes: tuple[str, ...] = JSON_TYPES
    gives: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A path with its resource; ``suffix`` picks its ``on_METHOD_suffix``; ``free`` takes any query.

    ``everywhere``: also a server answers it that is only a worker.
    """

    path: str
    resource: Callable[[Site], object]
    operations: tuple[Operation, ...]
    suffix: str | None = None
    free: bool = False
    everywhere: bool = False

    @property
    def public(self) -> bool:
        """Whether no method of it needs a token."""
        return all(operation.access.role is None for operation in self.operations)
