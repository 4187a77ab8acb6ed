"""The pages on permissions and on the manifest have every key, and their examples are what they say."""

import re
from pathlib import Path

import pytest
import yaml

from wfcore.packages import inputs, manifest, permissions

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def rows(page):
    """The words in the first cell of each row of the tables."""
    text = (REFERENCE / page).read_text()
    return {
        word for cell in re.findall(r"^\| ([^|]+) \|", text, re.M) for word in re.findall(r"`(\w+)`", cell)
    }


def example(page):
    return re.search(r"```yaml\n(.*?)```", (REFERENCE / page).read_text(), re.S)[1]


def test_every_permission_is_in_the_table_and_the_example():
    assert rows("permissions.md") == set(permissions.PERMISSIONS)
    shown = yaml.safe_load(example("permissions.md"))["permissions"]
    assert permissions.flaws(shown) == []
    assert set(shown) == set(permissions.PERMISSIONS)


def test_every_key_of_the_manifest_is_in_the_table_and_the_example():
    keys = set(manifest._MANIFEST)
    assert keys <= rows("plugin-manifest.md")
    assert set(yaml.safe_load(example("plugin-manifest.md"))) == keys
    assert manifest.parse_manifest(example("plugin-manifest.md")).types == ("community/greeter.greet",)


@pytest.mark.parametrize("rule", sorted(set(inputs.RULES) - {"meta"}))
def test_every_rule_is_named(rule):
    assert f"`{rule}`" in (REFERENCE / "plugin-manifest.md").read_text()
