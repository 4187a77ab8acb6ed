"""Inputs of executions and of actions."""

import threading
from datetime import UTC, date, datetime, timedelta

import cerberus
import pytest

from wfcore.errors import InvalidInput, PluginError
from wfcore.language.inputs import check_action_inputs, coerce
from wfcore.language.quick import plain
from wfcore.language.shape import Rules, rules_of
from wfcore.model.workflow import Input


def coerced(value, **declaration):
    return coerce({"x": Input("x", **declaration)}, {"x": value})["x"]


@pytest.mark.parametrize(
    ("type", "given", "expected"),
    [
        ("string", "a", "a"), ("string", "", ""),
        ("int", 5, 5), ("int", "5", 5), ("int", " -5 ", -5), ("int", "+5", 5), ("int", 5.0, 5),
        ("int", "007", 7),
        ("number", 5, 5), ("number", "5", 5), ("number", "1.5", 1.5), ("number", 1.5, 1.5),
        ("number", "1e3", 1000.0),
        ("bool", True, True), ("bool", "true", True), ("bool", "FALSE", False),
        ("date", "2026-02-06", "2026-02-06"), ("date", datetime(2026, 2, 6, 3, tzinfo=UTC), "2026-02-06"),
        ("datetime", "2026-02-06T09:30:00Z", "2026-02-06T09:30:00Z"),
        ("datetime", "2026-02-06T09:30", "2026-02-06T09:30:00Z"),
        ("datetime", "2026-02-06T09:30:00+01:00", "2026-02-06T09:30:00+01:00"),
        ("datetime", datetime(2026, 2, 6, tzinfo=UTC), "2026-02-06T00:00:00Z"),
        ("duration", "1m30s", 90.0), ("duration", 5, 5.0), ("duration", timedelta(minutes=1), 60.0),
        ("json", '{"a": [1]}', {"a": [1]}), ("json", "5", 5), ("json", {"a": 1}, {"a": 1}),
        ("json", "null", None),
        ("array", "[1, 2]", [1, 2]), ("array", ["a"], ["a"]),
        ("object", '{"a": 1}', {"a": 1}), ("object", {}, {}),
    ],
)  # fmt: skip
def test_values_of_each_type(type, given, expected):
    found = coerced(given, type=type)
    assert found == expected
    assert found.__class__ is expected.__class__


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ({}, 5, "input 'x' must be text, not a number"),
        ({"type": "int"}, "5.5", "must be a whole number, not '5.5'"),
        ({"type": "int"}, 5.5, "must be a whole number, not a number"),
        ({"type": "int"}, True, "must be a whole number, not true or false"),
        ({"type": "int"}, "٣", "must be a whole number"),
        ({"type": "int"}, "+-3", "must be a whole number"),
        ({"type": "int"}, 2**63, "must be a whole number of at most 64 bits"),
        ({"type": "int"}, "9" * 5000, "must be a whole number, not '9999"),
        ({"type": "int"}, float("inf"), "must be a whole number"),
        ({"type": "number"}, "nan", "must be a number, not 'nan'"),
        ({"type": "number"}, "1_0", "must be a number"),
        ({"type": "number"}, float("nan"), "must be a number"),
        ({"type": "number"}, False, "must be a number"),
        ({"type": "bool"}, "yes", "must be true or false, not 'yes'"),
        ({"type": "bool"}, 1, "must be true or false, not a number"),
        ({"type": "date"}, "6.2.2026", "must be a date like 2026-01-31, not '6.2.2026'"),
        ({"type": "date"}, 5, "must be a date"),
        ({"type": "datetime"}, "soon", "must be a date and time like 2026-01-31T12:00:00Z, not 'soon'"),
        ({"type": "datetime"}, None.__class__, "must be a date and time"),
        ({"type": "duration"}, "soon", "'soon' is"),
        ({"type": "json"}, "{a: 1}", "must be JSON: "),
        ({"type": "json"}, "NaN", "must be JSON: NaN is no JSON"),
        ({"type": "json"}, "[" * 100_000, "must be JSON: nested too deeply"),
        ({"type": "json"}, "[" * 501 + "]" * 501, "must be JSON: nested too deeply"),
        ({"type": "array"}, "{}", "must be a list, not a mapping"),
        ({"type": "array"}, 5, "must be a list, not a number"),
        ({"type": "object"}, "[]", "must be a mapping, not a list"),
        ({"type": "array", "items": "int"}, [1, "b"], "[1] must be a whole number, not 'b'"),
        ({"enum": ("red", "green")}, "gren", "must be one of red, green (did you mean 'green'?)"),
        ({"type": "int", "enum": (1, 2)}, 3, "must be one of 1, 2"),
        ({"pattern": "[a-z]+"}, "abc1", "must fit the pattern [a-z]+"),
        ({"pattern": "[a-z]+"}, "\ud800", "cannot be matched"),
        ({"min": 2}, "a", "must have at least 2 characters"),
        ({"max": 2}, "abc", "must have at most 2 characters"),
        ({"type": "array", "min": 1}, [], "must have at least 1 elements"),
        ({"type": "int", "min": 1}, 0, "must be at least 1"),
        ({"type": "number", "max": 1.5}, 2, "must be at most 1.5"),
        ({"type": "duration", "max": 60}, "2m", "must be at most 60"),
    ],
)
def test_values_that_do_not_fit(declaration, given, message):
    with pytest.raises(InvalidInput) as caught:
        coerced(given, **declaration)
    assert message in caught.value.message
    assert len(caught.value.message) < 300


