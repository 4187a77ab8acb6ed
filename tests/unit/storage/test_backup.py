"""Backups of SQLite: one moment's, checked, private; and putting one back."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.storage.filled import fill, seen
from wfcore.api import Conflict, ExecutionQuery, Fact, NotFound, PluginError, Step, Unavailable
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

BESIDE = ("app.sqlite", "admin.token")


@pytest.fixture
def filled(make):
    """A started, full storage, what it tells, and the digests of its content."""
    storage = make()
    storage.start()
    digests = fill(storage, 60)
    return storage, seen(storage, digests), digests


def placed(path):
    """The driver of a database in a data directory of its own."""
    return SqliteStorage({"path": str(path), "synchronous": "full"}, context("sqlite", path.parent))


def reopened(path):
    storage = placed(path)
    storage.start()
    return storage


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_backup_holds_everything_and_is_private(filled, make, tmp_path, no_umask):
    storage, told, digests = filled
    (tmp_path / "admin.token").write_text("secret")
    with closing(sqlite3.connect(tmp_path / "app.sqlite")) as app, app:
        app.execute("create table mine (n int)")
        app.execute("insert into mine values (7)")
    storage.put_blob(b"nobody refers to this")
    make(readOnly=True).backup(tmp_path / "b" / "one", [tmp_path / name for name in BESIDE])
    assert [name for name in files(tmp_path / "b" / "one") if "blobs/" not in name] == [
        "admin.token", "app.sqlite", "db.sqlite",
    ]  # fmt: skip
    assert len([name for name in files(tmp_path / "b" / "one") if "blobs/" in name]) == len(digests)
    for path in (tmp_path / "b").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    with closing(sqlite3.connect(tmp_path / "b" / "one" / "app.sqlite")) as app:
        assert app.execute("select n from mine").fetchall() == [(7,)]
    copy = reopened(shutil.copytree(tmp_path / "b" / "one", tmp_path / "copy") / "db.sqlite")
    assert seen(copy, digests) == told
    with copy.reading():
        assert copy._reader.execute_sql("pragma auto_vacuum").fetchone() == (2,)
    copy.stop(5)


def test_a_backup_is_one_moments_while_commits_go_on(storage, make, tmp_path):
    """In each commit every execution gets one fact more: no copy may show two commits."""
    group, stop, number, before = 40, threading.Event(), [1], []
    storage.commit([Step(running(f"{n:04}", seq=1), True, facts=[Fact(1, 1, "x")]) for n in range(group)])

    def commit():
        while not stop.is_set():
            number[0] += 1
            steps = [
                Step(running(f"{n:04}", seq=number[0]), facts=[Fact(number[0], 1, "x")]) for n in range(group)
            ]
            storage.commit(steps)

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        for copy in range(5):
            before.append(number[0])
            make(readOnly=True).backup(tmp_path / f"b{copy}", [])
        assert number[0] > before[0], "nothing was committed meanwhile: the test proves nothing"
    finally:
        stop.set()
        writer.join()
    for copy in range(5):
        taken = reopened(tmp_path / f"b{copy}" / "db.sqlite")
        seqs = {one.seq for one in taken.executions(ExecutionQuery(limit=100))}
        assert len(seqs) == 1
        (seq,) = seqs
        assert all(len(taken.facts(f"{n:04}", limit=10_000)) == seq for n in range(group))
        taken.stop(5)


def test_nothing_is_overwritten(filled, make, tmp_path):
    for there in ("file", "directory", "link"):
        target = tmp_path / there
        {"file": target.touch, "directory": target.mkdir, "link": lambda t=target: t.symlink_to("none")}[
            there
        ]()
        with pytest.raises(Conflict, match="already something"):
            make(readOnly=True).backup(target, [])
    assert files(tmp_path / "directory") == []


def test_a_backup_that_cannot_be_written_leaves_nothing(filled, make, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        make(readOnly=True).backup(tmp_path / "file" / "b", [])
    lost = next(path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
    content = lost.read_bytes()
    lost.write_bytes(b"x" + content[1:])
    with pytest.raises(Unavailable, match="is damaged"):
        make(readOnly=True).backup(tmp_path / "b", [])
    lost.unlink()
    with pytest.raises(Unavailable, match="would lack content"):
        make(readOnly=True).backup(tmp_path / "b", [])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".b") or path.name == "b"]


def test_content_that_goes_away_meanwhile_belongs_to_nobody_any_more(filled, make, tmp_path, monkeypatch):
    """Its execution is deleted and it is swept after the database was copied: the copy begins again."""
    storage, _, _ = filled
    digest = storage.put_blob(b"z" * 70_000)
    storage.commit([Step(running("zz", state="SUCCESS", ended_at=1), True, blobs=[digest])])
    reader, purged = make(readOnly=True), []
    get = reader._blobs.get

    def late(asked):
        if asked == digest:
            purged.append(storage.purge(10**18, 1000))
            (tmp_path / "blobs" / digest[:2] / digest[2:]).unlink()
        return get(asked)

    monkeypatch.setattr(reader._blobs, "get", late)
    reader.backup(tmp_path / "b", [])
    assert len(purged) == 1
    assert purged[0] > 0
    copy = reopened(tmp_path / "b" / "db.sqlite")
    assert copy.execution("zz") is None
    copy.stop(5)


def test_there_must_be_something_to_back_up(make, tmp_path):
    with pytest.raises(NotFound, match="there is no database"):
        make(readOnly=True).backup(tmp_path / "b", [])


@pytest.fixture
def backed(filled, make, tmp_path):
    """A backup, what it holds, its content's digests; and the storage goes on afterwards and is stopped."""
    storage, told, digests = filled
    (tmp_path / "admin.token").write_text("then")
    make(readOnly=True).backup(tmp_path / "b", [tmp_path / name for name in BESIDE])
    storage.commit([Step(running("later"), True, blobs=[storage.put_blob(b"later" * 20_000)])])
    (tmp_path / "admin.token").write_text("now")
    storage.stop(5)
    return tmp_path / "b", told, digests


