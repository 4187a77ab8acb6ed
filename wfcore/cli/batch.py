"""Many executions of one workflow, begun from a file that has the inputs of each on a line of its own."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from wfcore.cli import remote, sources
from wfcore.cli.session import Session
from wfcore.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthorized,
    Unreachable,
    UsageError,
    WorkflowError,
)
from wfcore.service.body import MAX_DEPTH, parse_json

#: One request has at most so many executions, and unless one alone is longer, so many bytes.
_MOST: Final = 500
_BYTES: Final = 2**19
#: How the server names the execution of a batch that it objects to.
_NUMBERED: Final = re.compile(r"executions\[(\d+)\]: ")
#: With these the server says that it has begun none of a request.
_REFUSALS: Final = (UsageError, InvalidInput, NotFound, Conflict, Forbidden, Unauthorized, TooLarge)
#: What changes of an execution until its end.
_ENDING: Final = ("state", "started_at", "ended_at", "seconds", "error")
#: The longest key that leaves room for the number of a line in what a server takes.
_KEY: Final = 200
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: its number, and the inputs on it with those that all share."""

    line: int
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """All that is to begin of the workflow at ``path``; ``key`` makes the lines of ``file`` known again."""

    session: Session
    path: str
    file: str
    rows: Sequence[Row]
    key: str

    def begin(self) -> list[dict[str, Any]]:
        """Start an execution for each row; each as the server tells of it, with its ``line``.

        Lines that have been begun with this key before are not begun again. Raises what the server does; then
        the remedy says how many have begun, and how to begin the others.
        """
        begun: list[dict[str, Any]] = []
        with self._explained(begun):
            for portion in _portions(self.rows, self.key):
                self._send(portion, begun)
        return begun

    def await_ends(self, begun: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The executions, once all have ended."""
        ends = []
        with self._explained(begun):
            for one in begun:
                end = remote.await_end(self.session, one["id"])
                ends.append({**one, **{name: end[name] for name in _ENDING}})
        return ends

    @contextmanager
    def _explained(self, begun: Sequence[object]) -> Iterator[None]:
        """Errors inside say what has become of the whole; ``begun`` grows inside."""
        try:
            yield
        except WorkflowError as error:
            done = f"{len(begun)} of {len(self.rows)} have begun"
            if not isinstance(error, _REFUSALS) and len(begun) < len(self.rows):
                done = f"at least {done}" if begun else "perhaps some have begun"
            again = f"the same command with {option(self.key)} begins only what has not"
            done = f"{done}, {again}" if begun or not isinstance(error, _REFUSALS) else "nothing has begun"
            error.remedy = f"{error.remedy}; {done}" if error.remedy else done
            raise

    def _send(self, portion: Sequence[Row], begun: list[dict[str, Any]]) -> None:
        """Begin a portion, by halves if it is too much for the server; ``begun`` grows by each that is."""
        body = {"executions": [_asked(row, self.key) for row in portion]}
        try:
            answer = self.session.client.post(f"{self.path}/executions/batch", body)
        except TooLarge as error:
            if len(portion) == 1:
                error.message = f"{_place(self.file)}:{portion[0].line}: {error.message}"
                raise
            half = len(portion) // 2
            self._send(portion[:half], begun)
            self._send(portion[half:], begun)
            return
        except WorkflowError as error:
            error.message = self._located(error.message, portion)
            raise
        told = answer.get("executions") if isinstance(answer, dict) else None
        if not isinstance(told, list) or len(told) != len(portion):
            raise Unreachable(
                "the answer is not one of a workflow server", remedy="check the URL of the server"
            )
        begun += [{**one, "line": row.line} for one, row in zip(told, portion, strict=True)]

    def _located(self, message: str, portion: Sequence[Row]) -> str:
        """What the server says of an execution by its number in a request, said of the line of the file."""
        numbered = _NUMBERED.match(message)
        if numbered is None or int(numbered[1]) >= len(portion):
            return message
        return f"{_place(self.file)}:{portion[int(numbered[1])].line}: {message[numbered.end() :]}"


def check_key(key: str | None) -> None:
    """Raises UsageError for what is no key of one execution, or of the lines of a file."""
    if key is None:
        return
    if not (0 < len(key) <= _KEY and key.isascii() and key.isprintable() and key == key.strip()):
        remedy = f"give 1 to {_KEY} printable ASCII characters, without spaces around them"
        raise UsageError("--key is not valid", remedy=remedy)


def new_key() -> str:
    """A key that nobody has used."""
    return f"each-{uuid.uuid4()}"


def option(key: str) -> str:
    """The option that gives this key, for a shell."""
    return f"--key={shlex.quote(key)}"


def rows(file: str, shared: Mapping[str, Any]) -> list[Row]:
    """The lines of a file of JSON objects (or ``-``); empty ones are passed over.

    Raises NotFound, UsageError for a file without any, InvalidInput for a line that is none.
    """
    lines = sources.read(file, sources.INPUTS).removeprefix(_BOM).split(b"\n")
    found = [
        Row(number, {**shared, **_object(text, f"{_place(file)}:{number}")})
        for number, text in enumerate(lines, 1)
        if text.strip()
    ]
    if not found:
        raise UsageError(f"{_place(file)} has no line", remedy='write {"name": value, …} for each execution')
    return found


def _asked(row: Row, key: str) -> dict[str, Any]:
    return {"inputs": row.inputs, "key": f"{key}/{row.line}"}


def _portions(rows: Sequence[Row], key: str) -> Iterator[list[Row]]:
    portion: list[Row] = []
    length = 0
    for row in rows:
        size = len(json.dumps(_asked(row, key))) + len(", ")
        if portion and (len(portion) == _MOST or length + size > _BYTES):
            yield portion
            portion, length = [], 0
        portion.append(row)
        length += size
    yield portion


def _object(text: bytes, where: str) -> dict[str, Any]:
    """The inputs on a line, read as strictly as the server reads them inside an execution."""
    try:
        value = parse_json(text, where, MAX_DEPTH - 1)
    except UsageError as error:
        raise InvalidInput(error.message, remedy='write {"name": value, …}') from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} is not a JSON object", remedy='write {"name": value, …}')
    return value


def _place(file: str) -> str:
    return "standard input" if file == "-" else file
