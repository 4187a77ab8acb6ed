"""What counts as a size in bytes."""

import pytest

from wfcore.model.size import parse


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0),
        ("12", 12),
        ("1KiB", 1024),
        ("16 MiB", 2**24),
        ("1gib", 2**30),
        ("2kB", 2000),
        ("3MB", 3 * 10**6),
    ],
)
def test_reads_what_people_write(value, count):
    assert parse(value) == count


@pytest.mark.parametrize(
    "value", ["", "MiB", "-1", "1.5MiB", "5 parsecs", "1e3", True, None, 1.0, -1, 10**30, "9" * 99]
)
def test_refuses_the_rest(value):
    with pytest.raises(ValueError, match="is not a size"):
        parse(value)
