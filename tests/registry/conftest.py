"""A registry in this process, and one that is a process of its own."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import forks
from wfcore.packages import index, minisign
from wfregistry.catalogue import Catalogue, Settings
from wfregistry.store import Store
from wfregistry.tokens import DAY, Publisher, Tokens
from wfregistry.witness import Witness

ROOT = Path(__file__).parents[2]
ANYBODY = Publisher("anybody", ("*",), "")
NOW = 1_767_225_600_000_000


class Registry:
    """A registry whose clock stands until it is moved."""

    def __init__(self, place, database=""):
        self.place, self.database = place, database
        self.now = NOW
        self.key = minisign.generate()
        self.open()

    def open(self):
        """Open it, also once more."""
        self.store = Store(self.database, self.place)
        self.store.open()
        self.witness = Witness(self.place / "published.log")
        self.tokens = Tokens(self.store, lambda: self.now)
        settings = Settings("main", 7 * 86_400)
        self.catalogue = Catalogue(self.store, self.witness, self.key, settings, lambda: self.now)
        self.catalogue.open()
        return self

    def publish(self, content, publisher=ANYBODY, signature="", changelog=""):
        return self.catalogue.publish(publisher, content, signature, changelog)

    def top(self):
        """The index as a client reads it."""
        return index.read_top(self.catalogue.top()[0], [self.key.public()], "main")

    def releases(self, name):
        listed = self.top().packages[name]
        return index.read_document(self.catalogue.document(listed.document), listed, "main")

    def days(self, count):
        self.now += count * DAY


@pytest.fixture(params=["sqlite", "postgres"])
def registry(request, tmp_path):
    url = request.getfixturevalue("database") if request.param == "postgres" else ""
    made = Registry(tmp_path, url)
    yield made
    made.store.close()


class Process:
    """``wfregistry`` as a program, with its directory."""

    def __init__(self, data, *options):
        self.data = data
        self.program = [sys.executable, "-m", "wfregistry", "--data", str(data), *options]
        self.environ = {**os.environ, "PYTHONPATH": str(ROOT / "registry")}

    def run(self, *argv):
        return forks.run([*self.program, *argv], env=self.environ)

    def begin(self):
        command = [*self.program, "serve", "--port", "0"]
        process = forks.start(command, env=self.environ, stdout=subprocess.PIPE, text=True)
        self.address = re.search(r"http://\S+", process.stdout.readline())[0]
        self.public = process.stdout.readline().split()[-1]
        return process

    @contextmanager
    def serving(self):
        process = self.begin()
        try:
            yield self
        finally:
            process.terminate()
            assert process.wait(20) == 0
            process.stdout.close()

    def token(self, id="ada", *options):
        made = self.run("token", "create", id, *(options or ("--scope", "*")))
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()


@pytest.fixture
def process(tmp_path):
    return Process(tmp_path / "registry")
