"""Placeholders in the user's SQL: what is bound, and what is left as it stands."""

from __future__ import annotations

import time
from typing import Any

import pytest

from wfcore.api import InvalidInput
from wfcore_plugins.actions.core.db.statement import compile_statement

P = {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("sql", "parameters", "sqlite", "postgres", "values"),
    [
        ("select :a, :b, :a", P, "select ?, ?, ?", "select %s, %s, %s", [1, 2, 1]),
        ("select ?, ?", [5, 6], "select ?, ?", "select %s, %s", [5, 6]),
        ("select ':a', :a, \":a\"", {"a": 1}, "select ':a', ?, \":a\"", "select ':a', %s, \":a\"", [1]),
        ("select 'it''s ?', ?", [1], "select 'it''s ?', ?", "select 'it''s ?', %s", [1]),
        ("select :a -- :b ?\n", {"a": 1}, "select ? -- :b ?\n", "select %s -- :b ?\n", [1]),
        ("select /* :b */ :a", {"a": 1}, "select /* :b */ ?", "select /* :b */ %s", [1]),
        ("select x::int, :a::text", {"a": 1}, "select x::int, ?::text", "select x::int, %s::text", [1]),
        ("select x[1:2], :a", {"a": 1}, "select x[1:2], ?", "select x[1:2], %s", [1]),
        ("select '12:30', t:a", {}, "select '12:30', t:a", "select '12:30', t:a", []),
        ("select x ? 'k'", {}, "select x ? 'k'", "select x ? 'k'", []),
        ("select x ?? 'k', ?", [1], "select x ? 'k', ?", "select x ? 'k', %s", [1]),
        ("select 7 % 2, '%', ?", [1], "select 7 % 2, '%', ?", "select 7 %% 2, '%%', %s", [1]),
        ("select :a;  ", {"a": 1}, "select ?;  ", "select %s;  ", [1]),
        ("select (:a)", {"a": 1}, "select (?)", "select (%s)", [1]),
        ("select 1 where x=:a", {"a": None}, "select 1 where x=?", "select 1 where x=%s", [None]),
    ],
)
def test_both_engines(sql: str, parameters: Any, sqlite: str, postgres: str, values: list[Any]) -> None:
    for text, engine in ((sqlite, False), (postgres, True)):
        statement = compile_statement(sql, parameters, postgres=engine)
        assert (statement.text, statement.values) == (text, values)
        assert statement.verb == "select"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        (r"select E'\':a', :a", r"select E'\':a', %s"),
        ("select $$ :a ? $$, :a", "select $$ :a ? $$, %s"),
        ("select $x$ $$ :a $x$, :a", "select $x$ $$ :a $x$, %s"),
        ("select /* /* :b */ :b */ :a", "select /* /* :b */ :b */ %s"),
        ("select ';', $$;$$, :a -- ;", "select ';', $$;$$, %s -- ;"),
    ],
)
def test_what_only_postgresql_has(sql: str, text: str) -> None:
    statement = compile_statement(sql, {"a": 1}, postgres=True)
    assert (statement.text, statement.values) == (text, [1])


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("select [a:b], :a", "select [a:b], ?"),
        ("select `:b`, :a", "select `:b`, ?"),
        ("select 1 /* :b", None),
    ],
)
def test_what_only_sqlite_has(sql: str, text: str | None) -> None:
    statement = compile_statement(sql, {"a": 1} if text else {}, postgres=False)
    assert statement.text == (text or sql)


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("select :a", {}, "there is no 'a', which the SQL uses as :a"),
        ("select :a", {"a": 1, "c": 1, "b": 2}, "the SQL does not use b, c"),
        ("select ?", [], "the SQL has more \\? than the 0 parameters"),
        ("select ?", [1, 2], "there are 2 parameters for 1 \\?"),
        ("select %(a)s", {"a": 1}, r"sql: write %\(a\)s as :a"),
        ("BEGIN", {}, "BEGIN is not for actions"),
        (" -- x\n /* y */ commit", {}, "COMMIT is not for actions"),
    ],
)
@pytest.mark.parametrize("postgres", [False, True])
def test_what_does_not_fit_is_named(sql: str, parameters: Any, message: str, postgres: bool) -> None:
    with pytest.raises(InvalidInput, match=message):
        compile_statement(sql, parameters, postgres=postgres)


@pytest.mark.parametrize("sql", ["select 1; select 2", "select 1;-- x\n;drop table t", "select 1; /* a */ x"])
def test_postgresql_takes_one_statement(sql: str) -> None:
    with pytest.raises(InvalidInput, match="more than one statement"):
        compile_statement(sql, {}, postgres=True)


@pytest.mark.parametrize(
    ("sql", "verb"),
    [("", ""), ("  Select 1", "select"), ("(select 1)", "select"), ("/* a */ WITH x", "with"), ("1", "")],
)
def test_the_verb(sql: str, verb: str) -> None:
    assert compile_statement(sql, {}, postgres=False).verb == verb


@pytest.mark.parametrize("unit", ["/**/", "'", "(", "$$ ", '"', "--\n", "[", "/*", "e'\\"])
def test_long_texts_take_no_long_time(unit: str) -> None:
    for engine in (False, True):
        started = time.monotonic()
        compile_statement(unit * 50_001 + "1", {}, postgres=engine)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "sql",
    ["select 1" + ";" * 30_000, "select 1;" + "/* " * 30_000, "".join(f"$a{n}$ " for n in range(15_000))],
    ids=["ends", "comments", "tags"],
)
def test_what_never_closes_takes_no_long_time(sql: str) -> None:
    started = time.monotonic()
    assert compile_statement(sql, {}, postgres=True).text == sql
    assert time.monotonic() - started < 2
