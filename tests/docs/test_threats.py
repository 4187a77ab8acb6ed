"""Every test that docs/threat-model.md names exists, and every mitigation names one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!---|threat |number )", line)]
NAMED = sorted(set(re.findall(r"`((?:tests|sdk)/[^`]+)`", PAGE)))
#: What the page promises to speak of.
SUBJECTS = ["plugins", "request forgery", "Secrets", "Supply chain", "Text of workflows", "API", "others"]


def functions(file):
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", NAMED)
def test_every_test_that_is_named_exists(name):
    file, _, function = name.partition("::")
    there = {one for one in functions(file) if one.startswith("test_")}
    assert there, file
    assert not function or function in there


def test_every_threat_has_a_mitigation_and_a_test():
    assert len(ROWS) > 50
    for row in ROWS:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert all(cells), row
        assert re.fullmatch(r"(`(tests|sdk)/[^`]+` ?)+", cells[-1]), row


def test_every_flaw_of_others_has_a_number_and_an_engine():
    rows = re.findall(r"^\| (CVE-\d{4}-\d{4,}) \| (\w+) \|", PAGE, re.M)
    assert len(rows) == len({number for number, _ in rows}) > 10
    assert {engine for _, engine in rows} == {"Kestra", "n8n", "Airflow", "Windmill", "Prefect"}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_it_speaks_of_what_it_promises(subject):
    assert re.search(rf"^## .*{subject}", PAGE, re.M)