def test_defaults_nulls_and_what_is_required():
    declared = {
        "a": Input("a", required=True),
        "b": Input("b", type="int", default=5),
        "c": Input("c"),
        "d": Input("d", required=True, default="x"),
    }
    assert coerce(declared, {"a": "1"}) == {"a": "1", "b": 5, "c": None, "d": "x"}
    assert coerce(declared, {"a": "1", "b": None}) == {"a": "1", "b": 5, "c": None, "d": "x"}
    with pytest.raises(InvalidInput, match="input 'a' is required"):
        coerce(declared, {"a": None})


def test_all_faults_at_once_and_unknown_names():
    declared = {"day": Input("day", type="date"), "count": Input("count", type="int", required=True)}
    with pytest.raises(InvalidInput) as caught:
        coerce(declared, {"dya": 1, "day": "x"})
    assert caught.value.message == (
        "there is no input 'dya' (did you mean 'day'?); "
        "input 'day' must be a date like 2026-01-31, not 'x'; input 'count' is required"
    )
    with pytest.raises(InvalidInput, match="there is no input 'zzzz'; there are day, count"):
        coerce(declared, {"zzzz": 1, "count": 1})
    with pytest.raises(InvalidInput, match="there is no input 'x'; the workflow takes none"):
        coerce({}, {"x": 1})
    assert coerce({}, {}) == {}


RULES = {
    "url": {"type": "string", "required": True, "empty": False},
    "size": {"type": "integer", "min": 1, "max": 10, "default": 5},
    "mode": {"type": "string", "allowed": ["fast", "slow"]},
    "data": {"type": ["dict", "list"]},
    "headers": {"type": "dict", "keysrules": {"type": "string"}, "valuesrules": {"type": "string"}},
    "json": {"nullable": True, "excludes": "form"},
    "form": {"type": "dict", "excludes": ["json"]},
    "raw": {"type": "binary"},
    "when": {
        "check_with": lambda field, value, error: error(field, "is not now") if value != "now" else None
    },
    "rows": {
        "type": "list",
        "schema": {"type": "dict", "schema": {"id": {"type": "integer", "required": True}}},
    },
    "one": {"anyof": [{"type": "string"}, {"type": "integer", "min": 3}]},
    "whole": {"coerce": int},
}


def test_defaults_are_filled_in():
    given = {"url": "x"}
    assert check_action_inputs(RULES, given) == {"url": "x", "size": 5}
    assert given == {"url": "x"}
    assert check_action_inputs({}, {"anything": 1}) == {"anything": 1}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "inputs.url: is missing"),
        ({"url": ""}, "inputs.url: must not be empty"),
        ({"url": None}, "inputs.url: must not be empty; give a value or leave the key out"),
        ({"url": 5}, "inputs.url: must be text, not a number; put it in quotes"),
        ({"url": "x", "size": 11}, "inputs.size: must be at most 10"),
        ({"url": "x", "size": 0}, "inputs.size: must be at least 1"),
        ({"url": "x", "size": True}, "inputs.size: must be a whole number, not true or false"),
        ({"url": "x", "size": 1.5}, "inputs.size: must be a whole number, not a number"),
        (
            {"url": "x", "mode": "fsat"},
            "inputs.mode: must be one of fast, slow, not 'fsat' (did you mean 'fast'?)",
        ),
        ({"url": "x", "data": "text"}, "inputs.data: must be a mapping or a list, not text"),
        ({"url": "x", "headers": {"a": 1}}, "inputs.headers.a: must be text, not a number; put it in quotes"),
        ({"url": "x", "headers": {1: "a"}}, "inputs.headers[1]: must be text"),
        (
            {"url": "x", "json": 1, "form": {}},
            "inputs.form: does not go together with json; inputs.json: does not go",
        ),
        ({"url": "x", "when": "later"}, "inputs.when: is not now"),
        ({"url": "x", "rows": [{"id": 1}, {}]}, "inputs.rows[1].id: is missing"),
        ({"url": "x", "rows": [{"di": 1, "id": 1}]}, "inputs.rows[0].di: unknown key (did you mean 'id'?)"),
        (
            {"url": "x", "one": 1},
            "inputs.one: must be text, not a number; put it in quotes; or must be at least 3",
        ),
        ({"url": "x", "whole": "y"}, "inputs.whole: cannot be converted: "),
        ({"url": "x", "urk": 1}, "inputs.urk: unknown key (did you mean 'url'?)"),
        (
            {"url": 1, "size": "x"},
            "inputs.size: must be a whole number, not text; inputs.url: must be text, not",
        ),
        ([1], "inputs must be a mapping, not a list"),
    ],
)
def test_faults_of_an_action_s_inputs(given, message):
    with pytest.raises(InvalidInput) as caught:
        check_action_inputs(RULES, given)
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message


