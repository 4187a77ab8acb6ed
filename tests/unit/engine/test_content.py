"""Values as storage keeps them, over real files."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wfcore.engine import content
from wfcore.engine.content import INLINE_LIMIT, pack, unpack
from wfcore.errors import NotFound, TerminalError
from wfcore_plugins.storage.blobs import Blobs


class Store:
    def __init__(self, path):
        self._blobs = Blobs(path)

    def put_blob(self, content):
        return self._blobs.put(content)

    def get_blob(self, digest):
        return self._blobs.get(digest)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "blobs")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON)
def test_every_json_value_comes_back(store, value):
    stored, digests = pack(value, store)
    assert digests == ()
    assert unpack(stored, store) == value
    stored.encode()  # what goes into a database must be text


@pytest.mark.parametrize("value", ["@sha256:" + "0" * 64 + ":3", {"@sha256:": 1}, "@", ""])
def test_a_value_that_looks_like_a_mark_is_a_value(store, value):
    assert unpack(pack(value, store)[0], store) == value


def test_nothing_is_null(store):
    assert unpack(None, store) is None


@pytest.mark.parametrize("extra", [-1, 0])
def test_up_to_the_limit_it_stays_in_the_row(store, extra):
    text = "x" * (INLINE_LIMIT - 2 + extra)  # two quotes around it
    stored, digests = pack(text, store)
    assert digests == ()
    assert unpack(stored, store) == text


@pytest.mark.parametrize("text", ["x" * (INLINE_LIMIT - 1), "é" * (INLINE_LIMIT // 2), "😀" * INLINE_LIMIT])
def test_above_the_limit_it_is_a_file(store, text):
    stored, (digest,) = pack(text, store)
    assert stored == f"@sha256:{digest}:{len(text.encode()) + 2}"
    assert unpack(stored, store) == text


def test_half_of_a_surrogate_pair_is_kept(store):
    text = "\ud800" + "x" * INLINE_LIMIT
    for value in ("\udfff", text, {"\ud800": "\udc00"}):
        stored, _ = pack(value, store)
        stored.encode()
        assert unpack(stored, store) == value


def test_a_lost_file_is_said(store):
    with pytest.raises(NotFound):
        unpack("@sha256:" + "0" * 64 + ":70000", store)


def test_too_much(store, monkeypatch):
    monkeypatch.setattr(content, "SIZE_LIMIT", INLINE_LIMIT + 10)
    pack("x" * (INLINE_LIMIT + 8), store)
    with pytest.raises(TerminalError, match="65547 bytes, more than 65546") as caught:
        pack("x" * (INLINE_LIMIT + 9), store)
    assert caught.value.kind == "output"


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def circle():
    value = []
    value.append(value)
    return value


def test_what_is_stored_can_be_read_further_in(store):
    """An execution could not be inspected when an answer was 980 levels deep, which could just be stored."""

    def further_in(frames):
        return further_in(frames - 1) if frames else unpack(pack(deep(499), store)[0], store)

    assert further_in(300) == deep(499)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not JSON compliant"),
        ([float("inf")], "not JSON compliant"),
        (object(), "object is not a JSON value"),
        ({"a": {1, object()}}, "object is not a JSON value"),
        ({(1, 2): 3}, "keys must be"),
        (deep(100_000), "nested too deeply"),
        (deep(501), "nested too deeply"),
        ({"a": (deep(500),)}, "nested too deeply"),
        (circle(), "Circular"),
        (10**5000, "limit"),
        (Decimal("NaN"), "not JSON compliant"),
        (Decimal("Infinity"), "cannot convert"),
        (Decimal("sNaN"), "InvalidOperation"),
    ],
    ids=lambda _: "",
)
def test_what_has_no_json_form_is_the_task_s_fault(store, value, reason):
    with pytest.raises(TerminalError, match=reason) as caught:
        pack(value, store)
    assert caught.value.kind == "output"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (datetime(2026, 2, 6, 12, tzinfo=UTC), "2026-02-06T12:00:00Z"),
        (datetime(2026, 2, 6, 12), "2026-02-06T12:00:00"),
        (date(2026, 2, 6), "2026-02-06"),
        (time(12, 30), "12:30:00"),
        (timedelta(minutes=1.5), 90.0),
        (b"\x00\xff", {"$bytes": "AP8="}),
        (bytearray(b"a"), {"$bytes": "YQ=="}),
        (Decimal("12.50"), 12.5),
        (Decimal("12"), 12),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset(), []),
        ({1: "a", None: "b", False: "c"}, {"1": "a", "null": "b", "false": "c"}),
    ],
)
def test_what_python_values_mean(store, value, kept):
    stored, _ = pack(value, store)
    assert json.loads(stored) == kept
