"""docs/reference/language.md: every key is there, every example loads, every problem is as it says."""

import re
from pathlib import Path

import pytest

from wfcore.errors import InvalidWorkflow
from wfcore.language import draft, schema, source
from wfcore.language.load import load
from wfcore_plugins.actions.core import code, flow, http
from wfcore_plugins.actions.core.db.actions import Databases
from wfcore_plugins.triggers.cron import CronTrigger
from wfcore_plugins.triggers.interval import IntervalTrigger
from wfcore_plugins.triggers.manual import ManualTrigger
from wfcore_plugins.triggers.webhook import WebhookTrigger

PAGE = (Path(__file__).parents[2] / "docs/reference/language.md").read_text()
TRIGGERS = {
    "cron": CronTrigger({}, None),
    "interval": IntervalTrigger({}, None),
    "webhook": WebhookTrigger({}, None),
    "manual": ManualTrigger({}, None),
}


class CoreRules:
    """The input rules of the real core actions."""

    def __init__(self, tmp_path):
        actions = (*http.actions(), *flow.actions(), *code.actions(None), *Databases({}, tmp_path).actions())
        self._rules = {f"core/{action.name}": action.inputs for action in actions}

    def rules(self, type):
        return self._rules.get(type)

    def names(self):
        return self._rules


def loaded(text, tmp_path):
    files = {"code/report.ts": "export default (data) => data;"}
    return load(text, triggers=TRIGGERS, actions=CoreRules(tmp_path), files=files)


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_every_example_loads(text, tmp_path):
    assert loaded(text, tmp_path).tasks.tasks


def test_the_examples_of_the_other_page_load(tmp_path):
    page = PAGE_OF_EXPRESSIONS.read_text()
    for text in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        assert loaded(text, tmp_path).tasks.tasks


PAGE_OF_EXPRESSIONS = Path(__file__).parents[2] / "docs/reference/expressions.md"


def test_the_faulty_example_has_the_problems_that_are_shown(tmp_path):
    text = re.search(r"^```yaml invalid\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1]
    shown = re.search(r"^```problems\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1]
    with pytest.raises(InvalidWorkflow) as caught:
        loaded(text, tmp_path)
    assert str(caught.value) == shown.rstrip("\n")


def keys(section):
    """The keys in the table of a section."""
    table = PAGE.partition(f"\n{section}\n")[2].partition("\n#")[0]
    return {
        key
        for cell in re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", cell)
    }


@pytest.mark.parametrize(
    ("section", "documented"),
    [
        ("## Top level", schema.WORKFLOW),
        ("## Inputs", schema.WORKFLOW["inputs"]["valuesrules"]["schema"]),
        ("## Tasks", schema.WORKFLOW["tasks"]["valuesrules"]["schema"]),
        ("### Retry", schema.WORKFLOW["tasks"]["valuesrules"]["schema"]["retry"]["schema"]),
        ("## Triggers", {*TRIGGERS, *schema.TRIGGER_KEYS}),
    ],
)
def test_every_key_is_documented_and_no_other(section, documented):
    assert keys(section) == set(documented)


def test_the_examples_show_every_key():
    shown = "".join(re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
    for section in ("## Top level", "## Inputs", "## Tasks", "### Retry"):
        for key in keys(section):
            assert re.search(rf"\b{key}:", shown), key
    for type in schema.INPUT_TYPES:
        assert f"`{type}`" in PAGE
        assert type == "string" or f"type: {type}" in shown


def test_the_limits_are_those_of_the_code():
    limits = " ".join(PAGE.partition("## The YAML")[2].partition("\n## ")[0].split())
    for number in (source.MAX_BYTES, source.MAX_NODES, draft.MAX_TEMPLATES):
        assert f"{number:,}".replace(",", " ") in limits
    assert f"{source.MAX_DEPTH} levels" in limits
    assert f"{source.MAX_ALIASES} aliases" in limits
    assert f"at most {schema.MAX_RETRIES}" in PAGE
