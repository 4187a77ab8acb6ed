"""docs/how-to/audit.md has every action, and its recipe is right."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from wfcore.audit import AuditLog
from wfcore.audit.actions import MEANINGS, Action
from wfcore.audit.chain import export
from wfcore.engine.clock import SystemClock
from wfcore.model.actor import LOCAL
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "audit.md").read_text()


def test_every_action_is_there_in_its_words():
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| (.*) \|$", PAGE, re.M))
    assert rows == MEANINGS
    assert set(MEANINGS) == set(get_args(Action))


def test_the_recipe_to_check_an_export(tmp_path, monkeypatch):
    storage = SqliteStorage(
        {"path": str(tmp_path / "db.sqlite"), "synchronous": "normal"}, context("s", tmp_path)
    )
    storage.start()
    AuditLog(storage, SystemClock(), "here").note(LOCAL, "server.stop", "ü", "ok", {"a": [1, None]})
    entry = export(storage.audit_chain("here")[0])
    storage.stop(1)
    ((recipe, name),) = re.findall(r'```python\n(.*?open\("([^"]+)".*?)```', PAGE, re.S)
    (tmp_path / name).write_text(json.dumps(entry, ensure_ascii=False) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(recipe, "audit.md", "exec"), {})
    (tmp_path / name).write_text(json.dumps({**entry, "actor": "nobody"}) + "\n")
    with pytest.raises(AssertionError):
        exec(compile(recipe, "audit.md", "exec"), {})
