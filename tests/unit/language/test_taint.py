"""Secrets in expressions: every operator and filter keeps them secret, and none tells anything of them."""

import base64
import hashlib
import json
import pickle
import traceback
from types import SimpleNamespace

import pytest

from wfcore.errors import ExpressionError
from wfcore.language.expression import compile, compile_condition
from wfcore.language.filters import BUILTIN, table
from wfcore.language.taint import _COMPARING, _ORDERING, _OUTSIDE
from wfcore.model.secret import MASK, Secret, masked, reveal, tainted
from wfcore.model.values import Lazy, Scope

CANARY = "k4Narienv0gel/+?"
SEEN = SimpleNamespace(seen=True)
ROOTS = {
    "secrets": {
        "A": Lazy(lambda: Secret(CANARY)),
        "N": Secret(7),
        "J": Secret({"key": ["v", CANARY]}),
        "T": Secret(f'["{CANARY}"]'),
        "B": Secret("azROYXJpZW52MGdlbC8rPw=="),
    },
    "inputs": {"x": "open", "list": ["b", Secret(CANARY)], "map": {"k": Secret(CANARY), "o": "open"}},
}


def given(text, roots=ROOTS):
    return compile(text).evaluate(Scope(roots, 0, "s", SEEN))


def fails(text):
    with pytest.raises(ExpressionError) as caught:
        given(text)
    assert CANARY not in caught.value.message
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ secrets.A }}", CANARY),
        ("{{ secrets['A'] }}", CANARY),
        ("Bearer {{ secrets.A }}", f"Bearer {CANARY}"),
        ("{{ secrets.A + '!' }}", f"{CANARY}!"),
        ("{{ 'u:' ~ secrets.A }}", f"u:{CANARY}"),
        ("{{ 'u:' ~ secrets.A | base64 }}", f"u:{base64.b64encode(CANARY.encode()).decode()}"),
        ("{{ secrets.A | base64 | from_base64 }}", CANARY),
        ("{{ secrets.A[0:4] }}", CANARY[:4]),
        ("{{ secrets.A[0] }}", CANARY[0]),
        ("{{ secrets.A | slice(1, 3) }}", CANARY[1:3]),
        ("{{ secrets.A | upper }}", CANARY.upper()),
        ("{{ secrets.A | json }}", json.dumps(CANARY)),
        ("{{ secrets.A | sha256 }}", hashlib.sha256(CANARY.encode()).hexdigest()),
        ("{{ inputs.x | replace('open', secrets.A) }}", CANARY),
        ("{{ 'body' | hmac(key=secrets.A) }}", None),
        ("{{ secrets.A | split('0') }}", CANARY.split("0")),
        ("{{ inputs.list | join(',') }}", f"b,{CANARY}"),
        ("{{ inputs.list | last }}", CANARY),
        ("{{ inputs.list | json }}", json.dumps(["b", CANARY]).replace(" ", "")),
        ("{{ inputs.map | values }}", [CANARY, "open"]),
        ("{{ secrets.N + 1 }}", 8),
        ("{{ -secrets.N }}", -7),
        ("{{ secrets.N .. 9 }}", [7, 8, 9]),
        ("{{ secrets.A | type }}", "text"),
        ("{{ secrets.J.key[1] }}", CANARY),
        ("{{ secrets.J | jmespath('key[0]') }}", "v"),
        ("{{ null ?? secrets.A }}", CANARY),
        ("{{ secrets.A ?? 'x' }}", CANARY),
        ("{{ inputs.x == 'open' ? secrets.A : 'x' }}", CANARY),
        ("{{ inputs.x and secrets.A }}", CANARY),
    ],
)
def test_what_derives_from_a_secret_is_one(text, value):
    found = given(text)
    assert isinstance(found, Secret), found
    assert repr(found) == str(found) == f"{found}" == MASK
    if value is not None:
        assert reveal(found) == value


