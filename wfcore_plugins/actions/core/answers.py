"""What an HTTP answer means to a task: a value, a failure that may pass, or one that will not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NoReturn

from wfcore.api import Response, RetryableError, TerminalError, WorkflowError

#: Statuses after which the same request may succeed (RFC 9110, RFC 6585, RFC 8470).
PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))

_JSON = re.compile(r"application/([a-z0-9!#$&^_.-]+\+)?json")
_TEXT = re.compile(
    r"text/.*|application/([a-z0-9!#$&^_.-]+\+)?(xml|javascript|yaml|x-ndjson|x-www-form-urlencoded)"
)
_CHARSET = re.compile(r"""charset\s*=\s*"?([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
#: The charsets of the web. Python has decoders that are none: one of them (punycode) takes hours for a few
#: megabytes, others raise what nobody expects.
CHARSETS = frozenset(
    ("ascii", "big5", "big5-hkscs", "euc-jp", "euc-kr", "gb18030", "gb2312", "gbk", "ibm866", "iso-2022-jp",
     "koi8-r", "koi8-u", "ks-c-5601-1987", "latin-1", "latin1", "macintosh", "shift-jis", "sjis", "tis-620",
     "us-ascii", "utf-16", "utf-16be", "utf-16le", "utf-8", "utf8", "cp932", "cp949",
     *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
     *(f"{maker}125{page}" for maker in ("cp", "windows-") for page in range(9)))
)  # fmt: skip
_EXCERPT = 200
#: Characters in which secrets are looked for before the excerpt is cut: longer than any in it would be.
_SEARCHED = 128 * 1024


def parse(response: Response, wanted: str) -> Any:
    """The body as ``wanted``: ``auto`` goes by the content type; an empty JSON body is null.

    Raises TerminalError of kind ``response`` when it is not what it is called.
    """
    kind = _kind(response) if wanted == "auto" else wanted
    if kind == "bytes":
        return response.body
    if kind == "text":
        return _text(response)
    return _json(response.body) if response.body.strip() else None


def failure(method: str, response: Response, now: int, mask: Callable[[str], str] = str) -> WorkflowError:
    """The error of a status from 400 on; ``now`` (UTC, microseconds) makes a Retry-After date a delay.

    ``mask`` takes secrets out of what is told of the answer, before it is cut.
    """
    status = response.status
    phrase = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "unknown status"
    text = f"{method} {_origin(response.url)}: {status} {phrase}{_excerpt(response, mask)}"
    if status in PASSING:
        return RetryableError(text, kind="http", retry_after=_retry_after(response, now))
    return TerminalError(text, kind="http", remedy="with fail_on_status: false the answer becomes the output")


def _kind(response: Response) -> str:
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if _JSON.fullmatch(media):
        return "json"
    if _TEXT.fullmatch(media):
        return "text"
    return "bytes" if media or not _is_text(response.body) else "text"


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode()
    except UnicodeDecodeError:
        return False


def _text(response: Response) -> str:
    """The body by its charset; by UTF-8 when that is none that is known."""
    said = _CHARSET.search(response.headers.get("content-type", ""))
    charset = said[1].lower().replace("_", "-") if said else "utf-8"
    return response.body.decode(charset if charset in CHARSETS else "utf-8", "replace")


def _json(body: bytes) -> Any:
    try:
        value = json.loads(body, parse_constant=_no_constant)
        if b"\\ud" in body.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:
        reason = str(error)
    else:
        return value
    remedy = "use response: text or bytes"
    raise TerminalError(f"the answer is no JSON: {reason}; {remedy}", kind="response", remedy=remedy)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _origin(url: str) -> str:
    """Scheme, host and port alone: paths and queries may hold secrets."""
    return "/".join(url.split("/", 3)[:3])


def _excerpt(response: Response, mask: Callable[[str], str]) -> str:
    """The beginning of a readable body on one line, as it mostly says what was wrong."""
    if not response.body or _kind(response) == "bytes":
        return ""
    line = " ".join(mask(_text(response)[:_SEARCHED])[: 4 * _EXCERPT].split())
    return f": {line}" if len(line) <= _EXCERPT else f": {line[: _EXCERPT - 1]}…"


def _retry_after(response: Response, now: int) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 section 10.2.3), a number or a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, at.timestamp() - now / 1e6)
