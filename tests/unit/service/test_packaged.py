"""When an installation would change nothing."""

from dataclasses import replace

import pytest

from wfcore.model.records import PackageRecord
from wfcore.service.packaged import same

BEFORE = PackageRecord(
    digest="d", name="a/b", version="1.0.0", manifest="name: a/b", module="m", granted={}, secrets={},
    installed_at=1, origin={"source": "index", "by": "ada"},
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"manifest": '{"name":"a/b"}'}, {"installed_at": 2}, {"origin": {"source": "index", "by": "bob"}}],
)
def test_who_when_and_how_it_is_written_do_not_count(change):
    assert same(BEFORE, replace(BEFORE, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "e"},
        {"granted": {"env": ["A"]}},
        {"secrets": {"KEY": "OTHER"}},
        {"origin": {"source": "npm", "by": "ada"}},
    ],
)
def test_everything_else_does(change):
    assert not same(BEFORE, replace(BEFORE, **change))
