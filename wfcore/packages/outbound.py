"""HTTP requests of sandboxed code: permitted or refused, with secrets put in at the last moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wfcore.egress.guard import Response
from wfcore.egress.hop import Hop, redirect
from wfcore.egress.rules import Rule
from wfcore.egress.url import Url, parse
from wfcore.errors import Forbidden, InvalidInput, RetryableError, TerminalError
from wfcore.packages import network
from wfcore.packages.handles import Encode, Handles, as_is, denied, in_json, in_path, in_query
from wfcore.plugins.contracts import TaskContext

#: Bytes of an answer that are read.
MAX_ANSWER: Final = 10 * 1024 * 1024
TIMEOUT: Final = 30.0
MAX_REDIRECTS: Final = 10


@dataclass(frozen=True, slots=True)
class Outbound:
    """Sends what ``rules`` permit, by the egress guard of the task, which has its own say.

    ``until`` is when the call's time is over, on the monotonic clock.
    """

    rules: Sequence[Rule]
    handles: Handles
    task: TaskContext
    until: float

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        redirects: int,
    ) -> dict[str, Any]:
        """``{status, headers, body, url}`` of the answer, without the secrets that it may repeat.

        Every hop of a redirect is permitted anew, and gets only the secrets that may go there. Raises
        TerminalError (``permission``, ``invalid_input``, …) and RetryableError.
        """
        from wfcore.egress.http import check_headers, check_method  # with TLS, which few processes need

        clock = self.task.clock
        until = min(clock.monotonic() + self.task.remaining(timeout), self.until)
        try:
            hop = Hop(check_method(method), self._url(url), check_headers(headers), body)
            for left in range(redirects, -1, -1):
                answer = self._exchange(hop, until - clock.monotonic())
                place = redirect(answer.status, answer.headers)
                if place is None or not redirects:
                    return self._shown(answer)
                if left:
                    hop = hop.next(place, answer.status)
        except Forbidden as error:
            raise TerminalError(error.message, kind="permission", remedy=error.remedy) from None
        except InvalidInput as error:
            raise TerminalError(error.message, kind="invalid_input") from None
        raise TerminalError(f"{hop.url.origin}: more than {redirects} redirects", kind="redirect")

    def _url(self, text: str) -> Url:
        """The URL with its handles still in it; one that is a handle alone is given up for its value."""
        whole = self.handles.whole_url(text)
        parsed = parse(whole)
        if whole != text:
            self._expect_permitted(parsed)
            self.handles.expect_allowed(text, parsed)
        return parsed

    def _exchange(self, hop: Hop, seconds: float) -> Response:
        url = parse(
            hop.url.origin + self._filled(hop.url.path, in_path) + self._filled(hop.url.query, in_query)
        )
        self._expect_permitted(url)
        self.handles.expect_allowed(f"{hop.url.path}{hop.url.query}", url)
        headers = {name: self._given(value, url, as_is) for name, value in hop.headers.items()}
        body = None if hop.body is None else self._body(hop.body, url, hop.headers.get("content-type", ""))
        try:
            return self.task.egress.request(
                hop.method,
                url.text,
                headers=headers,
                body=body,
                timeout=max(seconds, 0.001),
                max_bytes=MAX_ANSWER,
                redirects=0,
                on_cancel=self.task.on_cancel,
            )
        except RetryableError:
            self.task.check()  # a request that a cancel has interrupted did not fail
            raise

    def _filled(self, text: str, encode: Encode) -> str:
        return self.handles.fill(text, encode)

    def _given(self, text: str, url: Url, encode: Encode) -> str:
        self.handles.expect_allowed(text, url)
        return self.handles.fill(text, encode)

    def _body(self, body: bytes, url: Url, type: str) -> bytes:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        kind = type.partition(";")[0].strip().lower()
        form = kind == "application/x-www-form-urlencoded"
        json = kind == "application/json" or kind.endswith("+json")
        return self._given(text, url, in_query if form else in_json if json else as_is).encode()

    def _expect_permitted(self, url: Url) -> None:
        if not network.allows(tuple(self.rules), url):
            raise denied(f"it may not connect to {url.origin}{_where(self.rules, url)}")

    def _shown(self, answer: Response) -> dict[str, Any]:
        url = parse(answer.url)

        def mask(text: str) -> str:
            return self.handles.mask_answer(text.encode(), url).decode()

        content = self.handles.mask_answer(answer.body, url)
        try:
            body: Any = content.decode()
        except UnicodeDecodeError:
            body = content
        headers = {name: mask(value) for name, value in answer.headers.items()}
        return {"status": answer.status, "headers": headers, "body": body, "url": mask(answer.url)}


def _where(rules: Sequence[Rule], url: Url) -> str:
    """What of the host is permitted, for who has mistaken a path."""
    near = [network.shown(rule) for rule in rules if rule.host == url.host]
    return f", only to {', '.join(near)}" if near else ""