def test_a_backup_is_put_in_an_empty_place(backed, make, tmp_path):
    backup, told, digests = backed
    assert placed(tmp_path / "new" / "db.sqlite").restore(backup, BESIDE) is None
    assert not list((tmp_path / "new").glob("before-restore*"))
    storage = reopened(tmp_path / "new" / "db.sqlite")
    assert seen(storage, digests) == told
    storage.stop(5)
    assert not [path for path in (tmp_path / "new").iterdir() if path.name.startswith(".")]


def test_what_is_there_is_kept_beside(backed, make, tmp_path):
    backup, told, digests = backed
    before = files(backup)
    with pytest.raises(Conflict, match="has data"):
        make().restore(backup, BESIDE)
    storage = reopened(tmp_path / "db.sqlite")
    assert storage.execution("later") is not None, "nothing was changed"
    storage.stop(5)
    kept = make().restore(backup, BESIDE, force=True)
    storage = reopened(tmp_path / "db.sqlite")
    assert storage.execution("later") is None
    assert seen(storage, digests) == told
    storage.stop(5)
    assert (tmp_path / "admin.token").read_text() == "then"
    assert (kept / "admin.token").read_text() == "now"
    old = reopened(kept / "db.sqlite")
    assert old.execution("later") is not None
    assert seen(old, digests)["content"] == told["content"]
    old.stop(5)
    assert files(backup) == before


def test_a_database_without_rows_is_no_data(backed, make, tmp_path):
    backup, told, digests = backed
    reopened(tmp_path / "new" / "db.sqlite").stop(5)
    placed(tmp_path / "new" / "db.sqlite").restore(backup, BESIDE)
    storage = reopened(tmp_path / "new" / "db.sqlite")
    assert seen(storage, digests) == told
    storage.stop(5)


