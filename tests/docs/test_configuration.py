"""docs/reference/configuration.md lists every key as the table in the code has it."""

import json
from pathlib import Path

from wfcore.config.keys import KEYS, Key

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def row(key: Key) -> str:
    default = "" if "<" in key.name else "`null`" if key.default is None else f"`{shown(key.default)}`"
    return f"| `{key.name}` | {key.kind.name} | {default} | {key.description} |"


def shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_the_page_has_every_key_and_no_other():
    rows = [
        line
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `") and "WORKFLOW_" not in line[:12]
    ]
    assert rows == [row(key) for key in KEYS]


def test_the_page_has_every_special_variable():
    text = PAGE.read_text()
    for name in ("WORKFLOW_CONFIG", "WORKFLOW_SERVER", "WORKFLOW_TOKEN", "WORKFLOW_SECRET__NAME"):
        assert f"`{name}`" in text
