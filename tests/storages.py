"""The storage on which the engine and the server are tested: WORKFLOW_TEST_STORAGE says of which kind.

Both kinds answer the same questions about the storage of a server whose data directory is ``directory``.
"""

import io
import itertools
import os
import shutil
import sqlite3
import time
from collections import defaultdict
from contextlib import ExitStack, closing, contextmanager

import psycopg2
import psycopg2.extensions

KIND = os.environ.get("WORKFLOW_TEST_STORAGE", "sqlite")
DAY = 86_400

_numbers = itertools.count(1)
_free = defaultdict(list)

_EMPTY = """
select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' loop
        execute format('drop schema %I cascade', name);
    end loop;
end $$;
create schema public;
grant usage on schema public to public
"""


@contextmanager
def new_database(server):
    """The URL of an empty database on that server of PostgreSQL, for one alone.

    It is emptied afterwards for the next one: that takes a tenth of making another.
    """
    free = _free[server]
    if not free:
        free.append(f"test{next(_numbers)}")
        _execute(server, f"create database {free[-1]}")
    name = free.pop()
    url = server.replace("/postgres?", f"/{name}?")
    try:
        yield url
    finally:
        _execute(url, _EMPTY)
        free.append(name)


def _execute(url, statement):
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


class SqliteFiles:
    """One file for each data directory."""

    def settings(self, directory):
        """What a configuration says, by dotted keys."""
        return {"storage.path": str(directory / "db.sqlite")}

    def copy(self, directory, target):
        """What a server leaves that dies now."""
        shutil.copytree(directory, target)
        (target / "db.sqlite.lock").unlink(missing_ok=True)

    def sql(self, directory, statement):
        """The rows of a statement, which is committed; no server may be running."""
        with closing(sqlite3.connect(directory / "db.sqlite")) as db, db:
            return db.execute(statement).fetchall()

    @contextmanager
    def frozen(self, directory):
        """A reader for the tables that a server has left, which changes nothing about them: rows as dicts."""
        copy = directory.parent / "snapshot"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("db.sqlite", "db.sqlite-wal"):
            if (directory / name).exists():
                shutil.copy(directory / name, copy / name)
        with closing(sqlite3.connect(copy / "db.sqlite")) as db:
            db.row_factory = sqlite3.Row
            assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
            yield lambda statement: [dict(row) for row in db.execute(statement)]

    def contents(self, directory):
        """How many large contents there are."""
        return len(self._files(directory))

    def age(self, directory):
        """Let all content be a day old."""
        for path in self._files(directory):
            os.utime(path, (time.time() - DAY, time.time() - DAY))

    def _files(self, directory):
        return [path for path in (directory / "blobs").rglob("*") if path.is_file()]

    def trace(self, monkeypatch, heard):
        """Let ``heard`` be called with every statement of drivers that are made from now on."""
        from wfcore_plugins.storage.sqlite import SqliteStorage

        original = SqliteStorage.__init__

        def traced(storage, config, context):
            original(storage, config, context)
            storage.trace = heard

        monkeypatch.setattr(SqliteStorage, "__init__", traced)


class PostgresDatabases:
    """One database for each data directory; ``server`` is the URL of the server."""

    def __init__(self, server, stack):
        self._server = server
        self._stack = stack
        self._urls = {}

    def settings(self, directory):
        return {"storage.type": "postgres", "storage.url": self._url(directory), "dataDir": str(directory)}

    def copy(self, directory, target):
        """All tables as one moment had them: a database in use is no template."""
        from wfcore_plugins.storage.postgres import PostgresStorage
        from wfsdk.contexts import context

        url = self._url(target)
        PostgresStorage({"url": url}, context("postgres", target)).migrate()
        with (
            closing(psycopg2.connect(self._url(directory))) as old,
            closing(psycopg2.connect(url)) as new,
            new,
        ):
            old.set_session("repeatable read", readonly=True)
            reader, writer = old.cursor(), new.cursor()
            reader.execute("select tablename from pg_tables where schemaname = 'public' order by tablename")
            names = [name for (name,) in reader if name not in ("schema_version", "node")]  # it is dead
            for name in names:
                rows = io.BytesIO()
                reader.copy_expert(f'copy "{name}" to stdout', rows)
                rows.seek(0)
                writer.copy_expert(f'copy "{name}" from stdin', rows)
            writer.execute("select setval(pg_get_serial_sequence('inbox', 'id'), 1000)")

    def sql(self, directory, statement):
        with closing(psycopg2.connect(self._url(directory))) as db, db:
            cursor = db.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def frozen(self, directory):
        from psycopg2.extras import RealDictCursor

        with closing(psycopg2.connect(self._url(directory), cursor_factory=RealDictCursor)) as db:
            db.set_session("repeatable read", readonly=True)
            self._until_alone(db)

            def rows(statement):
                cursor = db.cursor()
                cursor.execute(statement)
                return [dict(row) for row in cursor]

            yield rows

    def contents(self, directory):
        return self.sql(directory, "select count(*) from content")[0][0]

    def age(self, directory):
        self.sql(directory, f"update content set stored_at = stored_at - {DAY * 1_000_000}")

    def trace(self, monkeypatch, heard):
        class Recording(psycopg2.extensions.cursor):
            def execute(self, statement, values=None):
                heard(statement if isinstance(statement, str) else statement.decode())
                return super().execute(statement, values)

        connect = psycopg2.connect
        monkeypatch.setattr(psycopg2, "connect", lambda dsn: connect(dsn, cursor_factory=Recording))

    def _url(self, directory):
        if directory not in self._urls:
            self._urls[directory] = self._stack.enter_context(new_database(self._server))
        return self._urls[directory]

    def _until_alone(self, db):
        """Wait for the server's side of what a killed process had begun."""
        query = (
            "select count(*) as count from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        for _ in range(3000):
            cursor = db.cursor()
            cursor.execute(query)
            if not cursor.fetchone()["count"]:
                db.rollback()  # the snapshot of the rows is taken afterwards
                return
            db.rollback()
            time.sleep(0.01)
        raise AssertionError("somebody is still connected")


@contextmanager
def storages(server):
    """The storages of the kind that is tested; ``server()`` is the URL of PostgreSQL, if it is that."""
    with ExitStack() as stack:
        yield SqliteFiles() if KIND == "sqlite" else PostgresDatabases(server(), stack)
