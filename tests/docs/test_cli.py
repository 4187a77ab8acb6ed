"""docs/reference/cli.md shows every command with every argument and option, and every exit code."""

import re
from pathlib import Path

import pytest

from wfcore.cli.help import usage
from wfcore.cli.root import ROOT
from wfcore.cli.tree import COMMON, Command, Parameter, walk
from wfcore.errors import EXIT_CODES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()
COMMANDS = {path: node for path, node in walk(ROOT) if isinstance(node, Command)}


def heading(path: tuple[str, ...], node: Command) -> str:
    return f"### `{usage(path, node).removeprefix('usage: ').removesuffix(' [options]')}`"


def row(one: Parameter) -> str:
    name = one.metavar if one.positional else f"{one.flag} {one.metavar}".rstrip()
    return f"| `{name}` | {one.description} |"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_has_its_section(path):
    node = COMMANDS[path]
    _, found, rest = PAGE.partition(heading(path, node) + "\n")
    assert found, heading(path, node)
    section = re.split(r"^##", rest, maxsplit=1, flags=re.M)[0]
    assert node.summary in section
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(one) for one in node.parameters]


def test_no_command_is_shown_that_is_not_there():
    shown = re.findall(r"^### .*$", PAGE, re.M)
    assert sorted(shown) == sorted(heading(path, node) for path, node in COMMANDS.items())


def test_the_options_of_every_command_are_shown():
    for one in COMMON:
        assert re.search(
            rf"^\| `(-\w`, `)?{re.escape(f'{one.flag} {one.metavar}'.rstrip())}` \|", PAGE, re.M
        ), one.flag


def test_the_exit_codes_are_those_of_the_code():
    rows = dict(re.findall(r"^\| `(\d+)` \| (.*) \|$", PAGE, re.M))
    assert rows == {str(code): meaning for code, meaning in EXIT_CODES.items()}


@pytest.mark.parametrize(
    ("words", "code", "meaning"),
    [
        ("backup file/b", 6, "a place to write to"),
        ("migrate", 7, "the storage"),
        ("restore b", 7, "a backup"),
    ],
)
def test_what_has_to_do_with_storage_has_its_code(workflow, words, code, meaning):
    workflow("server", "migrate")
    workflow("server", "backup", "b")
    damaged = {"migrate": "data/db.sqlite", "restore b": "b/db.sqlite"}.get(words, "file")
    (workflow.home / damaged).write_text("no database\n" * 100)
    workflow("server", *words.split(), code=code)
    assert meaning in EXIT_CODES[code]
