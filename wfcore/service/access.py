"""What a route asks of whoever calls it: a role, and where it must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from wfcore.model.actor import Role

#: ``everywhere``: tokens that are limited to namespaces have no access. ``path``, ``query``: they have it for
#: the namespace that is named there. ``scope``: for that of the query's ``scope``, which must be there.
#: ``execution``: for executions of their namespaces. ``body``: the service decides, which alone knows what
#: namespaces it is about. ``anywhere``: whatever their namespaces.
Scope = Literal["everywhere", "path", "query", "scope", "execution", "body", "anywhere"]


@dataclass(frozen=True, slots=True)
class Access:
    """``role`` is the least that is enough; None: no token is asked for."""

    role: Role | None
    scope: Scope


PUBLIC: Final = Access(None, "anywhere")
#: The trigger that has the address decides.
HOOK: Final = Access(None, "anywhere")
SEE: Final = Access("viewer", "anywhere")
SEE_ALL: Final = Access("viewer", "everywhere")
SEE_NAMED: Final = Access("viewer", "path")
SEE_LIST: Final = Access("viewer", "query")
SEE_EXECUTION: Final = Access("viewer", "execution")
CHECK: Final = Access("operator", "anywhere")
APPLY: Final = Access("operator", "body")
OPERATE: Final = Access("operator", "path")
CONTROL: Final = Access("operator", "execution")
ADMINISTER_SCOPE: Final = Access("admin", "scope")
ADMINISTER_SEEN: Final = Access("admin", "body")
ADMINISTER: Final = Access("admin", "everywhere")
