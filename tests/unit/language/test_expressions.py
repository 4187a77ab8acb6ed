"""What expressions give, what they refuse, and within which limits."""

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from wfcore.errors import ExpressionError
from wfcore.language.evaluation import MAX_TEXT
from wfcore.language.expression import compile, compile_condition, compile_tree
from wfcore.model.values import Expression, Lazy, Scope

NOW = datetime(2026, 2, 6, 9, 30, tzinfo=UTC)
ROOTS = {
    "inputs": {
        "n": 3,
        "f": 1.5,
        "s": "abc",
        "t": True,
        "z": None,
        "l": [1, 2, 3],
        "m": {"k": "v"},
        "e": [],
        "a-b": 7,
    },
    "tasks": {"a": {"output": {"x": [{"y": 5}]}, "state": "SUCCESS"}, "skipped": {"output": None}},
    "vars": {"d": NOW, "p": timedelta(hours=1), "b": b"\xff", "u": b"ok"},
}
SCOPE = Scope(ROOTS, 1_770_370_200_000_000, "seed")


def evaluated(text, scope=SCOPE):
    return compile(text).evaluate(scope)


def fails(text, scope=SCOPE):
    with pytest.raises(ExpressionError) as caught:
        evaluated(text, scope)
    assert "\n" not in caught.value.message
    assert 0 <= caught.value.offset <= len(text)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", 1), ("-1", -1), ("1.5", 1.5), ("2e3", 2000.0), ("1.5E-1", 0.15), ("- - 1", 1),
        ("'a'", "a"), ('"a\'b"', "a'b"), ("'\\n\\t\\\\\\'\\u00e9\\U0001F600\\/\\{'", "\n\t\\'é😀/{"),
        ("true", True), ("false", False), ("null", None),
        ("[1, 'a', [2,],]", [1, "a", [2]]), ("[]", []), ("{}", {}),
        ("{a: 1, 'b c': {d: 2},}", {"a": 1, "b c": {"d": 2}}),
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("10 - 2 - 3", 5), ("7 / 2", 3.5), ("6 / 2", 3),
        ("7 % 4", 3), ("-7 % 4", 1),
        ("2 * -3", -6), ("-inputs.n", -3), ("1 - -1", 2), ("0.1 + 0.2", 0.1 + 0.2),
        ("'a' + 'b'", "ab"), ("[1] + [2]", [1, 2]), ("'a' ~ 1 ~ null ~ true", "a1true"), ("1 ~ 2", "12"),
        ("1 .. 3", [1, 2, 3]), ("1..3", [1, 2, 3]), ("3 .. 1", []), ("-1 .. 1", [-1, 0, 1]),
        ("1 .. 2 + 1", [1, 2, 3]),
        ("1 == 1.0", True), ("1 == '1'", False), ("1 == true", False), ("true == true", True),
        ("null == null", True),
        ("null == false", False), ("[1] == [1]", True), ("[1] == [true]", False),
        ("{a: [1]} == {a: [1]}", True),
        ("{a: 1} == {b: 1}", False), ("[1] == [1, 2]", False), ("1 != 2", True), ("'a' != 'a'", False),
        ("1 < 2", True), ("2 <= 2", True), ("3 > 2", True), ("2 >= 3", False), ("'a' < 'b'", True),
        ("1 < 1.5", True),
        ("vars.d < vars.d + vars.p", True), ("vars.p <= vars.p", True),
        ("2 in [1, 2]", True), ("true in [1]", False), ("'k' in inputs.m", True), ("1 in inputs.m", False),
        ("'b' in 'abc'", True), ("4 not in inputs.l", True), ("not 4 in inputs.l", True),
        ("true and false", False), ("1 and 2", 2), ("0 and 1 / 0", 0), ("0 or 'x'", "x"), ("1 or 1 / 0", 1),
        ("not true", False), ("not not 1", True), ("not 1 == 2", True), ("not inputs.e", True),
        ("true or false and false", True), ("1 == 1 and 2 == 2", True),
        ("1 ? 2 : 3", 2), ("null ? 2 : 3", 3), ("1 ? 0 ? 1 : 2 : 3", 2), ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 == 1 ? 'y' : 'n'", "y"),
        ("0 ?: 5", 5), ("4 ?: 1 / 0", 4), ("'' ?: 0 ?: 'z'", "z"), ("1 ?2:3", 2),
        ("inputs.q ?? 1", 1), ("inputs.z ?? 1", 1), ("inputs.n ?? (1 / 0)", 3), ("inputs.q.r.s ?? 1", 1),
        ("inputs.q ?? inputs.r ?? 2", 2), ("inputs.l[9] ?? 3", 3), ("inputs.z.x ?? 4", 4),
        ("inputs.e | first ?? 5", 5),
        ("(inputs.q | upper) ?? 6", 6), ("inputs.q ?? 1 + 1", 2), ("'x' ~ inputs.q ?? 'y' ~ 'z'", "xyz"),
        ("inputs.q ?? 2 > 1", True), ("inputs.q | default(7)", 7), ("default(inputs.q, 8)", 8),
        ("false ?? 1", False),
        ("tasks.skipped.output.x ?? 'none'", "none"),
        ("inputs.l[0]", 1), ("inputs.l[-1]", 3), ("inputs['l'][1]", 2), ("inputs['a-b']", 7),
        ("inputs.s[0]", "a"),
        ("inputs.l[1:]", [2, 3]), ("inputs.l[:1]", [1]), ("inputs.l[:]", [1, 2, 3]), ("inputs.l[-2:-1]", [2]),
        ("inputs.s[1:99]", "bc"), ("inputs.l[5:]", []), ("[4, 5][1]", 5), ("{a: 1}.a", 1),
        ("{a: 1}['a']", 1), ("'abc'[1]", "b"),
        ("inputs[inputs.z ?? 's']", "abc"), ("tasks['a'].output.x[0].y", 5), ("inputs.m.k", "v"),
        ("(inputs).n", 3),
        ("{if: 1, in: 2, true: 3}.in", 2), ("inputs.l[inputs.l[0]]", 2),
        ("'b,a' | split(',') | sort | join('+')", "a+b"), ("-2 | abs", 2), ("1 + -2 | abs", 3),
        ("abs(-2)", 2),
        ("join([1, 2], separator='-')", "1-2"), ("[3, 1] | sort(descending=true)", [3, 1]),
        ("upper('a') ~ 'b'", "Ab"),
        ("inputs.n | string | length", 1), ("range(2) | map('x') ?? 'no'", None),
        ("vars.d - vars.d == duration(0)", True), ("vars.d + vars.p | string", None),
        ("vars.p * 2 == duration('2h')", True), ("2 * vars.p / 2 == vars.p", True),
        ("duration('1d') / vars.p", 24.0),
        ("-vars.p < vars.p", True), ("vars.u ~ ''", "ok"),
        ("now() == vars.d", True), ("now() | strftime('%F')", "2026-02-06"),
    ],
)  # fmt: skip
def test_what_expressions_give(expression, expected):
    if expected is None and expression != "null":
        fails("{{ " + expression + " }}")
        return
    found = evaluated("{{ " + expression + " }}")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"), ("", ""), ("a }} b", "a }} b"), ("{ { x } }", "{ { x } }"),
        ("${7*7} #{x} {% x %}", "${7*7} #{x} {% x %}"),
        ("a {{ 1 }} b", "a 1 b"), ("{{ 1 }}{{ 2 }}", "12"), ("{{ null }}.", "."),
        ("{{ true }} {{ 1.0 }}", "true 1.0"),
        ("{{ [1, {a: null}] }}!", '[1,{"a":null}]!'), ("{{ vars.d }}.", "2026-02-06T09:30:00Z."),
        ("{{ vars.p }}!", "3600.0!"),
        (" {{ 1 }}\n", 1), ("\n{{ [1] }} ", [1]), ("{{ '' }}", ""), ("{{1}}", 1),
        ("{{ {a: {b: 1}} }}", {"a": {"b": 1}}),
        ("{{ {a: {b: 1}}}}", {"a": {"b": 1}}), ("{{ '}}' }}", "}}"), ("{{ '{{' }}", "{{"),
        ("{{ \"{{ 1 }}\" }}", "{{ 1 }}"),
        ("{{\n  1 +\n  1\n}}", 2), ("é {{ 'ü' }} 😀", "é ü 😀"), ("{{ 1 }}}}", "1}}"),
        ("{{{a: 1}}}", {"a": 1}),
    ],
)  # fmt: skip
def test_templates(text, expected):
    assert evaluated(text) == expected


