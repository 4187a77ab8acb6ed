"""docs/how-to/write-a-backend.md: the driver on the page works as it is printed."""

import configparser
import logging
import re
from pathlib import Path

import pytest
import yaml

from wfcore.errors import InvalidConfig, PluginError
from wfcore.hooks.calls import Hooks
from wfcore.plugins.catalog import read
from wfcore.plugins.contracts import Context
from wfcore.plugins.drivers import Drivers
from wfcore.plugins.host import Host, Live
from wfcore.plugins.kinds import SECRETS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "write-a-backend.md").read_text()
BLOCKS = {kind: re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S) for kind in ("ini", "python", "yaml")}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Install what the page says and build the driver with a section of the configuration."""
    metadata = configparser.ConfigParser()
    metadata.read_string(BLOCKS["ini"][0])
    (module,) = metadata["options"]["py_modules"].split()
    (tmp_path / f"{module}.py").write_text(BLOCKS["python"][0])
    info = tmp_path / "acme_secrets-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-secrets\nVersion: 1.0.0\n")
    points = "".join(f"[{group}]{text}\n" for group, text in metadata["options.entry_points"].items())
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)

    def build(section):
        def context(kind, name):
            return Context(name, logging.getLogger(name), None, tmp_path)

        return Drivers(read(), {"secrets": section}, context).build(SECRETS, "dotenv")

    return build


def test_the_driver_works_with_the_configuration_of_the_page(build, tmp_path):
    section = yaml.safe_load(BLOCKS["yaml"][0])["secrets"]
    (tmp_path / section["dotenv"]["file"]).write_text("TOKEN=a=b\nOTHER=c\n")
    driver = build(section)
    with Host(Hooks()) as host:
        host.start([Live(SECRETS, section["providers"][0], driver)])
        assert host.health() == {"secrets.dotenv": ""}
        assert (driver.get("TOKEN"), driver.get("NONE"), [*driver.names()]) == (
            "a=b",
            None,
            ["OTHER", "TOKEN"],
        )
    assert driver.get("TOKEN") is None


def test_its_errors_are_as_the_page_says(build):
    with pytest.raises(PluginError, match="cannot read") as caught:
        build({"dotenv": {"file": "none.env"}}).start()
    assert caught.value.exit_code == 7
    with pytest.raises(InvalidConfig) as caught:
        build({"dotenv": {"fil": "x"}})
    assert caught.value.exit_code == 3


def test_the_example_of_a_suite_is_the_one_that_is_run():
    proof = (Path(__file__).parents[1] / "contract" / "test_third_party.py").read_text()
    for line in filter(None, BLOCKS["python"][1].splitlines()):
        assert line in proof
