"""What is recorded in the audit log, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Action = Literal[
    "audit.prune",
    "egress.deny",
    "execution.cancel",
    "package.install",
    "package.revoke",
    "package.remove",
    "permission.deny",
    "request.deny",
    "secret.delete",
    "secret.rotate",
    "secret.set",
    "server.stop",
    "token.create",
    "token.revoke",
    "workflow.apply",
    "workflow.delete",
    "workflow.disable",
    "workflow.enable",
]
#: Each with what it means; the documentation has it in these words.
MEANINGS: Final[Mapping[Action, str]] = {
    "audit.prune": "entries older than `audit.retention` were removed from a log; the target is whose",
    "egress.deny": "an action may not connect to where it wanted to",
    "execution.cancel": "an execution was asked to end",
    "package.install": "a plugin package was installed, with what it was granted",
    "package.revoke": "a registry has revoked a plugin package, which does not run any more",
    "package.remove": "a plugin package was removed",
    "permission.deny": "sandboxed code asked for what its permissions do not have",
    "request.deny": "a request had no valid token, or one that may not do this",
    "secret.delete": "a secret was deleted",
    "secret.rotate": "encrypting all secrets anew was begun (`begun`) and ended",
    "secret.set": "a secret was stored or changed",
    "server.stop": "the server was asked to stop",
    "token.create": "a token was made",
    "token.revoke": "a token was revoked",
    "workflow.apply": "a workflow got a new revision",
    "workflow.delete": "a workflow was deleted",
    "workflow.disable": "a workflow was turned off",
    "workflow.enable": "a workflow was turned on",
}
