"""Every promise about reliability names tests, and they are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?(?:::\w+)?)`", PAGE)))


def functions(file):
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("named", NAMED)
def test_a_named_test_is_there(named):
    path, _, name = named.partition("::")
    assert (ROOT / path).exists()
    assert not name or name in functions(ROOT / path)


def test_every_promise_has_its_test():
    promises = re.split(
        r"^\*\*", PAGE.partition("## What is promised")[2].partition("\n## ")[0], flags=re.MULTILINE
    )
    assert len(promises) > 8
    for promise in promises[1:]:
        assert re.search(r"`tests/[\w/]+\.py(::\w+)?`", promise), f"nothing holds: {promise.splitlines()[0]}"