def test_a_damaged_database_is_data_and_can_be_replaced(backed, make, tmp_path):
    backup, told, digests = backed
    (tmp_path / "db.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(Conflict, match="has data"):
        make().restore(backup, BESIDE)
    kept = make().restore(backup, BESIDE, force=True)
    assert (kept / "db.sqlite").read_bytes().startswith(b"not a database")
    storage = reopened(tmp_path / "db.sqlite")
    assert seen(storage, digests) == told
    storage.stop(5)


def test_not_while_a_server_has_it(backed, make, tmp_path):
    backup, _, _ = backed
    server = make()
    server.start()
    with pytest.raises(Conflict, match="in use by process"):
        make().restore(backup, BESIDE, force=True)
    assert server.execution("later") is not None


@pytest.mark.parametrize(
    "fault", ["none", "file", "no blobs", "foreign", "damaged", "no content", "bad content", "newer"]
)
def test_what_is_no_backup_is_refused_and_changes_nothing(backed, make, tmp_path, fault):
    backup, _, _ = backed
    raised = {
        "damaged": PluginError,
        "no content": PluginError,
        "bad content": PluginError,
        "foreign": PluginError,
        "newer": Conflict,
    }
    if fault == "none":
        backup = tmp_path / "nowhere"
    elif fault == "file":
        backup = tmp_path / "db.sqlite"
    elif fault == "no blobs":
        shutil.rmtree(backup / "blobs")
    elif fault == "damaged":
        content = (backup / "db.sqlite").read_bytes()
        half = len(content) // 2
        (backup / "db.sqlite").write_bytes(content[:half] + b"\xff" * (len(content) - half))
    elif fault == "no content":
        next(path for path in (backup / "blobs").rglob("*") if path.is_file()).unlink()
    elif fault == "bad content":
        next(path for path in (backup / "blobs").rglob("*") if path.is_file()).write_bytes(b"x")
    else:
        statement = {
            "foreign": "pragma application_id = 1",
            "newer": "insert into schema_version values ('9999_x', 0)",
        }
        with closing(sqlite3.connect(backup / "db.sqlite")) as db, db:
            db.execute(statement[fault])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(raised.get(fault, NotFound)) as caught:
        make().restore(backup, BESIDE, force=True)
    if raised.get(fault) is PluginError:
        assert caught.value.message.startswith(f"the backup {backup} is damaged: ")
        assert caught.value.remedy == "use another backup"
    assert sorted(tmp_path.iterdir()) == before
    storage = reopened(tmp_path / "db.sqlite")
    assert storage.execution("later") is not None
    storage.stop(5)


def test_a_file_of_another_name_is_not_taken_along(backed, make, tmp_path):
    backup, _, _ = backed
    (backup / "server.lock").write_text("x")
    placed(tmp_path / "new" / "db.sqlite").restore(backup, BESIDE)
    assert not (tmp_path / "new" / "server.lock").exists()


def test_a_database_outside_of_the_data_directory_has_its_content_beside_it(backed, make, tmp_path):
    backup, told, digests = backed
    kept = make("new/other.sqlite").restore(backup, BESIDE)
    assert files(kept) == ["admin.token"], "that of the data directory"
    storage = make("new/other.sqlite")
    storage.start()
    assert seen(storage, digests) == told
    assert (tmp_path / "new" / "other.blobs").is_dir()


def test_an_interrupted_restore_is_told_to_readers(backed, make, tmp_path, monkeypatch):
    from wfcore_plugins.storage import sqlite_backup

    backup, told, digests = backed
    monkeypatch.setattr(sqlite_backup.Restoring, "finish", lambda self: None)
    make().restore(backup, BESIDE, force=True)
    monkeypatch.undo()
    with pytest.raises(Unavailable, match="was interrupted"):
        make(readOnly=True).start()
    storage = reopened(Path(tmp_path / "db.sqlite"))
    assert seen(storage, digests) == told
    storage.stop(5)
