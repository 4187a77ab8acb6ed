"""The server's own log: text for people, JSON lines for machines, with the task a line is about.

A line about an execution is logged with ``extra={"execution": id, "task": path, "attempt": n}``; what else it
must not show is told by ``extra={"mask": …}``, a function of text.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from wfcore.errors import InvalidConfig

#: Attributes of a record that both forms show when they are given.
FIELDS: Final = ("execution", "task", "attempt")
#: Control characters would let logged text forge lines or drive a terminal.
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}


class TextFormatter(logging.Formatter):
    """``TIME LEVEL logger: message [execution=… task=… attempt=…]``, a traceback indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback's lines when there is one."""
        about = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}"
        line = _visible(f"{line} [{about}]" if about else line)
        trace = (_visible(part) for part in _trace(self, record).splitlines())
        return line + "".join(f"\n    {part}" for part in trace)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message; execution, task, attempt, error when given."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII JSON."""
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := _trace(self, record):
            line["error"] = trace
        return json.dumps(line, default=str)


class _Mask(logging.Filter):
    """Takes what is secret out of records before a handler has them: out of messages and tracebacks."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._mask = mask

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record through."""
        record.msg, record.args = self._masked(record, record.getMessage()), None
        if record.exc_info and record.exc_info[0]:
            trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_text = self._masked(record, trace)
        return True

    def _masked(self, record: logging.LogRecord, text: str) -> str:
        own = getattr(record, "mask", None)
        return self._mask(own(text) if own else text)


@contextmanager
def masked_logs(mask: Callable[[str], str]) -> Iterator[None]:
    """While inside, all that the handlers of the process get goes through ``mask``."""
    handlers, filter = list(logging.getLogger().handlers), _Mask(mask)
    for handler in handlers:
        handler.addFilter(filter)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(filter)


def setup_logging(section: Mapping[str, Any]) -> None:
    """Send all records where ``logging.{format,level,file}`` say; to standard error without a file.

    Raises InvalidConfig when the file cannot be written.
    """
    handler = _file(section["file"]) if section["file"] else logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if section["format"] == "json" else TextFormatter())
    logging.basicConfig(level=section["level"], handlers=[handler], force=True)
    # To find out what is not shown costs a fifth; this is how the guide of `logging` says to leave it out.
    for unseen in ("logThreads", "logProcesses", "logMultiprocessing"):
        setattr(logging, unseen, False)
    logging._srcfile = None
    logging.captureWarnings(True)
    logging.getLogger("peewee").setLevel(logging.WARNING)  # at DEBUG it logs statements with their values
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news


def _file(path: str) -> logging.Handler:
    try:  # watched: a rotated file is opened anew
        return logging.handlers.WatchedFileHandler(path, encoding="utf-8")
    except OSError as error:
        raise InvalidConfig(
            f"logging.file: {path} cannot be written: {error.strerror}",
            remedy="correct the path or its permissions, or leave it out to log to standard error",
        ) from error


def _time(record: logging.LogRecord) -> str:
    second, rest = divmod(record.created, 1)
    return f"{_second(int(second))}.{int(rest * 1_000_000):06}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    """A second as text: many lines are of the same."""
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]


def _visible(text: str) -> str:
    return text if text.isprintable() else text.translate(_CONTROL)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: record.__dict__[name] for name in FIELDS if record.__dict__.get(name) not in (None, "")}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_text:
        return record.exc_text
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
