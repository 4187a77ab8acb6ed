"""Database actions on real SQLite files and on a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wfcore.api import Cancel, InvalidInput, NotFound, RetryableError, TerminalError


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, make_pack: Callable[..., Any]) -> Iterator[Any]:
    """The pack with a connection `db` in which a table `items` is waiting."""
    if request.param == "sqlite":
        pack = make_pack(db="sqlite:///items.db")
    else:
        pack = make_pack(db=request.getfixturevalue("postgres"))
        pack("db.execute", connection="db", sql="drop table if exists items")
    pack(
        "db.execute",
        connection="db",
        sql="create table items (id integer primary key, name text not null, qty integer default 7)",
    )
    pack.engine = request.param
    yield pack


def rows(pack: Any, sql: str = "select * from items order by id", **more: Any) -> Any:
    return pack.output("db.query", connection="db", sql=sql, **more)


def test_insert_takes_one_row_or_many_and_defaults_fill_in(db: Any) -> None:
    assert db("db.insert", connection="db", table="items", data={"id": 1, "name": "a"}) == {"affected": 1}
    many = [{"id": 2, "name": "b", "qty": 1}, {"id": 3, "name": "c", "qty": None}, {"id": 4, "name": "d"}]
    assert db("db.insert", connection="db", table="items", data=many) == {"affected": 3}
    assert [row["qty"] for row in rows(db)] == [7, 1, None, 7]
    assert db("db.insert", connection="db", table="items", data=[]) == {"affected": 0}


def test_values_are_bound_never_pasted(db: Any) -> None:
    evil = "x'); drop table items; -- %s :a ? \\"
    db("db.insert", connection="db", table="items", data={"id": 1, "name": evil})
    assert rows(db, "select name from items where name = :n", parameters={"n": evil}) == [{"name": evil}]
    assert rows(db, "select name from items where name = ?", parameters=[evil]) == [{"name": evil}]
    assert rows(db, "select id % 2 as odd, '%' as p, '100%%' as pp from items") == [
        {"odd": 1, "p": "%", "pp": "100%%"}
    ]


@pytest.mark.parametrize("name", ["items; drop table items", 'it"ems', "a.b.c", "", "1a", "x" * 64, "ä"])
def test_a_name_that_is_none_is_refused(db: Any, name: str) -> None:
    for inputs in ({"table": name, "data": {"id": 1}}, {"table": "items", "data": {name: 1}}):
        with pytest.raises(InvalidInput):
            db.actions["db.insert"].run({"connection": "db", **inputs}, db.task)
    assert rows(db) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1], r"^data\[0\]: a row is a mapping"),
        ([{"id": 1, "name": "a"}, {}], r"^data\[1\]: a row is a mapping"),
        ({}, r"^data: a row is a mapping"),
        ([{"id": 1, "ID": 2}], r"^data\[0\]: two columns differ only in case"),
        ([{"id": 1, 5: 2}], "5 is no table or column name"),
    ],
)
def test_rows_that_are_none_are_named(db: Any, data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        db("db.insert", connection="db", table="items", data=data)


def test_all_rows_or_none(db: Any) -> None:
    data = [{"id": index, "name": "a"} for index in range(1200)] + [{"id": 5, "name": "twice"}]
    with pytest.raises(TerminalError, match=r"(?i)unique") as failed:
        db("db.insert", connection="db", table="items", data=data)
    assert failed.value.kind == "database"
    assert rows(db) == []
    assert db("db.insert", connection="db", table="items", data=data[:-1]) == {"affected": 1200}


def test_conflicts_can_be_ignored_or_replaced(db: Any) -> None:
    insert = {"connection": "db", "table": "items"}
    db("db.insert", **insert, data={"id": 1, "name": "old", "qty": 1})
    again = [{"id": 1, "name": "new"}, {"id": 2, "name": "b"}]
    assert db("db.insert", **insert, data=again, on_conflict="ignore") == {"affected": 1}
    assert [row["name"] for row in rows(db)] == ["old", "b"]
    assert db("db.insert", **insert, data=again, on_conflict="ignore", keys=["id"]) == {"affected": 0}
    assert db("db.insert", **insert, data=again, on_conflict="replace", keys=["id"]) == {"affected": 2}
    assert rows(db)[0] == {"id": 1, "name": "new", "qty": 1}
    only_key = {"id": 1}
    with pytest.raises(InvalidInput, match=r"^keys: on_conflict: replace needs"):
        db("db.insert", **insert, data=only_key, on_conflict="replace")
    with pytest.raises(InvalidInput, match=r"^data: the key column 'id' is missing"):
        db("db.insert", **insert, data={"name": "x"}, on_conflict="replace", keys=["id"])
    with pytest.raises(TerminalError, match="ON CONFLICT"):
        db("db.insert", **insert, data={"id": 9, "name": "x"}, on_conflict="replace", keys=["name"])


def test_query_tells_columns_and_count(db: Any) -> None:
    db("db.insert", connection="db", table="items", data=[{"id": n, "name": "x"} for n in range(5)])
    result = db("db.query", connection="db", sql="select id, name as n from items where id < :top",
                parameters={"top": 2})  # fmt: skip
    assert result.output == [{"id": 0, "n": "x"}, {"id": 1, "n": "x"}]
    assert result.meta == {"columns": ["id", "n"], "row_count": 2}
    empty = db("db.query", connection="db", sql="select id from items where id > 99")
    assert (empty.output, empty.meta["columns"]) == ([], ["id"])


def test_more_rows_than_asked_for_are_an_error(db: Any) -> None:
    db("db.insert", connection="db", table="items", data=[{"id": n, "name": "x"} for n in range(5)])
    assert len(rows(db, max_rows=5)) == 5
    with pytest.raises(TerminalError, match="more than 4 rows; add a LIMIT") as failed:
        rows(db, max_rows=4)
    assert failed.value.kind == "too_large"


def test_a_query_may_change_rows_and_return_them(db: Any) -> None:
    sql = "insert into items (id, name) values (:i, 'x') returning id, qty"
    assert rows(db, sql, parameters={"i": 3}) == [{"id": 3, "qty": 7}]
    sql = "with w as (select 3 as id) select name from items join w using (id)"
    assert rows(db, sql) == [{"name": "x"}]
    assert rows(db, "delete from items") == []
    assert rows(db) == []


def test_a_query_that_fails_after_its_statement_changes_nothing(db: Any) -> None:
    sql = "insert into items (id, name) values (1, 'a'), (2, 'b') returning id"
    with pytest.raises(TerminalError, match="more than 1 rows"):
        rows(db, sql, max_rows=1)
    assert rows(db) == []


def test_two_columns_of_one_name_are_an_error(db: Any) -> None:
    db("db.insert", connection="db", table="items", data={"id": 1, "name": "x"})
    with pytest.raises(InvalidInput, match="same name"):
        rows(db, "select a.id, b.id from items a, items b")


def test_execute_tells_how_many_rows(db: Any) -> None:
    insert = "insert into items (id, name) values (?, 'x')"
    assert db("db.execute", connection="db", sql=insert, parameters=[41]) == {
        "affected": 1,
        "last_id": 41 if db.engine == "sqlite" else None,
    }
    update = {"sql": "update items set qty = 1 where id = :i", "parameters": {"i": 5}}
    assert db("db.execute", connection="db", **update) == {"affected": 0, "last_id": None}
    returning = "update items set qty = qty + 1 returning id"
    assert db("db.execute", connection="db", sql=returning)["affected"] == 1
    assert (
        db("db.execute", connection="db", sql="create table if not exists items (id integer)")["affected"]
        == 0
    )


@pytest.mark.parametrize("sql", ["selec 1", "select * from nothing", "select nope from items"])
def test_wrong_sql_is_final_and_says_why(db: Any, sql: str) -> None:
    with pytest.raises(TerminalError, match=r"^(SQLite|PostgreSQL): .*(syntax|nothing|nope)") as failed:
        rows(db, sql)
    assert failed.value.kind == "database"
    assert rows(db) == []


def test_a_statement_that_fails_leaves_nothing_behind(db: Any) -> None:
    with pytest.raises(TerminalError):
        db("db.execute", connection="db", sql="insert into items (id, name) values (1, 'a'), (2, null)")
    assert rows(db) == []


def test_values_of_every_kind_go_in(db: Any) -> None:
    db("db.execute", connection="db", sql="drop table if exists kinds")
    types = "t text, i bigint, f double precision, b {}, d {}, j {}, z text"
    types = types.format(
        *(("blob", "text", "text") if db.engine == "sqlite" else ("bytea", "timestamptz", "jsonb"))
    )
    db("db.execute", connection="db", sql=f"create table kinds ({types})")
    at = datetime(2030, 1, 31, 12, 30, tzinfo=UTC)
    row = {
        "t": "é\U0001f600",
        "i": 2**62,
        "f": 0.1,
        "b": b"\x00\xff",
        "d": at,
        "j": {"a": [1, None]},
        "z": None,
    }
    db(
        "db.insert",
        connection="db",
        table="kinds",
        data=[row, {**row, "b": {"$bytes": "AP8="}, "j": [1, "x"]}],
    )
    first, second = rows(db, "select * from kinds")
    assert {**first, "j": None} == {**row, "d": "2030-01-31T12:30:00Z", "j": None}
    assert second["b"] == b"\x00\xff"
    documents = (first["j"], second["j"])
    assert documents == (
        ('{"a":[1,null]}', '[1,"x"]') if db.engine == "sqlite" else ({"a": [1, None]}, [1, "x"])
    )


@pytest.mark.parametrize("name", ["nowhere", "Default"])
def test_an_unknown_connection_is_named(run: Any, name: str) -> None:
    with pytest.raises(
        NotFound, match=rf"^connection: there is no '{name}'; add connections\.{name}\.url .+: default"
    ):
        run("db.query", connection=name, sql="select 1")


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://x.db", "sqlite:///", "sqlite:///:memory:", "x:y"])
def test_a_connection_of_no_known_kind_is_named_without_its_url(make_pack: Any, url: str) -> None:
    with pytest.raises(InvalidInput, match=r"^connections\.other\.url: it is not of a known kind") as failed:
        make_pack(other=url)("db.query", connection="other", sql="select 1")
    assert url not in failed.value.message.partition(";")[0]


@pytest.mark.parametrize(
    ("name", "inputs", "at_fault"),
    [
        ("db.insert", {"table": "t"}, "data"),
        ("db.insert", {"data": []}, "table"),
        ("db.insert", {"table": "t", "data": "x"}, "data"),
        ("db.insert", {"table": "t", "data": {}, "on_conflict": "update"}, "on_conflict"),
        ("db.insert", {"table": "t", "data": {}, "keys": []}, "keys"),
        ("db.insert", {"table": "t", "data": {}, "keys": "id"}, "keys"),
        ("db.insert", {"table": "t", "data": {}, "rows": []}, "rows"),
        ("db.query", {}, "sql"),
        ("db.query", {"sql": "select 1", "max_rows": 0}, "max_rows"),
        ("db.query", {"sql": "select 1", "parameters": 5}, "parameters"),
        ("db.query", {"sql": "select 1", "connection": ""}, "connection"),
        ("db.execute", {"sql": ""}, "sql"),
        ("db.execute", {"sql": "select 1", "max_rows": 5}, "max_rows"),
    ],
)
def test_the_rules_refuse(run: Any, name: str, inputs: dict[str, Any], at_fault: str) -> None:
    assert at_fault in run.faults(name, **inputs)


SLOW = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
    "postgres": "select pg_sleep(20)",
}


@pytest.mark.parametrize("action", ["db.query", "db.execute"])
def test_cancel_interrupts_a_statement_at_once(db: Any, action: str) -> None:
    threading.Timer(0.2, db.task.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancel):
        db(action, connection="db", sql=SLOW[db.engine])
    assert time.monotonic() - started < 3
    db.task.cancelled.clear()
    assert rows(db) == []


def test_many_threads_share_a_connection_name(db: Any) -> None:
    db("db.insert", connection="db", table="items", data={"id": 1, "name": "n", "qty": 0})
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                db("db.execute", connection="db", sql="update items set qty = qty + 1")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(db)[0]["qty"] == 120


# --- SQLite alone


def test_the_default_connection_makes_a_missing_table(run: Any, tmp_path: Path) -> None:
    data = [
        {
            "id": 1,
            "name": "a",
            "price": 1,
            "tags": ["x"],
            "ok": True,
            "none": None,
            "mixed": 1,
            "raw": b"\x01",
        },
        {"id": 2, "name": "b", "price": 2.5, "tags": {}, "ok": False, "none": None, "mixed": "t", "raw": b""},
    ]
    assert run("db.insert", table="items", data=data) == {"affected": 2}
    assert run.output("db.query", sql="select * from items order by id") == [
        {
            "id": 1,
            "name": "a",
            "price": 1.0,
            "tags": '["x"]',
            "ok": 1,
            "none": None,
            "mixed": 1,
            "raw": b"\x01",
        },
        {"id": 2, "name": "b", "price": 2.5, "tags": "{}", "ok": 0, "none": None, "mixed": "t", "raw": b""},
    ]
    with sqlite3.connect(tmp_path / "app.sqlite") as raw:
        assert raw.execute("pragma journal_mode").fetchone() == ("wal",)
        kinds = {name: kind for _, name, kind, *_ in raw.execute("pragma table_info(items)")}
    assert kinds == {"id": "INTEGER", "name": "TEXT", "price": "REAL", "tags": "TEXT", "ok": "INTEGER",
                     "none": "", "mixed": "", "raw": "BLOB"}  # fmt: skip
    raw.close()


def test_a_table_made_from_rows_grows_and_one_of_the_users_does_not(run: Any) -> None:
    run("db.insert", table="ours", data={"a": 1})
    run("db.insert", table="OURS", data=[{"a": 2, "B": "x"}, {"a": 3, "b": "y", "c": 0.5}])
    assert run.output("db.query", sql="select * from ours")[2] == {"a": 3, "B": "y", "c": 0.5}
    run("db.execute", sql="create table theirs (a integer)")
    with pytest.raises(TerminalError, match="no column named b"):
        run("db.insert", table="theirs", data={"a": 1, "b": 2})


def test_many_threads_insert_at_once(run: Any) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                run("db.insert", table="items", data={"id": number * 100 + turn})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert run.output("db.query", sql="select count(*) as n from items") == [{"n": 90}]


def test_keys_of_a_new_table_become_unique(run: Any) -> None:
    again = {"table": "items", "data": {"id": 1, "n": 1}, "keys": ["id"], "on_conflict": "replace"}
    run("db.insert", **again)
    run("db.insert", **{**again, "data": {"id": 1, "n": 2}})
    assert run.output("db.query", sql="select * from items") == [{"id": 1, "n": 2}]
    with pytest.raises(TerminalError, match="UNIQUE constraint failed"):
        run("db.insert", table="items", data={"id": 1, "n": 3})


def test_a_failed_insert_makes_no_table(run: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^big: .+ 64 bits"):
        run("db.insert", table="items", data=[{"big": 1}, {"big": 2**63}])
    with pytest.raises(TerminalError, match="no such table"):
        run("db.query", sql="select * from items")


@pytest.mark.parametrize(
    "sql",
    ["attach database 'db.sqlite' as other", "vacuum into 'copy.db'", "pragma journal_mode = delete",
     "pragma user_version = 5", "pragma writable_schema = on", "detach database main",
     "pragma trusted_schema"],
)  # fmt: skip
def test_sql_stays_inside_its_file(run: Any, sql: str, tmp_path: Path) -> None:
    for action in ("db.execute", "db.query"):
        with pytest.raises(TerminalError, match="SQLite: "):
            run(action, sql=sql)
    assert not (tmp_path / "copy.db").exists()


def test_a_single_value_is_bounded(run: Any) -> None:
    with pytest.raises(TerminalError, match="too big"):
        run("db.query", sql="select zeroblob(100000000) as z")


def test_pragmas_that_only_tell_are_allowed(run: Any) -> None:
    run("db.insert", table="items", data={"a": 1})
    assert run.output("db.query", sql="pragma table_info(items)")[0]["name"] == "a"
    assert run.output("db.query", sql="select name from pragma_table_info('items')") == [{"name": "a"}]


def test_sqlite_takes_one_statement(run: Any) -> None:
    with pytest.raises(TerminalError, match="one statement"):
        run("db.execute", sql="create table a (x); create table b (x)")


def test_a_locked_database_may_be_retried(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfcore_plugins.actions.core.db.sqlite._BUSY_SECONDS", 0.1)
    run_other = sqlite3.connect(tmp_path / "app.sqlite", isolation_level=None)
    run_other.execute("pragma journal_mode = wal")
    run_other.execute("begin immediate")
    with pytest.raises(RetryableError, match="busy with another writer"):
        run("db.insert", table="items", data={"a": 1})
    run_other.execute("rollback")
    run_other.close()
    assert run("db.insert", table="items", data={"a": 1}) == {"affected": 1}


def test_default_can_be_configured_and_paths_may_be_absolute(make_pack: Any, tmp_path: Path) -> None:
    pack = make_pack(default=f"sqlite:///{tmp_path}/deep/er/x.db")
    pack("db.insert", table="t", data={"a": 1})
    assert (tmp_path / "deep/er/x.db").exists()
    assert not (tmp_path / "app.sqlite").exists()


def test_a_file_that_is_no_database_is_told(make_pack: Any, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(TerminalError, match=r"x\.db cannot be opened: file is not a database"):
        make_pack(x="sqlite:///x.db")("db.query", connection="x", sql="select 1")


def test_durations_decimals_and_surrogates(run: Any) -> None:
    assert run.output("db.query", sql="select ? as s", parameters=[timedelta(minutes=1)]) == [{"s": 60.0}]
    with pytest.raises(InvalidInput, match="half of a surrogate pair"):
        run("db.query", sql="select ? as s", parameters=["\ud800"])


# --- PostgreSQL alone


def test_postgresql_values_come_out_plain(make_pack: Any, postgres: str) -> None:
    sql = (
        "select 12.50::numeric as price, 5::numeric as whole, 0.1234567890123456789::numeric as exact,"
        " 'NaN'::float8 as nan, date '2030-01-31' as day, interval '90 minutes' as span,"
        " '{1,2}'::int[] as list, '{\"a\": 1.5}'::jsonb as doc, gen_random_uuid() is not null as id,"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as uuid, 'é'::bytea as raw, null as nothing"
    )
    assert make_pack(pg=postgres).output("db.query", connection="pg", sql=sql) == [
        {
            "price": 12.5, "whole": 5, "exact": "0.1234567890123456789", "nan": "nan", "day": "2030-01-31",
            "span": 5400.0, "list": [1, 2], "doc": {"a": 1.5}, "id": True,
            "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "raw": "é".encode(), "nothing": None,
        }
    ]  # fmt: skip


def test_lists_are_arrays_and_mappings_documents(make_pack: Any, postgres: str) -> None:
    sql = "select 2 = any(:ids) as found, :doc::jsonb -> 'a' as a, '{\"k\":1}'::jsonb ? 'k' as has"
    parameters = {"ids": [1, 2], "doc": {"a": [1]}}
    assert make_pack(pg=postgres).output("db.query", connection="pg", sql=sql, parameters=parameters) == [
        {"found": True, "a": [1], "has": True}
    ]


def test_postgresql_tables_are_never_made(make_pack: Any, postgres: str) -> None:
    with pytest.raises(TerminalError, match='relation "nowhere" does not exist'):
        make_pack(pg=postgres)("db.insert", connection="pg", table="nowhere", data={"a": 1})


def test_a_schema_may_be_named(make_pack: Any, postgres: str) -> None:
    pack = make_pack(pg=postgres)
    pack("db.execute", connection="pg", sql="create schema if not exists wares")
    pack("db.execute", connection="pg", sql='create table if not exists wares.items (a int, "B c" text)')
    assert pack("db.insert", connection="pg", table="wares.items", data={"a": 1, "B c": "x"}) == {
        "affected": 1
    }


def test_a_lost_connection_may_be_retried_and_is_replaced(make_pack: Any, postgres: str) -> None:
    pack = make_pack(pg=postgres)
    other = make_pack(pg=postgres)
    mine = pack.output("db.query", connection="pg", sql="select pg_backend_pid() as pid")[0]["pid"]
    kill = {"connection": "pg", "sql": "select pg_terminate_backend(?) as done", "parameters": [mine]}
    assert other.output("db.query", **kill) == [{"done": True}]
    time.sleep(0.2)
    assert pack.output("db.query", connection="pg", sql="select 1 as one") == [{"one": 1}]
    with pytest.raises(
        RetryableError, match=r"^PostgreSQL: (terminating|server closed the) connection"
    ) as failed:
        pack("db.execute", connection="pg", sql="select pg_terminate_backend(pg_backend_pid())")
    assert failed.value.kind == "database"
    assert pack.output("db.query", connection="pg", sql="select 1 as one") == [{"one": 1}]


def test_a_server_that_does_not_answer_may_be_retried(make_pack: Any) -> None:
    pack = make_pack(pg="postgresql://me:topsecret@127.0.0.1:1/x")
    with pytest.raises(RetryableError, match=r"^PostgreSQL: .*refused") as failed:
        pack("db.query", connection="pg", sql="select 1")
    assert "topsecret" not in failed.value.message


def test_text_with_a_nul_cannot_be_sent(make_pack: Any, postgres: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be sent to PostgreSQL"):
        make_pack(pg=postgres)("db.query", connection="pg", sql="select ? as a", parameters=["\0"])
