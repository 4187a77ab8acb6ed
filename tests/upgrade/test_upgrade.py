"""What a server of any release has left, this one takes up: the schema, and what was in the middle."""

import sqlite3
from contextlib import closing

import pytest

from tests.upgrade import make
from wfcore.config import load
from wfcore.model.records import ExecutionQuery
from wfcore.service import copies
from wfcore.service.app import open_app
from wfcore_plugins.storage import migrations
from wfcore_plugins.storage.postgres import POSTGRES, PostgresStorage
from wfsdk.contexts import context

RELEASES = migrations.known()
#: PostgreSQL came with the third.
ON_POSTGRES = [name for name in RELEASES if name >= "0003"]


def sqlite(directory):
    return load(environ={}, overrides={"storage.path": str(directory / "db.sqlite")})


def schema(path):
    """What the database says of its tables and indexes, however they came about."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
        columns = {
            name: {tuple(row[1:4]) for row in db.execute(f'pragma table_info("{name}")')} for name in tables
        }
        indexes = db.execute("select name, sql from sqlite_master where type = 'index' and sql is not null")
        return columns, set(indexes)


def everything(db):
    """All of a database: how its tables and indexes were made, and their rows."""
    master = db.execute("select name, sql from sqlite_master where sql is not null")
    made = {(name, " ".join(sql.split())) for name, sql in master}
    return made, {name: db.execute(f'select * from "{name}" order by 1, 2').fetchall() for name in make.ROWS}


def test_every_release_has_its_dump():
    dumps = sorted(file.stem for file in make.HERE.glob("*.sql"))
    assert dumps == RELEASES, "tests/upgrade/make.py writes what is missing"


@pytest.mark.parametrize("release", RELEASES)
def test_a_released_migration_never_changes(release):
    with closing(make.made(release)) as now, closing(sqlite3.connect(":memory:")) as then:
        then.executescript((make.HERE / f"{release}.sql").read_text())
        assert everything(then) == everything(now)


@pytest.mark.parametrize("release", RELEASES)
def test_the_schema_becomes_that_of_a_new_database(tmp_path, release):
    make.restore(release, tmp_path / "old" / "db.sqlite")
    later = [name for name in RELEASES if name > release]
    assert copies.migrate(sqlite(tmp_path / "old"), check=True) == later
    assert copies.migrate(sqlite(tmp_path / "old")) == later
    assert copies.migrate(sqlite(tmp_path / "new")) == RELEASES
    assert schema(tmp_path / "old" / "db.sqlite") == schema(tmp_path / "new" / "db.sqlite")


def check_it_goes_on(app):
    """Everything that was open ends as it should, in one history."""
    executions, storage = app.executions, app.storage
    for id in (make.RUNS, make.WAITS, make.PENDS, make.STOPS):
        state = "CANCELLED" if id == make.STOPS else "SUCCESS"
        assert executions.wait_end(id, 20).state == state
        facts = storage.facts(id)
        assert [one.seq for one in facts] == list(range(1, len(facts) + 1))
        assert facts[-1].kind == "execution.finished"
    for id in (make.RUNS, make.WAITS, make.PENDS):
        assert executions.outputs(id) == {"v": 7}
    assert executions.outputs(make.DONE) == {"v": 7}
    tasks = {one.path: one for one in storage.tasks(make.RUNS)}
    assert (tasks["a"].attempt, tasks["b"].attempt, tasks["b"].losses) == (1, 2, 1), (
        "only what was lost again"
    )
    assert {one.attempt for one in storage.tasks(make.WAITS)} == {1}
    assert executions.describe(make.STOPS)["error"]["message"] == "enough"
    assert executions.submit("default", "flow", {}, key="once")[0].id == make.DONE, "its key is known"
    assert app.installed.records("kv").get("seen") == "yes"
    assert (
        len(storage.executions(ExecutionQuery(namespace="default", workflow="flow", states=("SUCCESS",))))
        == 4
    )
    applied = app.workflows.apply((make.SOURCE + "description: newer\n").encode(), "flow.yaml")
    assert applied.result == "updated"
    new = executions.submit("default", "flow", {"n": 1})[0].id
    assert executions.wait_end(new, 20).state == "SUCCESS"
    assert storage.migrate(check=True) == []
    assert not any(app.health().values())


@pytest.mark.parametrize("release", RELEASES)
def test_what_was_in_the_middle_goes_on(tmp_path, release):
    make.restore(release, tmp_path / "data" / "db.sqlite")
    with open_app(sqlite(tmp_path / "data")) as app:
        check_it_goes_on(app)


@pytest.mark.parametrize("release", RELEASES)
def test_a_backup_of_an_older_release_can_be_restored(tmp_path, release):
    make.restore(release, tmp_path / "backup" / "db.sqlite")
    (tmp_path / "backup" / "blobs").mkdir()
    copies.restore(sqlite(tmp_path / "data"), tmp_path / "backup")
    with open_app(sqlite(tmp_path / "data")) as app:
        check_it_goes_on(app)


@pytest.mark.parametrize("release", ON_POSTGRES)
def test_on_postgresql_too(tmp_path, database, release):
    """Its tables are made by the released migrations, which never change, and get the rows of the dumps."""
    storage = PostgresStorage({"url": database}, context("postgres", tmp_path))
    db = storage._pool
    with db.lent():
        make.migrate(db, POSTGRES, release)
        make.insert(db, lambda table: {column.name for column in db.get_columns(table)})
    storage.stop(1)
    settings = {"storage.type": "postgres", "storage.url": database, "dataDir": str(tmp_path / "data")}
    with open_app(load(environ={}, overrides=settings)) as app:
        check_it_goes_on(app)
