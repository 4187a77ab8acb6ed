"""docs/reference/metrics.md lists every metric as the code has it."""

import re
from pathlib import Path

from wfcore.service.exposition import GAUGES
from wfcore.service.logging import FIELDS
from wfcore_plugins.hooks.metrics import BUCKETS, METRICS

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| (.*) \|$", TEXT, re.M)


def test_the_page_has_every_metric_and_no_other():
    expected = [(name, "gauge", help) for name, help in GAUGES.items()]
    expected += [(name, metric.kind, metric.help) for name, metric in METRICS.items()]
    assert [(name, kind, help) for name, kind, _, help in ROWS] == expected


def test_the_labels():
    labels = {name: tuple(re.findall(r"`(\w+)`", cell)) for name, _, cell, _ in ROWS}
    for name, metric in METRICS.items():
        assert labels[name] == metric.labels


def test_the_buckets_and_the_fields_of_the_log():
    assert ", ".join(f"{bound:g}" for bound in BUCKETS[:-1]) + f" and {BUCKETS[-1]:g} seconds" in TEXT
    for field in FIELDS:
        assert f"`{field}`" in TEXT
