"""Versions in their order, and ranges of them."""

import pytest

from wfcore.packages import versions


@pytest.mark.parametrize(
    ("wanted", "good", "bad"),
    [
        ("", "1.2.3", "1.2.3-beta.1"),
        ("1.2.3", "1.2.3", "1.2.4"),
        ("v1.2.3", "1.2.3", "1.2.4"),
        ("1.2.3-rc.1", "1.2.3-rc.1", "1.2.3"),
        ("1.2", "1.2.9", "1.3.0"),
        ("1", "1.9.0", "2.0.0"),
        ("~1.2.3", "1.2.9", "1.2.2"),
        ("~1.2", "1.2.0", "1.3.0"),
        ("~1", "1.9.9", "2.0.0"),
        ("^1.2.3", "1.9.0", "1.2.2"),
        ("^1.2.3", "1.2.3", "2.0.0"),
        ("^0.2.3", "0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0", "0.9.0", "1.0.0"),
        ("^1", "1.0.0", "1.5.0-beta"),
        ("^1.0.0-beta", "1.0.0-rc", "1.0.0-alpha"),
        (">=1,<2", "1.5.0", "2.0.0"),
        (">1.0, !=1.1.0", "1.2.0", "1.1.0"),
    ],
)
def test_what_a_range_wants(wanted, good, bad):
    assert versions.fits(good, wanted)
    assert not versions.fits(bad, wanted)


@pytest.mark.parametrize(
    "wanted", ["new", "^", "1.2.3.4", "^v", ">=x", "1..2", "^1,2", "*", "01.2.3", "1.2.3+b"]
)
def test_what_is_no_range(wanted):
    with pytest.raises(ValueError, match="comparison"):
        versions.fits("1.0.0", wanted)


def test_the_order():
    listed = ["1.0.0-1", "1.0.0-2", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0"]
    shuffled = [*listed[4:], *listed[:4]]
    assert sorted(shuffled, key=versions.key) == listed
