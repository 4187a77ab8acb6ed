"""``workflow token``: who may use a server, and which token this machine uses."""

from __future__ import annotations

import sys
from typing import Any

from wfcore.cli.output import Answer, Styled, table
from wfcore.cli.session import Session
from wfcore.errors import Unauthorized, UsageError


def create(
    session: Session,
    name: str,
    *,
    role: str,
    namespace: list[str] | None = None,
    expires: str | None = None,
) -> Answer:
    """Make a token and print it; it is shown this once.

    A viewer sees workflows and executions, an operator also applies, runs and cancels them, an admin does
    everything. With namespaces it is good for what is in these alone.

    Args:
        name (NAME): What it is called in lists and in the audit log, such as ci.
        role (ROLE): viewer, operator or admin.
        namespace (NAME): Only for this namespace; may be given several times.
        expires (DURATION): How long it is good, such as 30d, or never; 90 days if nothing is said.
    """
    body: dict[str, Any] = {"name": name, "role": role, "namespaces": namespace or []}
    made = session.client.post("/api/v1/tokens", body | ({"expires": expires} if expires else {}))
    return Answer(made, [made["token"]])


def list_tokens(session: Session) -> Answer:
    """List the tokens of a server, not what they say."""
    from wfcore.cli import text

    found = session.client.get("/api/v1/tokens")
    rows = [
        (
            one["name"],
            one["role"],
            ", ".join(one["namespaces"]) or "all",
            text.moment(one["created_at"]),
            one["created_by"],
            Styled(text.moment(one["expires_at"], "never"), "red" if one["expired"] else "dim"),
        )
        for one in found["tokens"]
    ]
    lines = table(("TOKEN", "ROLE", "NAMESPACES", "CREATED", "BY", "EXPIRES"), rows)
    return Answer(found, lines if rows else ["there are no tokens but the administrator's"])


def revoke(session: Session, *names: str) -> Answer:
    """Revoke tokens: from now on they open nothing.

    Args:
        names (NAME): Tokens, by name.
    """
    for name in names:
        session.client.call("DELETE", f"/api/v1/tokens/{name}")
    return Answer({"revoked": list(names)}, [f"revoked  {name}" for name in names])


def use(session: Session, *, forget: bool = False) -> Answer:
    """Keep a token for a server in the keyring, from standard input or a prompt.

    Commands use it for that server from then on, unless WORKFLOW_TOKEN is set. It is tried out first.

    Args:
        forget: Take the token of that server out of the keyring.
    """
    from wfcore.cli import keys
    from wfcore.cli.client import Client
    from wfcore.cli.finding import named

    address = named(session.server) or session.client.address
    if forget:
        gone = keys.forget(address)
        return Answer(
            {"server": address, "forgotten": gone}, [f"{'forgotten' if gone else 'nothing kept'}  {address}"]
        )
    token = _given()
    try:
        who = Client(address, token).get("/api/v1/self")
    except Unauthorized as error:
        raise Unauthorized(f"{address} does not take this token", remedy="ask for another one") from error
    keys.store(address, token)
    where = ", ".join(who["namespaces"]) or "all namespaces"
    return Answer(
        {"server": address, **who}, [f"kept  {who['name']}, {who['role']} in {where}, for {address}"]
    )


def _given() -> str:
    if sys.stdin.isatty():
        from getpass import getpass

        token = getpass("token: ").strip()
    else:
        token = sys.stdin.read(1000).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("standard input has no token", remedy="write it there: workflow token use < FILE")
    return token
