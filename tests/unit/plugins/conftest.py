"""Packages that are really installed, as far as metadata and imports can tell."""

import logging
from pathlib import Path

import pytest

from wfcore.plugins.catalog import read
from wfcore.plugins.contracts import Context
from wfcore.plugins.drivers import Drivers

SECTIONS = ("storage", "secrets", "actions", "hooks", "dispatchers", "triggers")


class Shelf:
    """A directory on sys.path; ``install`` puts a package there."""

    def __init__(self, path):
        self.path = path

    def install(self, distribution, entry_points, version="1.0", **modules):
        info = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)
        for name, text in modules.items():
            (self.path / f"{name}.py").write_text(text)

    def drivers(self, **config):
        def context(kind, name):
            return Context(name, logging.getLogger(name), None, Path())

        return Drivers(read(), {**{section: {} for section in SECTIONS}, **config}, context)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    return Shelf(tmp_path)


SECRETS = """
from wfcore.api import PluginError

class Vault:
    contract = 1
    schema = {
        "url": {"type": "string", "required": True},
        "timeout": {"type": "integer", "min": 1, "default": 5},
        "tls": {"type": "dict", "schema": {"verify": {"type": "boolean", "default": True}}},
    }
    def __init__(self, config, context):
        self.config, self.context = config, context
    def start(self): pass
    def stop(self, deadline): pass
    def health(self): return ""
    def get(self, name): return None
    def names(self): return iter(())
"""


@pytest.fixture
def vault(shelf):
    """A shelf with a good provider of secrets in ``shelf_vault.py``."""
    shelf.install("shelf-vault", "[workflow.secrets]\nchest = shelf_vault:Vault\n", shelf_vault=SECRETS)
    return shelf