def test_structures_keep_what_is_open():
    found = given("{{ {a: secrets.A, b: inputs.x, c: [1, secrets.N]} }}")
    assert masked(found) == {"a": MASK, "b": "open", "c": [1, MASK]}
    assert reveal(found) == {"a": CANARY, "b": "open", "c": [1, 7]}
    assert given("{{ inputs.map.o }}") == "open"
    assert given("{{ inputs.list | length }}") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ secrets.A == 'x' }}", "compared with null alone"),
        ("{{ 'x' != secrets.A }}", "compared with null alone"),
        ("{{ secrets.A == secrets.A }}", "compared with null alone"),
        ("{{ inputs.list == ['b', 'c'] }}", "compared with null alone"),
        ("{{ 'k' in secrets.A }}", "compared with null alone"),
        ("{{ secrets.A in ['x'] }}", "compared with null alone"),
        ("{{ inputs.list | contains('x') }}", "compared with null alone"),
        ("{{ secrets.A | starts_with('k') }}", "compared with null alone"),
        ("{{ secrets.A | matches('k.*') }}", "compared with null alone"),
        ("{{ [inputs.map] | where('k', 'x') }}", "compared with null alone"),
        ("{{ inputs.list | unique }}", "compared with null alone"),
        ("{{ secrets.N < 8 }}", "no order"),
        ("{{ 8 >= secrets.N }}", "no order"),
        ("{{ inputs.list | sort }}", "no order"),
        ("{{ [secrets.N, 9] | max }}", "no order"),
        ("{{ secrets.A | length }}", "the length of a secret is not told"),
        ("{{ secrets.A | upper | length }}", "the length of a secret is not told"),
        ("{{ secrets.A ? 1 : 2 }}", "neither true nor false"),
        ("{{ secrets.A or 'x' }}", "neither true nor false"),
        ("{{ not secrets.A }}", "neither true nor false"),
        ("{{ (secrets.A | starts_with('k')) ? 1 : 2 }}", "compared with null alone"),
        ("{{ inputs.map[secrets.A] }}", "a secret is no key"),
        ("{{ secrets.A | int }}", "cannot be done with this secret"),
        ("{{ secrets.A | from_json }}", "cannot be done with this secret"),
        ("{{ secrets.A * 2 }}", "cannot be done with this secret"),
        ("{{ secrets.J.nothing }}", "there is no 'nothing' in a secret"),
        ("{{ secrets.J | get('nothing') | upper }}", "cannot be done with this secret"),
        ("{{ secrets.N / 0 }}", "cannot be done with this secret"),
    ],
)
def test_what_would_tell_of_a_secret_is_an_error_at_its_place(text, told):
    error = fails(text)
    assert told in error.message
    assert error.offset is not None


def test_whether_it_is_there_may_be_asked():
    assert given("{{ secrets.A != null }}") is True
    assert given("{{ null == secrets.A }}") is False
    assert given("{{ secrets.J.nothing ?? 'none' }}") == "none"


def test_a_condition_on_a_secret_is_an_error():
    with pytest.raises(ExpressionError, match="neither true nor false"):
        compile_condition("secrets.A").evaluate(Scope(ROOTS, 0, "s", SEEN))
    assert compile_condition("secrets.A != null").evaluate(Scope(ROOTS, 0, "s", SEEN)) is True


def test_what_is_shown_of_a_joined_text():
    assert given("token {{ secrets.A }} of {{ inputs.x }}").shown == f"token {MASK} of open"
    assert given("{{ 'u:' ~ secrets.A ~ '!' }}").shown == f"u:{MASK}!"
    assert given("{{ 'u:' ~ secrets.A | base64 }}").shown == f"u:{MASK}"


def test_a_plugins_filter_gives_a_secret_too():
    functions = table({"rot": lambda value: value[::-1]})
    found = compile("{{ secrets.A | rot }}", functions).evaluate(Scope(ROOTS, 0, "s", SEEN))
    assert reveal(found) == CANARY[::-1]


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_no_filter_lets_a_secret_through(name):
    """Whatever it makes of one, or of a list or a mapping with one, is a secret or an error."""
    if name in ("now", "uuid"):
        pytest.skip("it takes nothing")
    arguments = (
        "",
        "('x')",
        "('x', 'y')",
        "(1)",
        "(secrets.A)",
        "('x', secrets.A)",
        "(secrets.N)",
        "([1])",
        "({z: secrets.A})",
        "('value')",
    )
    values = (
        "secrets.A",
        "secrets.N",
        "secrets.J",
        "secrets.T",
        "secrets.B",
        "inputs.list",
        "inputs.map",
        "[secrets.N, 2]",
        "[[secrets.A]]",
        "[{key: 'a', value: secrets.A}]",
    )
    told = 0
    for value in values:
        for argument in arguments:
            for call in (f"{value} | {name}{argument}", f"{name}{argument or '()'}"):
                try:
                    found = given("{{ " + call + " }}")
                except ExpressionError as error:
                    assert CANARY not in error.message
                    continue
                told += 1
                assert CANARY not in json.dumps(masked(found), default=repr)
                if value.startswith("secrets") and call.startswith("secrets"):
                    assert isinstance(found, Secret), call
    assert told or name in _COMPARING | _ORDERING | {"strftime", "zone", "start_of", "timestamp", "range"}


def test_every_comparing_filter_is_known():
    """Filters that give true or false, or pick by equality or order, are among those that refuse."""
    tells = {n for n, f in BUILTIN.items() if f.function.__annotations__.get("return") == "bool"} - {"bool"}
    assert tells <= _COMPARING
    assert {"<", "sort", "min", "max"} <= _ORDERING
    assert {"length"} == _OUTSIDE


@pytest.mark.parametrize("act", [
    bool, len, iter, hash, json.dumps, pickle.dumps, lambda s: s == s, lambda s: s < s, lambda s: "x" in s,
    lambda s: s + "x",
])  # fmt: skip
def test_python_gets_nothing_out_of_one_by_accident(act):
    with pytest.raises(TypeError) as caught:
        act(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_secrets_in_structures():
    assert not tainted([1, {"a": "b"}])
    assert tainted([1, {"a": (2, Secret(1))}])
    assert reveal((1, Secret([Secret(2)]))) == (1, [2])
    assert isinstance(Secret(Secret("x"))._value, str)
