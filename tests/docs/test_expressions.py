"""docs/reference/expressions.md: every filter is there, and every example gives what it says."""

import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wfcore.errors import ExpressionError
from wfcore.language.check import LATER_ROOTS, ROOTS, TASK_FIELDS
from wfcore.language.evaluation import MAX_STEPS, MAX_TEXT, Evaluation
from wfcore.language.expression import compile
from wfcore.language.expression.parser import MAX_DEPTH, MAX_PARTS, PRECEDENCE
from wfcore.language.filters import BUILTIN
from wfcore.language.render import to_json
from wfcore.language.source import read
from wfcore.model.values import Scope

PAGE = (Path(__file__).parents[2] / "docs/reference/expressions.md").read_text()
DATA = read(re.search(r"```yaml data\n(.*?)```", PAGE, re.DOTALL)[1]).root.value
NOW = int(datetime(2026, 2, 6, 9, 30, tzinfo=UTC).timestamp() * 1_000_000)
SCOPE = Scope(DATA, NOW, "seed")
EXAMPLES = [
    line.rpartition(" → ")[::2]
    for block in re.findall(r"```expression\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize(("text", "result"), EXAMPLES)
def test_every_example_gives_what_it_says(text, result):
    if result.startswith("error: "):
        with pytest.raises(ExpressionError) as caught:
            compile(text).evaluate(SCOPE)
        assert caught.value.message.startswith(result.removeprefix("error: "))
    else:
        value = compile(text).evaluate(SCOPE)
        plain = json.loads(to_json(Evaluation(SCOPE), value))
        assert plain == json.loads(result)
        assert type(plain) is type(json.loads(result))


def test_every_filter_has_its_section_and_every_section_its_filter():
    sections = re.findall(
        r"^### `([^\n]*)`\n\n(.*?)\n\n```expression\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL
    )
    assert [usage for usage, _, _ in sections] == [found.usage(name) for name, found in BUILTIN.items()]
    for (usage, text, examples), (name, found) in zip(sections, BUILTIN.items(), strict=True):
        assert text == inspect.getdoc(found.function).replace("``", "`").replace("\\\\", "\\"), usage
        assert re.search(rf"\b{name}\b", examples), usage


def test_every_operator_and_every_root_is_listed():
    operators = {word for level in PRECEDENCE for word in level} | {"not", "?:", "? b :"}
    for operator in operators:
        assert operator in PAGE, operator
    roots = set(re.findall(r"^\| `([a-z]+)", PAGE, re.MULTILINE))
    assert set(ROOTS) <= roots
    assert not roots & LATER_ROOTS
    for name in TASK_FIELDS:
        assert f".{name}`" in PAGE, name


def test_the_limits_are_those_of_the_code():
    limits = " ".join(PAGE.partition("## Limits")[2].partition("\n## ")[0].split())
    for number in (MAX_STEPS, MAX_TEXT):
        assert f"{number:,}".replace(",", " ") in limits
    for number in (MAX_DEPTH, MAX_PARTS):
        assert f" {number} " in limits
