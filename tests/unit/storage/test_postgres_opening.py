"""What the PostgreSQL driver makes of its settings and of the database, and in what words it refuses."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import peewee
import psycopg2
import pytest
from cerberus import Validator

from wfcore.api import Conflict, InvalidConfig, InvalidInput, PluginError, Step, Unavailable
from wfcore_plugins.storage import migrations, postgres_pool, postgres_target
from wfcore_plugins.storage.postgres import PostgresStorage
from wfcore_plugins.storage.schema import COLUMNS
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

SECRET = "hunter2"


@pytest.fixture
def make(tmp_path, database):
    made = []

    def build(url=database, **settings):
        made.append(PostgresStorage({"url": url, **settings}, context("postgres", tmp_path)))
        return made[-1]

    yield build
    for storage in made:
        storage.stop(5.0)


@pytest.fixture
def sql(database):
    """Runs statements on the database, each by itself; the rows of the last."""

    def run(*statements):
        with closing(psycopg2.connect(database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


def refusal(storage, kind):
    with pytest.raises(kind) as caught:
        storage.start()
    error = caught.value
    assert error.remedy
    assert "\n" not in error.message
    assert SECRET not in f"{error.message} {error.remedy}"
    return error.message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (None, "is missing"),
        ("", "is missing"),
        (f"mysql://joe:{SECRET}@db/x", "no URL of PostgreSQL"),
        (f"host=db password={SECRET}", "no URL of PostgreSQL"),
        (f"postgres://joe:{SECRET}@db/x?nonsense=1", "no URL that PostgreSQL understands"),
        (f"postgres://joe:{SECRET}@[::1/x", "no URL that PostgreSQL understands"),
        (f"postgres://joe:{SECRET}@db:port/x", "its port is none"),
        (f"postgres://joe:{SECRET}/{SECRET}@db/x", "its port is none"),
        (f"postgres://joe:1/{SECRET}@db/x", "its dbname is none"),
        (f"postgres://joe:{SECRET}@{SECRET}@db/x", "its host is none"),
    ],
)
def test_a_url_that_is_none(tmp_path, url, message):
    with pytest.raises(InvalidConfig, match=message) as caught:
        PostgresStorage({"url": url}, context("postgres", tmp_path))
    assert caught.value.message.startswith("storage.url")
    assert "postgres://USER@HOST" in caught.value.remedy
    assert SECRET not in caught.value.message


def test_one_password_is_enough(tmp_path):
    settings = {"url": f"postgres://joe:{SECRET}@db/x", "passwordFile": "/etc/password"}
    with pytest.raises(InvalidConfig, match=r"storage\.passwordFile") as caught:
        PostgresStorage(settings, context("postgres", tmp_path))
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    "config",
    [{"url": 7}, {"passwordFile": ""}, {"passwordFile": 1}, {"poolSize": 1}, {"poolSize": 1001},
     {"poolSize": "many"}, {"readOnly": "yes"}, {"path": "x"}],
)  # fmt: skip
def test_bad_configuration(config):
    assert not Validator(PostgresStorage.schema)(config)


def test_good_configuration():
    validator = Validator(PostgresStorage.schema)
    assert validator({"url": "postgres://db/x", "passwordFile": None})
    assert validator.document["poolSize"] == 10


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://joe:{SECRET}@127.0.0.1:1/x",
        f"postgres://joe:{SECRET}@no-such-host.invalid/x",
        f"postgres://joe:{SECRET}@/x?host=/nowhere",
    ],
)
def test_a_server_that_is_not_there(make, url):
    assert "the database x at " in refusal(make(url), Unavailable)
    with pytest.raises(Unavailable):
        make(url).migrate(check=True)


def test_a_database_that_is_not_there(make, postgres):
    nowhere = make(postgres.replace("/postgres?", "/none?"))
    assert 'database "none" does not exist' in refusal(nowhere, Unavailable)


@contextmanager
def password_needed(sql):
    """A user of the server who needs a password."""
    ((file,),) = sql("show hba_file")
    before = Path(file).read_text()
    Path(file).write_text(f"local all locked scram-sha-256\n{before}")
    name = sql("select current_database()")[0][0]
    sql(
        f"create role locked login password '{SECRET}'",
        f"grant all on database {name} to locked",
        "grant all on schema public to locked",
        "select pg_reload_conf()",
    )
    try:
        yield
    finally:
        Path(file).write_text(before)
        sql("drop owned by locked", "drop role locked", "select pg_reload_conf()")


def test_the_password_comes_from_the_url_a_file_or_the_environment(
    make, sql, database, tmp_path, monkeypatch
):
    file = tmp_path / "password"
    bare = database.replace("postgres:@", "locked@")
    with password_needed(sql):
        file.write_text("wrong\n")
        assert "password authentication failed" in refusal(make(bare, passwordFile=str(file)), Unavailable)
        assert "no password supplied" in refusal(make(bare), Unavailable)
        file.write_text(f"{SECRET}\n")
        make(bare, passwordFile=str(file)).start()
        make(database.replace("postgres:@", f"locked:{SECRET}@")).start()
        monkeypatch.setenv("PGPASSWORD", SECRET)
        make(bare).start()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_password_file_that_cannot_be_read(make, database, tmp_path, content):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    assert str(file) in refusal(make(database, passwordFile=str(file)), PluginError)


def test_an_old_server_is_refused(make, monkeypatch):
    monkeypatch.setattr(postgres_target, "_OLDEST", 99)
    assert "99 or newer is needed" in refusal(make(), PluginError)


def test_a_database_of_another_encoding_is_refused(make, database, sql):
    sql("create database latin template template0 encoding 'LATIN1' locale_provider libc locale 'C'")
    try:
        url = database.replace(sql("select current_database()")[0][0], "latin")
        assert "encoding LATIN1" in refusal(make(url), PluginError)
    finally:
        sql("drop database latin with (force)")


@pytest.mark.parametrize(
    "statement", ["create table task (id int)", "create table schema_version (version int)"]
)
def test_a_database_of_another_program(make, sql, statement):
    sql(statement)
    assert "cannot be migrated" in refusal(make(), PluginError)
    assert len(sql("select tablename from pg_tables where schemaname = 'public'")) == 1


def test_a_schema_of_its_own_in_a_database_of_another_program(make, sql, database):
    sql("create table task (id int)", "create schema wf")
    storage = make(f"{database}&options=-csearch_path%3Dwf")
    storage.start()
    storage.commit([Step(running("0001"), create=True)])
    assert sql("select id from wf.execution") == [("0001",)]
    assert sql("select tablename from pg_tables where schemaname = 'public'") == [("task",)]


def test_a_database_of_a_newer_release(make, sql):
    make().migrate()
    sql("insert into schema_version values ('9999_future', 0)")
    assert "9999_future" in refusal(make(), Conflict)
    with pytest.raises(Conflict, match="newer"):
        make().migrate(check=True)


def test_a_failed_migration_leaves_the_database_as_it_was(make, sql, monkeypatch):
    broken = migrations.import_module("wfcore_plugins.storage.migrations.0001_first")
    monkeypatch.setattr(broken, "_INDEXES", (*broken._INDEXES, "create index nonsense on nowhere (x)"))
    assert "nowhere" in refusal(make(), PluginError)
    assert sql("select tablename from pg_tables where schemaname = 'public'") == []
    monkeypatch.undo()
    make().start()


def test_the_migrations_make_the_tables_that_the_queries_expect(make, sql):
    make().migrate()
    tables = {}
    for table, column in sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
    ):
        tables.setdefault(table, set()).add(column)
    assert tables.pop("schema_version") == {"name", "applied_at"}
    assert tables.pop("content") == {"digest", "stored_at"}
    assert tables.pop("content_chunk") == {"digest", "number", "bytes"}
    assert tables == {name: set(columns) for name, columns in COLUMNS.items()}


def test_texts_are_ordered_byte_by_byte_whatever_the_database_thinks(make, sql):
    make().migrate()
    found = sql(
        "select distinct collation_name from information_schema.columns"
        " where table_schema = 'public' and data_type = 'text' and table_name <> 'schema_version'"
    )
    assert found == [("C",)]


@pytest.mark.parametrize(
    "call",
    [lambda s: s.counts(), lambda s: s.commit([1]), lambda s: s.announce("x"), lambda s: s.subscribe(print)],
)
def test_a_driver_that_is_not_open_says_so(make, call):
    storage = make()
    for _ in range(2):
        with pytest.raises(Unavailable, match="is not open"):
            call(storage)
        storage.start()
        storage.stop(1)


def test_a_reader_beside_a_server(make):
    server, reader = make(), make(readOnly=True)
    assert "lacks 0001_first" in refusal(make(readOnly=True), Unavailable)
    server.start()
    server.set_record("a", "k", "1", None)
    reader.start()
    assert reader.get_record("a", "k", 0) == "1"
    for write in (
        lambda: reader.set_record("a", "k", "3", None),
        lambda: reader.put_blob(b"x"),
        lambda: reader.commit([Step(None)]),
        lambda: reader.announce("x"),
    ):
        with pytest.raises(Unavailable, match="reading only"):
            write()
    with pytest.raises(Unavailable, match="read-only"), reader.reading():
        reader._pool.execute_sql("delete from record")


def test_a_standby_or_a_missing_right_is_said(make, database, sql):
    server = make()
    server.start()
    standby = make(f"{database}&options=-cdefault_transaction_read_only%3Don")
    standby.start()
    with pytest.raises(Unavailable, match="read-only transaction") as caught:
        standby.commit([Step(running("0001"), create=True)])
    assert "standby" in caught.value.remedy
    sql("create role guest login")
    try:
        guest = make(database.replace("postgres:@", "guest@"))
        with pytest.raises(Unavailable, match="permission denied") as caught:
            guest.start()
        assert "grant" in caught.value.remedy
    finally:
        guest.stop(1)
        sql("drop role guest")


def test_a_default_of_the_database_changes_no_transaction(make, database):
    storage = make(f"{database}&options=-cdefault_transaction_isolation%3Dserializable")
    storage.start()
    with storage.writing():
        assert storage._pool.execute_sql("show transaction_isolation").fetchone() == ("read committed",)


def test_a_server_that_does_not_answer_holds_up_all_that_wait_once(monkeypatch):
    monkeypatch.setattr(postgres_pool, "_PAUSE", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(5) as threads:
        port = silent.getsockname()[1]
        url = f"postgres://x@127.0.0.1:{port}/x?connect_timeout=2&sslmode=disable&gssencmode=disable"
        pool = postgres_pool.Pool(postgres_target.Target(url), 10)

        def connect():
            with pytest.raises(peewee.OperationalError, match="timeout expired"), pool.lent():
                pass

        for done in [threads.submit(connect) for _ in range(5)]:
            done.result()
        silent.setblocking(False)
        came = 0
        with pytest.raises(BlockingIOError):
            while True:
                silent.accept()[0].close()
                came += 1
    assert came == 1


def test_too_many_at_once_are_told(make, monkeypatch):
    monkeypatch.setattr(postgres_pool, "_PATIENCE", 0.2)
    storage = make(poolSize=2)
    storage.start()
    with storage.reading():
        inside, leave = threading.Event(), threading.Event()

        def hold():
            with storage.reading():
                inside.set()
                leave.wait(30)

        other = threading.Thread(target=hold)
        other.start()
        inside.wait(30)
        found = []

        def third():
            try:
                storage.counts()
            except Unavailable as error:
                found.append(error)

        late = threading.Thread(target=third)
        late.start()
        late.join(30)
        leave.set()
        other.join(30)
    assert "all connections" in found[0].message
    assert "poolSize" in found[0].remedy
    assert storage.counts() == {}


def test_a_text_that_postgresql_cannot_keep(make):
    storage = make()
    storage.start()
    with pytest.raises(InvalidInput, match=r"U\+0000"):
        storage.set_record("a", "k\0", "1", None)
    with pytest.raises(InvalidInput, match=r"U\+0000"):
        storage.execution("\0")
    with pytest.raises(InvalidInput, match=r"U\+0000"):
        storage.commit([Step(running("0001", key="\0"), create=True)])
    assert storage.counts() == {}
