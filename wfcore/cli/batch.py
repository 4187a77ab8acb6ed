"""Many executions of one workflow, begun from a file that has the inputs of each on a line of its own."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wfcore.cli import remote, sources
from wfcore.cli.session import Session
from wfcore.errors import InvalidInput, Unavailable, Unreachable, UsageError, WorkflowError

#: One request has at most so many executions, and unless one alone is longer, so many bytes.
_MOST: Final = 500
_BYTES: Final = 2**20
#: How the server names the execution of a batch that it objects to.
_NUMBERED: Final = re.compile(r"executions\[(\d+)\]: ")
#: What changes of an execution until its end.
_ENDING: Final = ("state", "started_at", "ended_at", "seconds", "error")
#: The longest key that leaves room for the number of a line in what a server takes.
_KEY: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: its number, and the inputs on it with those that all share."""

    line: int
    inputs: Mapping[str, Any]


def check_key(key: str | None) -> None:
    """Raises UsageError for what is no key of one execution, or of the lines of a file."""
    if key is not None and not (0 < len(key) <= _KEY and key.isascii() and key.isprintable()):
        raise UsageError("--key is not valid", remedy=f"give 1 to {_KEY} printable ASCII characters")


def rows(file: str, shared: Mapping[str, Any]) -> list[Row]:
    """The lines of a file of JSON objects (or ``-``); empty ones are passed over.

    Raises NotFound, UsageError for a file without any, InvalidInput for a line that is none.
    """
    found = [
        Row(number, {**shared, **_object(text, f"{_place(file)}:{number}")})
        for number, text in enumerate(sources.read(file, sources.INPUTS).split(b"\n"), 1)
        if text.strip()
    ]
    if not found:
        raise UsageError(f"{_place(file)} has no line", remedy='write {"name": value, …} for each execution')
    return found


def begin(session: Session, path: str, file: str, rows: Sequence[Row], key: str | None) -> list[Any]:
    """Start an execution for each row; those that the server tells of, in this order.

    With the same key, lines that have been begun before are not begun again. Raises what the server does;
    then the remedy says how many have begun, and how to begin the others.
    """
    client, name = session.client, key or f"each-{uuid.uuid4()}"
    begun: list[Any] = []
    for portion in _portions(rows):
        asked = [{"inputs": row.inputs, "key": f"{name}/{row.line}"} for row in portion]
        try:
            begun += client.post(f"{path}/executions/batch", {"executions": asked})["executions"]
        except WorkflowError as error:
            least = "at least " if isinstance(error, Unreachable | Unavailable) else ""
            done = "nothing has begun"
            if begun or least:
                rest = f"the same command with --key {name} begins the others"
                done = f"{least}{len(begun)} of {len(rows)} have begun, {rest}"
            error.message = _located(error.message, file, portion)
            error.remedy = f"{error.remedy}; {done}" if error.remedy else done
            raise
    return begun


def await_ends(session: Session, begun: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The executions, once all have ended."""
    ends = []
    for one in begun:
        end = remote.await_end(session, one["id"])
        ends.append({**one, **{name: end[name] for name in _ENDING}})
    return ends


def _portions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    portion: list[Row] = []
    bytes = 0
    for row in rows:
        size = len(json.dumps(row.inputs))
        if portion and (len(portion) == _MOST or bytes + size > _BYTES):
            yield portion
            portion, bytes = [], 0
        portion.append(row)
        bytes += size
    yield portion


def _located(message: str, file: str, portion: Sequence[Row]) -> str:
    """What the server says of an execution by its number in a request, said of the line of the file."""
    numbered = _NUMBERED.match(message)
    if numbered is None:
        return message
    return f"{_place(file)}:{portion[int(numbered[1])].line}: {message[numbered.end() :]}"


def _place(file: str) -> str:
    return "standard input" if file == "-" else file


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where} is not JSON: {error}", remedy='write {"name": value, …}') from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} is not a JSON object", remedy='write {"name": value, …}')
    return value