def test_what_is_accepted_at_once_is_what_cerberus_accepts():
    rules = {key: rule for key, rule in RULES.items() if key not in ("when", "one")}
    values = [
        "",
        "x",
        "fast",
        0,
        5,
        11,
        1.5,
        True,
        None,
        [],
        [1],
        {},
        {"a": "b"},
        {1: 2},
        b"",
        b"x",
        date.min,
    ]
    for key in rules:
        for value in values:
            given = {"url": "u", key: value}
            plain = cerberus.Validator(rules)
            fits = plain.validate(given) and not (key == "size" and value is True)
            try:
                found = check_action_inputs(rules, given)
            except InvalidInput:
                assert not fits, (key, value)
            else:
                assert fits, (key, value)
                assert found == plain.document


LIMITS = (
    True, False, None, 0, 1.5, "x", "string", "nope", [], ["string", "list"], ["x"], [1, None], [[]], {},
)  # fmt: skip


@pytest.mark.parametrize(
    "key", ["type", "required", "nullable", "empty", "default", "allowed", "min", "max", "tpye"]
)
def test_what_is_plain_to_us_are_rules_to_cerberus(key):
    taken = [limit for limit in LIMITS if plain({"a": {key: limit}})]
    assert bool(taken) is (key != "tpye")
    for limit in taken:
        cerberus.Validator({"a": {key: limit}})


def test_what_cerberus_has_to_prove_is_not_plain():
    assert plain(RULES) is False
    assert plain({"path": {"type": "string", "empty": False, "default": "x"}}) is True


def test_rules_are_compiled_once_and_shared_by_threads():
    assert rules_of(RULES) is rules_of(RULES)
    assert rules_of(RULES) is not rules_of(dict(RULES))
    wrong = []

    def work(number):
        for _ in range(200):
            try:
                check_action_inputs(RULES, {"url": "x", "size": 100 + number, f"k{number}": 1})
            except InvalidInput as error:
                if f"k{number}" not in error.message or error.message.count("inputs.") != 2:
                    wrong.append(error.message)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("rules", [{"a": {"type": "nope"}}, {"a": {"tpye": "string"}}, {"a": 5}])
def test_rules_that_are_none(rules):
    with pytest.raises(PluginError, match="these input rules are not valid"):
        check_action_inputs(rules, {"a": 1})


@pytest.mark.parametrize("rules", ["a", ["a"], 5, None])
def test_a_schema_that_is_no_mapping(rules):
    with pytest.raises(PluginError, match="these input rules are not valid"):
        Rules(rules)


def test_a_rule_with_a_bug_is_told():
    rules = {"a": {"check_with": lambda field, value, error: 1 / 0}}
    with pytest.raises(InvalidInput, match=r"cannot be checked \(ZeroDivisionError"):
        check_action_inputs(rules, {"a": 1})


@pytest.mark.parametrize("more", [{}, {"rows": []}], ids=["plain", "with a value that cerberus looks at"])
@pytest.mark.parametrize("tie", ["dependencies", "excludes"])
def test_defaults_are_there_before_anything_is_tested(more, tie):
    rules = {
        "loud": {"type": "boolean", "default": False, tie: "name"},
        "name": {"type": "string"},
        "rows": {"type": "list", "schema": {"type": "dict"}},
    }
    given = {"name": "Ada"} if tie == "excludes" else {}
    with pytest.raises(InvalidInput):
        check_action_inputs(rules, {**given, **more})
