"""Who acts: the name in the audit log, the role, and the namespaces that it is good for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from wfcore.errors import Forbidden

Role = Literal["viewer", "operator", "admin"]
#: From the least to the most; each may do what those before it may.
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "admin")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. ``namespaces`` are those it may act in, empty: all of the installation.

    ``remote`` is the address that it speaks from; empty for a process of this machine.
    """

    name: str
    role: Role
    namespaces: tuple[str, ...] = ()
    remote: str = ""

    def has(self, role: Role) -> bool:
        """Whether its role is this one or one above it."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, namespace: str) -> bool:
        """Whether it may act in a namespace."""
        return not self.namespaces or namespace in self.namespaces

    def expect(self, namespace: str) -> None:
        """Raises Forbidden when it may not act in a namespace."""
        if not self.sees(namespace):
            raise Forbidden(
                f"this token may not act in the namespace {namespace}",
                remedy=f"its namespaces are {', '.join(self.namespaces)}; ask an administrator for another",
            )


#: The operator of this machine: whoever runs the program on the data directory itself.
LOCAL: Final = Actor("local", "admin")