def test_what_is_evaluated_is_never_evaluated_again():
    scope = Scope({"inputs": {"evil": "{{ 7 * 7 }}", "again": "{{ inputs.evil }}"}})
    assert evaluated("{{ inputs.evil }}", scope) == "{{ 7 * 7 }}"
    assert evaluated("x{{ inputs.again }}", scope) == "x{{ inputs.evil }}"
    tree = compile_tree({"a": "{{ inputs.evil }}", "b": ["{{ inputs.again ~ '' }}"]})
    assert tree.evaluate(scope) == {"a": "{{ 7 * 7 }}", "b": ["{{ inputs.evil }}"]}


@pytest.mark.parametrize(
    ("expression", "offset", "message"),
    [
        ("inputs.lst", 7, "there is no key 'lst'"),
        ("inputs.m.q", 9, "there is no key 'q'"),
        ("inputs.m.k.k", 11, "text has no key 'k'; write [0] for the first"),
        ("inputs.l.length", 9, "a list has no key 'length'; '| length' counts"),
        ("inputs.s.length", 9, "text has no key 'length'; '| length' counts"),
        ("inputs.n.x", 9, "cannot read 'x' of a number"),
        ("inputs.z.x", 9, "cannot read 'x' of null"),
        ("inputs.l[3]", 8, "there is no index '3' in a list of 3"),
        ("inputs.l[-4]", 8, "there is no index '-4' in a list of 3"),
        ("inputs.l['a']", 8, "a list has no key 'a'"),
        ("inputs.l[1.5]", 8, "a list has no key '1.5'"),
        ("inputs.m[[1]]", 8, "a key of a mapping is text, not a list"),
        ("inputs.l[true]", 8, "a list has no key 'True'"),
        ("[][0]", 2, "a list is empty; '??' gives another value"),
        ("inputs.l['a':]", 8, "the slice: a slice takes whole numbers, not text"),
        ("inputs.m[1:2]", 8, "the slice: cannot take a slice of a mapping"),
        ("other.x", 0, "unknown name 'other'; known are inputs, tasks, vars"),
        ("input.x", 0, "unknown name 'input' (did you mean 'inputs'?)"),
        ("1 + 'a'", 2, "'+': '+' does not go with a number and text; '~' joins anything as text"),
        ("1 + null", 2, "'+': '+' does not go with a number and null"),
        ("'a' * 3", 4, "'*': '*' does not go with text and a number"),
        ("[1] * 3", 4, "'*': '*' does not go with a list and a number"),
        ("true + 1", 5, "'+': '+' does not go with true or false and a number"),
        ("'a' - 'b'", 4, "'-': '-' does not go with text and text"),
        ("-'a'", 0, "'-': '-' does not go with text"),
        ("1 / 0", 2, "'/': division by zero"),
        ("1.0 / 0.0", 4, "'/': division by zero"),
        ("1 % 0", 2, "'%': division by zero"),
        ("vars.p / duration(0)", 7, "'/': '/' does not go with a duration and a duration"),
        ("1 < 'a'", 2, "'<': a number and text have no order"),
        ("null < 1", 5, "'<': null and a number have no order"),
        ("true < false", 5, "'<': true or false and true or false have no order"),
        ("[1] < [2]", 4, "'<': a list and a list have no order"),
        ("1 in 1", 2, "'in': nothing can be in a number; it takes a list, a mapping or text"),
        ("1 in 'a'", 2, "'in': only text can be in text, not a number"),
        ("1 .. 'a'", 2, "'..': '..' does not go with a number and text"),
        ("1.5 .. 2", 4, "'..': '..' does not go with a number and a number"),
        ("1e308 * 10", 6, "'*': the result is no finite number"),
        ("1e308 + 1e308", 6, "'+': the result is no finite number"),
        (f"{10**37} * {10**37}", 39, "'*': the number is too large"),
        ("vars.d + duration('36000d') * 100000", None, "'"),
        ("vars.b ~ ''", 7, "'~': the text cannot be encoded or decoded as UTF-8"),
        ("inputs.n | upper", 11, "filter 'upper': it must be text, not a number"),
        ("inputs.n | length", 11, "filter 'length': a number has no length"),
        ("vars.b | json | from_json | upper", 28, "filter 'upper': it must be text, not a mapping"),
    ],
)
def test_what_cannot_be_evaluated_says_where_and_why(expression, offset, message):
    error = fails("{{ " + expression + " }}")
    assert error.message.startswith(message), error.message
    assert offset is None or error.offset == offset + 3
    assert error.message.endswith("(in {{ " + expression + " }})") or len(expression) > 60


