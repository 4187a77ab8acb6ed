"""The encrypted store: what it keeps, what it notices, and that a rotation may end anywhere."""

from dataclasses import replace

import pytest

from wfcore.errors import Conflict, SecretError
from wfcore.secrets.master import KeyFile, MasterKeys
from wfcore.secrets.strongbox import Strongbox


def test_values_by_name_and_scope(box, storage):
    assert box.get("A") is None
    assert box.put("A", "global-value")
    assert box.put("A", "of-ops", "ops")
    assert box.put("A", "of-deploy", "ops/deploy")
    assert [box.get("A", scope) for scope in ("", "ops", "ops/deploy", "other")] == [
        "global-value", "of-ops", "of-deploy", None,
    ]  # fmt: skip
    assert not box.put("A", "changed-value")
    assert box.get("A") == "changed-value"
    assert storage.secret("", "A").revision == 2
    assert box.names() == ["A"]
    assert box.remove("A")
    assert not box.remove("A")
    assert box.get("A") is None
    assert box.get("A", "ops") == "of-ops"


def test_nothing_of_a_value_is_in_its_row(box, storage):
    box.put("A", "a-very-secret-value")
    assert "secret-value" not in repr(storage.secrets())


def test_swapped_rows_are_an_error(box, storage):
    box.put("A", "value-of-a")
    box.put("B", "value-of-b")
    box.put("A", "value-in-ops", "ops")
    rows = {(one.scope, one.name): one for one in storage.secrets()}
    for target, source in ((("", "A"), ("", "B")), (("ops", "A"), ("", "A"))):
        row = rows[target]
        storage.put_secret(replace(row, revision=row.revision + 1, sealed=rows[source].sealed))
        with pytest.raises(SecretError, match="its row was changed") as caught:
            box.get(target[1], target[0])
        assert "value" not in caught.value.message
    assert box.get("B") == "value-of-b"


def test_a_rotation_makes_every_envelope_anew(box, storage, masters):
    for name in "ABC":
        box.put(name, f"value-of-{name}")
    before = storage.secrets()
    done = box.rotate()
    assert (done.renewed, done.retired, done.left) == (3, 0, 0)
    for old, new in zip(before, storage.secrets(), strict=True):
        assert new.sealed != old.sealed
        assert new.master == old.master == masters.current()[0]
    assert [box.get(name) for name in "ABC"] == [f"value-of-{name}" for name in "ABC"]


def test_a_new_key_takes_the_place_of_the_old_one(box, storage, masters, key_file):
    box.put("A", "value-of-a")
    former, _ = masters.current()
    done = box.rotate(new_key=True)
    assert done.key != former
    assert done.retired == 1
    assert {one.master for one in storage.secrets()} == {done.key}
    assert len(key_file.read_text().splitlines()) == 1
    assert box.get("A") == "value-of-a"


class Stop(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("step", range(12))
def test_a_rotation_that_ends_anywhere_loses_nothing_and_goes_on(storage, masters, key_file, step):
    """Each write, to the key file or a row, is once the last one, before it or after it was done."""
    steps = iter(range(1000))

    def dies(write):
        def run(*given):
            if next(steps) == step:
                raise Stop
            write(*given)
            if next(steps) == step:
                raise Stop

        return run

    box = Strongbox(lambda: storage, masters, lambda: 7)
    for name in "ABC":
        box.put(name, f"value-of-{name}")

    class Dying:
        secrets, secret = storage.secrets, storage.secret
        put_secret = staticmethod(dies(storage.put_secret))

    file = KeyFile(key_file)

    class DyingFile:
        name, writable, read = file.name, True, staticmethod(file.read)
        write = staticmethod(dies(file.write))

    keys = MasterKeys(DyingFile())
    died = False
    try:
        Strongbox(lambda: Dying, keys, lambda: 7).rotate(new_key=True)
    except Stop:
        died = True
    after = Strongbox(lambda: storage, MasterKeys(KeyFile(key_file)), lambda: 7)
    assert [after.get(name) for name in "ABC"] == [f"value-of-{name}" for name in "ABC"]
    assert died is (step < 10)
    done = after.rotate()
    assert done.renewed == 3
    assert len(key_file.read_text().splitlines()) == 1
    assert [after.get(name) for name in "ABC"] == [f"value-of-{name}" for name in "ABC"]


def test_a_value_that_is_set_during_a_rotation_stays(box, storage):
    box.put("A", "old-value")

    class Busy:
        secrets, secret = storage.secrets, storage.secret
        first = True

        def put_secret(self, record):
            if self.first:
                self.first = False
                box.put("A", "new-value")
            storage.put_secret(record)

    busy = Busy()
    done = Strongbox(lambda: busy, box.masters, lambda: 9).rotate()
    assert done.renewed == 1
    assert box.get("A") == "new-value"


def test_a_secret_that_is_deleted_during_a_rotation_stays_deleted(box, storage):
    box.put("A", "old-value")

    class Busy:
        secrets, secret = storage.secrets, storage.secret

        def put_secret(self, record):
            storage.remove_secret(record.scope, record.name)
            storage.put_secret(record)

    busy = Busy()
    assert Strongbox(lambda: busy, box.masters, lambda: 9).rotate().renewed == 0
    assert storage.secrets() == []


def test_who_loses_every_race_is_told_so(box, storage):
    class Losing:
        secret, secrets = storage.secret, storage.secrets

        def put_secret(self, record):
            raise Conflict("changed meanwhile")

    losing = Losing()
    with pytest.raises(Conflict, match="by others all the time"):
        Strongbox(lambda: losing, box.masters, lambda: 9).put("A", "value")


def test_without_a_database_there_is_nothing(masters):
    box = Strongbox(lambda: None, masters, lambda: 7)
    assert box.get("A") is None
    assert list(box.records()) == []
    with pytest.raises(SecretError, match="no database"):
        box.put("A", "value")


def test_no_key_is_made_where_others_were_in_use(box, storage, key_file):
    """The file was lost, or this is another server of the same database: a new key would hide that."""
    box.put("A", "value-of-a")
    key_file.unlink()
    other = Strongbox(lambda: storage, MasterKeys(KeyFile(key_file)), lambda: 7)
    for act in (lambda: other.put("B", "value-of-b"), other.rotate, lambda: other.rotate(new_key=True)):
        with pytest.raises(SecretError, match=r"the master key [0-9a-f]{16} is not in") as caught:
            act()
        assert "give the server the key" in caught.value.remedy
    assert not key_file.exists()
