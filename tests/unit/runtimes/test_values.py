"""Values and their text are each other's, and no text of a stranger gets further than its decoding."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore_plugins.runtimes.wasm import values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary()
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "$bytes"), inner),
)  # fmt: skip


@given(VALUES)
def test_a_value_comes_back(value):
    assert values.decode(values.encode(value)) == value


@given(st.binary(max_size=80))
def test_any_text_is_a_value_or_refused(text):
    with contextlib.suppress(ValueError):
        values.encode(values.decode(text))


@pytest.mark.parametrize("value", [object(), {1, 2}, math.nan, math.inf, {"a": (x for x in ())}])
def test_what_has_no_json_form_is_refused(value):
    with pytest.raises(ValueError):
        values.encode(value)


def test_what_contains_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(ValueError):
        values.encode(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"\xff",
        "1".encode("utf-16"),
        b"[" * 1000 + b"]" * 1000,
        b"[" * 10**6,
        b"[" * 130 + b"]" * 130,
        b'{"a":' * 130 + b"1" + b"}" * 130,
        b'{"$bytes":"a"}',
        b'{"$bytes":"\xc3\xa4"}',
    ],
)
def test_what_is_no_value_is_refused(text):
    with pytest.raises(ValueError):
        values.decode(text)


@pytest.mark.parametrize(
    "text", [b'{"$bytes":1}', b'{"$bytes":"","a":1}', b"[" * 120 + b"]" * 120, b"[" + b"[]," * 500 + b"1]"]
)
def test_what_only_looks_like_it_is_a_value(text):
    assert values.decode(values.encode(values.decode(text))) == values.decode(text)
