"""The official plugins keep what their own tests, manifests and pages say."""

import re
from pathlib import Path

import pytest
import yaml

from wfcore.packages.manifest import parse_manifest
from wfcore.packages.trial.cases import FILE, cases
from wfcore.packages.trial.judge import judge

PLUGINS = Path(__file__).parents[2] / "registry" / "plugins"
NAMES = sorted(file.parent.name for file in PLUGINS.glob("*/plugin.yaml"))


def manifest(name):
    return parse_manifest((PLUGINS / name / "plugin.yaml").read_bytes())


CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}")
    for name in NAMES
    for case in cases((PLUGINS / name / FILE).read_bytes(), FILE, manifest(name))
]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_case(plugin, runtime, name, case):
    tested = plugin(name)
    verdict = judge(case, tested.manifest, tested.module, runtime)
    assert not verdict.failures, "\n".join((*verdict.failures, *verdict.logs))


@pytest.mark.parametrize("name", NAMES)
def test_every_action_has_its_cases(name):
    tried = [case["action"] for case in yaml.safe_load((PLUGINS / name / FILE).read_text())["tests"]]
    assert set(tried) == set(manifest(name).actions)
    assert len(tried) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_package_is_what_its_folder_is_called(plugin, name):
    made = plugin(name).manifest
    assert made.name.replace("/", "-") == name
    assert made.license == "Apache-2.0"
    assert (PLUGINS / name / "LICENSE").read_bytes() == (PLUGINS.parents[1] / "LICENSE").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_secrets_go_to_one_host_by_https_and_are_never_seen(name):
    permissions = manifest(name).permissions
    assert not (permissions.read or permissions.write or permissions.env or permissions.calls)
    for slot in permissions.secrets.values():
        (place,) = slot.to
        assert (place.schemes, slot.reveal) == (frozenset({"https"}), False)
        assert place in permissions.network


@pytest.mark.parametrize("name", NAMES)
def test_the_page_tells_every_action_input_and_secret(name):
    page = (PLUGINS / name / "README.md").read_text()
    made = manifest(name)
    for action, spec in made.actions.items():
        _, found, rest = page.partition(f"\n## `{action}`\n")
        assert found, action
        section = rest.partition("\n## `")[0]
        for field in (*spec.inputs, *spec.output["schema"]):
            assert re.search(rf"\b{field}\b", section), (action, field)
    for slot in made.permissions.secrets:
        assert f"`{slot}`" in page


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_a_task_with_inputs_that_are_taken(name):
    from wfcore.language.inputs import check_action_inputs

    (text,) = re.findall(r"```yaml\n(.*?)```", (PLUGINS / name / "README.md").read_text(), re.DOTALL)
    made = manifest(name)
    for task in yaml.safe_load(text)["tasks"].values():
        package, _, action = task["type"].rpartition(".")
        assert package == made.name
        check_action_inputs(made.actions[action].inputs, task["inputs"])
