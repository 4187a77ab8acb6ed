"""What servers have to agree about, told in digests."""

from wfcore.model.terms import differing, written


def test_what_differs_is_named():
    mine = written({"egress.allow": ["https://a/*"], "egress.default": "deny", "execution.retention": 1})
    theirs = written({"egress.allow": ["https://b/*"], "egress.default": "deny", "execution.retention": 2})
    assert differing(mine, theirs) == ["egress.allow", "execution.retention"]
    assert differing(mine, mine) == []


def test_what_one_of_the_two_has_no_part_in_is_no_difference():
    mine, theirs = written({"egress.default": "deny", "a": 1}), written({"a": 1, "b": 2})
    assert differing(mine, theirs) == differing(theirs, mine) == differing(mine, "") == []


def test_values_are_not_told():
    assert "hidden" not in written({"connections": {"db": {"url": "postgres://u:hidden@h/d"}}})


def test_the_order_of_a_mapping_is_no_difference():
    assert written({"a": {"x": 1, "y": 2}}) == written({"a": {"y": 2, "x": 1}})
