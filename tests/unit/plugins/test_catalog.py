"""What is installed, without importing it."""

import pytest

from wfcore.errors import PluginError
from wfcore.plugins.catalog import read
from wfcore.plugins.kinds import HOOKS, SECRETS, TRIGGERS

BOMB = "raise SystemExit('this module must not be imported')"


def test_reads_provenance_and_imports_nothing(shelf):
    points = (
        "[workflow.secrets]\nbomb = shelf_bomb:Bomb\n[workflow.hooks]\nboom = shelf_bomb\n[other]\nx = y\n"
    )
    shelf.install("shelf-bomb", points, "2.1", shelf_bomb=BOMB)
    catalog = read()
    entry = catalog.find(SECRETS, "bomb")
    assert (entry.name, entry.value, entry.distribution, entry.version) == (
        "bomb",
        "shelf_bomb:Bomb",
        "shelf-bomb",
        "2.1",
    )
    assert entry.source == "shelf-bomb 2.1"
    assert str(entry) == "secrets 'bomb' (shelf-bomb 2.1, workflow.secrets: shelf_bomb:Bomb)"
    assert "boom" in [entry.name for entry in catalog.of(HOOKS)]


def test_two_packages_that_claim_one_name_are_both_named(shelf):
    shelf.install("shelf-one", "[workflow.triggers]\nfile = shelf_one:File\n", "1.1", shelf_one=BOMB)
    shelf.install("shelf-two", "[workflow.triggers]\nfile = shelf_two:File\n", "2.2", shelf_two=BOMB)
    catalog = read()
    with pytest.raises(PluginError, match=r"'file' is claimed by shelf-one 1.1 and shelf-two 2.2") as caught:
        catalog.find(TRIGGERS, "file")
    assert caught.value.exit_code == 7
    assert "uninstall" in caught.value.remedy
    assert ["shelf-one", "shelf-two"] in [
        [entry.distribution for entry in claims] for claims in catalog.clashes()
    ]


def test_one_name_in_two_groups_is_no_clash(shelf):
    shelf.install("shelf-both", "[workflow.triggers]\nx = a:B\n[workflow.secrets]\nx = a:C\n")
    assert read().find(SECRETS, "x").value == "a:C"
    assert read().find(TRIGGERS, "x").value == "a:B"


def test_a_package_that_is_there_twice_counts_once(shelf, tmp_path_factory, monkeypatch):
    shelf.install("shelf-old", "[workflow.triggers]\nfile = shelf_old:File\n", "1.0")
    front = tmp_path_factory.mktemp("front")
    monkeypatch.syspath_prepend(front)
    type(shelf)(front).install("shelf-old", "[workflow.triggers]\nfile = shelf_old:File\n", "1.1")
    assert read().find(TRIGGERS, "file").version == "1.1"


def test_an_unknown_name_lists_what_there_is(vault):
    with pytest.raises(
        PluginError, match=r"no secrets 'valt' \(did you mean 'vault'\?\); installed: .*vault"
    ) as caught:
        read().find(SECRETS, "valt")
    assert "workflow.secrets" in caught.value.remedy
