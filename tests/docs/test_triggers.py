"""docs/reference/triggers.md: its examples are accepted, its keys complete, its table of clocks true."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from wfcore.api import TriggerFault
from wfcore_plugins.triggers.cron import ALIASES, CronTrigger
from wfcore_plugins.triggers.interval import IntervalTrigger
from wfcore_plugins.triggers.manual import ManualTrigger
from wfcore_plugins.triggers.webhook import WebhookTrigger

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "triggers.md").read_text()
DRIVERS = {
    "cron": CronTrigger({}, None),
    "interval": IntervalTrigger({}, None),
    "manual": ManualTrigger({}, None),
    "webhook": WebhookTrigger({}, None),
}
EXAMPLES = [yaml.safe_load(text)["trigger"] for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]


def test_every_kind_has_a_section_and_an_example():
    assert set(DRIVERS) <= set(re.findall(r"^## (\w+)$", PAGE, re.M))
    assert {kind for example in EXAMPLES for kind in example} == set(DRIVERS)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_is_accepted(example):
    ((kind, spec),) = example.items()
    DRIVERS[kind].check(spec)


@pytest.mark.parametrize("kind", ["cron", "interval", "webhook"])
def test_every_key_is_told(kind):
    with pytest.raises(TriggerFault) as caught:
        DRIVERS[kind].check({"no such key": 1})
    known = caught.value.message.partition("known are ")[2].split(", ")
    section = PAGE.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.M)
    told = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    assert [name for name in told if name in known] == known


def test_every_alias_is_told():
    assert all(f"`{alias}`" in PAGE for alias in ALIASES)


@pytest.mark.parametrize("expr", re.findall(r"^\| `(\d+ \S+ \* \* \*)` \|", PAGE, re.M))
def test_the_table_of_clocks_is_true(expr):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{expr}` |"))
    spring, autumn = ([*re.findall(r"\d\d:\d\d", cell)] for cell in row.split("|")[2:4])
    twice = "both times" in row.split("|")[3]
    assert local(expr, "2026-03-29T01:00", "2026-03-29T03:31") == spring
    assert local(expr, "2026-10-25T02:00", "2026-10-25T02:59") == autumn * (2 if twice else 1)


def local(expr, begin, end):
    zone = ZoneInfo("Europe/Berlin")
    spec = DRIVERS["cron"].check({"expr": expr, "tz": "Europe/Berlin"})
    at, found = datetime.fromisoformat(begin).replace(tzinfo=zone), []
    last = datetime.fromisoformat(end).replace(tzinfo=zone, fold=1)
    while (at := DRIVERS["cron"].due(spec, at)).timestamp() <= last.timestamp():
        found.append(at.astimezone(zone).strftime("%H:%M"))
    return found
