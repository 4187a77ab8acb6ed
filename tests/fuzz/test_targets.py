"""The fuzzing targets hold for their seeds and for what hypothesis makes of them; guided.py has Atheris."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, seeds

RELAXED = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds(name):
    found = seeds(name)
    assert found
    for seed in found:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_any_bytes(name):
    @RELAXED
    @given(st.binary(max_size=500))
    def check(data):
        TARGETS[name](data)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_with_changes(name):
    @RELAXED
    @given(st.data())
    def check(data):
        content = bytearray(data.draw(st.sampled_from(seeds(name))))
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(content)))
            until = data.draw(st.integers(at, min(len(content), at + 20)))
            content[at:until] = data.draw(st.binary(max_size=20))
        TARGETS[name](bytes(content))

    check()


FOUND = [
    ("expression", b"'a' | regex_replace('(\\\\\n\x00', 'b')"),
    ("manifest", b"a: {<<: [[{b: 1}]]}\n"),
]


@pytest.mark.parametrize(("name", "data"), FOUND, ids=["a pattern of two lines", "a merge of lists"])
def test_what_fuzzing_has_found(name, data):
    TARGETS[name](data)