def test_lazy_values_are_read_at_first_use_only():
    reads = []

    def fetch(name, value):
        return Lazy(lambda: reads.append(name) or value)

    roots = {
        "inputs": fetch("inputs", {"n": 1}),
        "tasks": {
            "a": {
                "output": fetch("a.output", {"x": [1]}),
                "meta": fetch("a.meta", {"s": 200}),
                "state": "SUCCESS",
            },
            "b": {"output": fetch("b.output", 5)},
        },
    }
    scope = Scope(roots)
    assert evaluated("{{ tasks.a.state }}", scope) == "SUCCESS"
    assert reads == []
    assert evaluated("{{ tasks.a.output.x[0] + tasks.a.output.x[0] + inputs.n }}", scope) == 3
    assert reads == ["a.output", "inputs"]
    assert evaluated("{{ tasks.a }}", scope) == {"output": {"x": [1]}, "meta": {"s": 200}, "state": "SUCCESS"}
    assert reads == ["a.output", "inputs", "a.meta"]
    assert evaluated("{{ tasks.b | get('output') }} {{ tasks['b']['output'] }}", scope) == "5 5"
    assert evaluated("{{ inputs }}", scope) == {"n": 1}
    assert reads == ["a.output", "inputs", "a.meta", "b.output"]


def test_read_only_mappings_are_mappings():
    scope = Scope({"env": MappingProxyType({"HOME": "/"})})
    assert evaluated("{{ env.HOME }}", scope) == "/"
    assert evaluated("{{ env | keys }}", scope) == ["HOME"]
    assert evaluated("{{ env.NO ?? 1 }}", scope) == 1


