"""Questions over HTTP, through the guard, with answers that a registry can give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wfcore.api import (
    Context,
    Guard,
    InvalidPackage,
    NotFound,
    PluginError,
    Response,
    RetryableError,
    TerminalError,
    Unreachable,
)

#: Bytes of the largest archive that is fetched, and seconds that one answer may take.
MOST: Final = 64 * 1024 * 1024
SECONDS: Final = 60.0


def guard(context: Context) -> Guard:
    """The guard of a context. Raises PluginError where there is none."""
    if context.egress is None:
        raise PluginError(f"the registry {context.name} has no way out", remedy="report this as a bug")
    return context.egress


def ask(
    guard: Guard,
    url: str,
    *,
    most: int = MOST,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
) -> Response:
    """An answer with whatever status below 500.

    Raises Unreachable for no answer and for the server's own failures, InvalidPackage for one that is too
    large, and Forbidden for what the guard does not let through.
    """
    try:
        found = guard.request(method, url, headers=headers, body=body, timeout=SECONDS, max_bytes=most)
    except RetryableError as error:
        raise Unreachable(error.message, remedy="try again later; nothing was installed") from None
    except TerminalError as error:
        what = (
            f"more than {most} bytes"
            if error.kind == "too_large"
            else f"what cannot be used: {error.message}"
        )
        raise InvalidPackage(f"{url} answers with {what}", remedy="ask who runs the registry") from None
    if found.status >= 500 or found.status in (408, 425, 429):
        raise Unreachable(f"{url} answers {found.status}", remedy="try again later; nothing was installed")
    return found


def body_of(response: Response, url: str, what: str) -> bytes:
    """The body of an answer that is one. Raises NotFound."""
    if response.status != 200:
        raise NotFound(f"{url} answers {response.status}, not with {what}", remedy="correct the reference")
    return response.body


def signature_beside(guard: Guard, url: str) -> str:
    """The minisign file that lies beside a file, empty when there is none."""
    found = ask(guard, f"{url}.minisig", most=8192)
    return found.body.decode("utf-8", "replace") if found.status == 200 else ""
