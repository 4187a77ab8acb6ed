"""Names that may be taken for others."""

import pytest

from wfcore.packages.names import confusable, skeleton


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("community/s1ack", "community/slack"),
        ("comrnunity/slack", "community/slack"),
        ("com-munity/slack", "community/slack"),
        ("acme/vvidget", "acme/widget"),
        ("community/slak", "community/slack"),
        ("community/slackk", "community/slack"),
        ("community/salck", "community/slack"),
        ("xommunity/slack", "community/slack"),
        ("community/slaci", "community/slack"),
    ],
)
def test_what_may_be_taken_for_another(name, known):
    assert confusable(name, [known, "other/thing"]) == known
    assert confusable(known, [name, "other/thing"]) == name


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("community/slack", "community/slack"),
        ("acme/mail", "acme/chat"),
        ("a/b", "a/c"),
        ("acme/abc", "acme/xyz"),
    ],
)
def test_what_is_itself_or_something_else(name, known):
    assert confusable(name, [known]) == ""


def test_what_looks_alike_is_one():
    assert skeleton("c0mmunity/s1ack") == skeleton("community/slack") == skeleton("com_munity/siack")