def test_a_tree():
    tree = compile_tree(
        {"a": "{{ inputs.n }}", "b": ["x", {"c": "n={{ tasks.a.state }}"}], "d": None, "e": 1.5}
    )
    assert tree.references == ("a",)
    assert not tree.constant
    expected = {"a": 3, "b": ["x", {"c": "n=SUCCESS"}], "d": None, "e": 1.5}
    assert tree.evaluate(SCOPE) == expected
    assert compile_tree(["a", {"b": "}} {"}]).constant
    assert compile_tree("{{ tasks.b.output ~ tasks.a.output ~ tasks.b.state }}").references == ("b", "a")


def test_an_error_in_a_tree_begins_with_the_path():
    tree = compile_tree({"a": [{"b": "x {{ inputs.q }}"}]})
    with pytest.raises(ExpressionError) as caught:
        tree.evaluate(SCOPE)
    assert caught.value.message.startswith("a[0].b: there is no key 'q'")
    assert caught.value.offset == 12


def test_conditions():
    for text, expected in [
        ("inputs.n > 2", True), ("{{ inputs.n > 5 }}", False), (" {{ inputs.l }} ", True),
        ("inputs.e", False),
        ("inputs.s == '}}'", False), ("{a: {b: 1}}", True),
    ]:  # fmt: skip
        assert compile_condition(text).evaluate(SCOPE) is expected
    for text in ("{{ 1 }} and {{ 2 }}", "not {{ 1 }}", "x {{ 1 }}", "1 2", "", " ", "{{ }}"):
        with pytest.raises(ExpressionError):
            compile_condition(text)
    assert compile_condition("tasks.a.output and tasks.b.output").references == ("a", "b")


def test_time_and_identities_are_those_that_were_recorded():
    template = compile("{{ [now(), uuid(), uuid()] }}")
    first, again = template.evaluate(SCOPE), template.evaluate(SCOPE)
    assert first == again
    assert first[0] == NOW
    assert first[1] != first[2]
    assert template.evaluate(Scope(ROOTS, SCOPE.now, "other"))[1] != first[1]
    tree = compile_tree({"a": "{{ uuid() }}", "b": "{{ uuid() }}"}).evaluate(SCOPE)
    assert tree["a"] != tree["b"]
    assert "outside the calendar" in fails("{{ now() }}", Scope({}, 10**20)).message


def test_filters_of_plugins():
    functions = {
        "double": lambda value, times=2: value * times,
        "fail": lambda value: 1 / 0,
        "shout": lambda value: "a" * (MAX_TEXT + 1),
        "unhappy": lambda value: (_ for _ in ()).throw(ValueError("not today")),
    }
    assert compile("{{ 2 | double }}", functions).evaluate(SCOPE) == 4
    assert compile("{{ double(2, times=3) }}", functions).evaluate(SCOPE) == 6
    for text, message in [
        ("{{ 2 | fail }}", "filter 'fail': the value does not fit (ZeroDivisionError)"),
        ("{{ 2 | shout }}", "filter 'shout': makes more than"),
        ("{{ 2 | unhappy }}", "filter 'unhappy': not today"),
    ]:
        with pytest.raises(ExpressionError) as caught:
            compile(text, functions).evaluate(SCOPE)
        assert caught.value.message.startswith(message)
    with pytest.raises(ExpressionError, match="'double': too many positional arguments"):
        compile("{{ 2 | double(1, 2) }}", functions)


def test_all_kinds_of_trees_are_expressions():
    for tree in (
        compile("{{ 1 }}"),
        compile_tree({"a": 1}),
        compile_tree({"a": "{{ 1 }}"}),
        compile_condition("1"),
    ):
        expression: Expression = tree
        assert isinstance(expression.constant, bool)
        assert list(expression.references) == []
        assert expression.evaluate(SCOPE) is not None
