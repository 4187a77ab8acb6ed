"""Source maps lead from what runs to what was written, and no map of a stranger does harm."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore_plugins.runtimes.wasm.sourcemap import SourceMap, inline


def source_map(mappings, sources=("a.ts", "b.ts")):
    return SourceMap(json.dumps({"version": 3, "sources": list(sources), "names": [], "mappings": mappings}))


def test_a_place_is_that_of_the_segment_before_it():
    # Line 1: column 0 is a.ts 1:1, column 4 is a.ts 1:11. Line 3: column 2 is b.ts 6:1.
    found = source_map("AAAA,IAAU;;ECKV")
    assert found.place(1, 1) == ("a.ts", 1, 1)
    assert found.place(1, 4) == ("a.ts", 1, 1)
    assert found.place(1, 5) == found.place(1, 999) == ("a.ts", 1, 11)
    assert found.place(2, 1) is None
    assert found.place(3, 1) is None
    assert found.place(3, 3) == ("b.ts", 6, 1)
    assert found.place(4, 1) is found.place(0, 0) is found.place(-1, 1) is None


def test_segments_without_a_source_move_the_column_alone():
    found = source_map("AAAA,E,EAAE")
    assert found.place(1, 4) == ("a.ts", 1, 1)
    assert found.place(1, 5) == ("a.ts", 1, 3)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"mappings": 1, "sources": []}', '{"sources": ["a"]}', "[" * 100_000]
    + [json.dumps({"mappings": bad, "sources": ["a"]}) for bad in ("AADA", "AA?A", "g" * 100, "ACAA")],
)
def test_a_map_that_cannot_be_read_maps_nothing(text):
    assert SourceMap(text).place(1, 1) is None


def test_a_map_of_any_size_is_soon_done_with():
    began = time.monotonic()
    assert source_map("AAAA," * 6_000_000).place(1, 1) is None
    assert source_map("g" * 4_000_000).place(1, 1) is None
    assert time.monotonic() - began < 5


@given(st.text(alphabet="ABCDgh/+9;,", max_size=60), st.integers(), st.integers())
def test_any_mappings_give_a_place_or_none(mappings, line, column):
    source_map(mappings).place(line, column)


def test_a_map_in_the_last_line_is_taken_out():
    text = base64.b64encode(b'{"version":3}').decode()
    code = f"export default 1\n//# sourceMappingURL=data:application/json;base64,{text}\n"
    assert inline(code) == ("export default 1\n", '{"version":3}')
    assert inline(code.replace("json;", "json;charset=utf-8;")) == ("export default 1\n", '{"version":3}')


@pytest.mark.parametrize(
    "source",
    [
        "export default 1\n",
        "//# sourceMappingURL=code.js.map\n",
        "//# sourceMappingURL=data:application/json;base64,e30=\nexport default 1",
        "//# sourceMappingURL=data:application/json;base64,/w==\n",
        "//# sourceMappingURL=data:application/json;base64,A\n",
    ],
)
def test_source_without_such_a_map_stays_as_it_is(source):
    assert inline(source) == (source, "")
