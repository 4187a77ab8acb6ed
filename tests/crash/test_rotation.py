"""A rotation of keys that is killed at any moment: every secret can be read, and the next one goes on."""

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import forks
from wfcore.secrets.master import KeyFile, MasterKeys
from wfcore.secrets.sealer import Sealer, Seals
from wfcore.secrets.strongbox import Strongbox
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context

SECRETS = {f"S{number}": f"value-of-{number}-" + "x" * number for number in range(40)}
CHILD = """
import sys
from pathlib import Path
from tests.crash.test_rotation import opened
with opened(Path(sys.argv[1])) as (box, sealer):
    print("ready", flush=True)
    while True:
        box.rotate(new_key=True)
        sealer.renew()
        print("done", flush=True)
"""


@contextmanager
def opened(path):
    """The store of a directory with its keys: a strongbox and a sealer."""
    settings = {"path": str(path / "db.sqlite"), "synchronous": "full"}
    storage = SqliteStorage(settings, context("sqlite", path))
    storage.start()
    box = Strongbox(lambda: storage, MasterKeys(KeyFile(path / "keys")), lambda: 1)
    try:
        yield box, Sealer(box)
    finally:
        storage.stop(5)


def dumps(value):
    import json

    return json.dumps(value)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_rotation_loses_nothing(tmp_path, seed):
    chance, cut, done = random.Random(seed), 0, 0
    with opened(tmp_path) as (box, sealer):
        for name, value in SECRETS.items():
            box.put(name, value)
        text = Seals(sealer, "e", lambda _: None).seal("sealed-value", dumps)["$sealed"]
    for _ in range(6):
        process = forks.start(
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        done += process.communicate()[0].count("done")
        with opened(tmp_path) as (box, sealer):
            assert {name: box.get(name) for name in SECRETS} == SECRETS
            assert sealer.unseal(text, "e")._value == "sealed-value"
            cut += box.masters.spare() > 0
    with opened(tmp_path) as (box, sealer):
        box.rotate()
        assert {name: box.get(name) for name in SECRETS} == SECRETS
        assert sealer.unseal(text, "e")._value == "sealed-value"
    assert len((tmp_path / "keys").read_text().splitlines()) == 1
    assert cut + done > 0
