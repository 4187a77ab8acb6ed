"""The server's log in both forms."""

import json
import logging
import sys

import pytest

from wfcore.errors import InvalidConfig
from wfcore.service.logging import JsonFormatter, TextFormatter, masked_logs, setup_logging

SECTION = {"format": "text", "level": "INFO", "file": None}


@pytest.fixture(autouse=True)
def root_logger_restored():
    root, warnings = logging.getLogger(), logging.getLogger("py.warnings")
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    logging.captureWarnings(False)
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    warnings.handlers.clear()


def record(message="hello", *args, error=None, **extra):
    made = logging.LogRecord("workflow.engine", logging.INFO, "x.py", 1, message, args, error)
    made.created = 1767225600.5
    made.__dict__.update(extra)
    return made


def test_text():
    line = TextFormatter().format(record("took %d s", 3, execution="E1", task="notify[3]/send", attempt=2))
    assert line == (
        "2026-01-01T00:00:00.500000Z INFO    workflow.engine: took 3 s"
        " [execution=E1 task=notify[3]/send attempt=2]"
    )
    assert TextFormatter().format(record()).endswith("workflow.engine: hello")


def test_json():
    line = JsonFormatter().format(record("took %d s", 3, execution="E1", task="a", attempt=0))
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00.500000Z", "level": "INFO", "logger": "workflow.engine",
        "message": "took 3 s", "execution": "E1", "task": "a", "attempt": 0,
    }  # fmt: skip


def test_a_logged_text_forges_no_line():
    evil = "x\n2026-01-01T00:00:00Z ERROR root: owned\x1b[2J\r\u2028"
    text = TextFormatter().format(record(evil, task="a\nb"))
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert len(JsonFormatter().format(record(evil)).splitlines()) == 1


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_tracebacks(formatter):
    try:
        raise ValueError("deep\ntrouble")
    except ValueError:
        line = formatter.format(record(error=sys.exc_info()))
    assert "ValueError: deep" in line
    assert all(part.startswith("    ") for part in line.split("\n")[1:])


def test_setup_writes_where_it_is_told(tmp_path, capsys):
    file = tmp_path / "log"
    setup_logging({**SECTION, "format": "json", "level": "WARNING", "file": str(file)})
    logging.getLogger("workflow.x").info("quiet")
    logging.getLogger("workflow.x").warning("loud", extra={"execution": "E9"})
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["message"], line["execution"]) for line in lines] == [("loud", "E9")]
    file.rename(tmp_path / "log.1")
    logging.getLogger("workflow.x").error("after rotation")
    assert "after rotation" in file.read_text()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["missing/log", "."])
def test_a_file_that_cannot_be_written(tmp_path, name):
    with pytest.raises(InvalidConfig, match=r"logging\.file") as caught:
        setup_logging({**SECTION, "file": str(tmp_path / name)})
    assert caught.value.remedy


def test_setup_without_a_file_writes_to_stderr(capsys):
    setup_logging(SECTION)
    logging.getLogger("workflow.x").info("here")
    logging.getLogger("waitress").info("chatter")
    captured = capsys.readouterr()
    assert "INFO    workflow.x: here" in captured.err
    assert "chatter" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("format", ["text", "json"])
def test_what_is_secret_is_taken_out_as_a_line_leaves(tmp_path, format):
    file = tmp_path / "log"
    setup_logging({**SECTION, "format": format, "file": str(file)})
    log = logging.getLogger("workflow.x")
    with masked_logs(lambda text: text.replace("k4nari", "***")):
        log.info("the %s of %r", "k4nari", {"a": "k4nari"})
        try:
            try:
                raise KeyError("k4nari")
            except KeyError:
                raise ValueError("no k4nari") from None
        except ValueError:
            log.exception("k4nari failed", extra={"mask": lambda text: text.replace("own", "***")})
        log.warning("its own", extra={"mask": lambda text: text.replace("own", "***")})
    log.info("over")
    text = file.read_text()
    assert "k4nari" not in text
    assert "the *** of" in text
    assert "ValueError: no ***" in text
    assert "its ***" in text
    assert "over" in text


def test_lines_that_wait_in_memory_were_masked_before(capsys):
    from logging.handlers import MemoryHandler

    out = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(MemoryHandler(10, logging.CRITICAL, out))
    with masked_logs(lambda text: text.replace("k4nari", "***")):
        logging.getLogger().warning("a k4nari")
    for handler in logging.getLogger().handlers:
        handler.flush()
    assert capsys.readouterr().out == "a ***\n"
