"""References: what names a package, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.errors import UsageError
from wfcore.packages.reference import FOLDER, Reference, parse

DIGEST = "a" * 64


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("community/slack", Reference("", "community/slack")),
        ("community/slack@^1.2", Reference("", "community/slack", "^1.2")),
        ("community/slack@>=1,<2", Reference("", "community/slack", ">=1,<2")),
        (f"a/b@1.0.0#sha256={DIGEST}", Reference("", "a/b", "1.0.0", DIGEST)),
        ("http:main/community/slack@1.2.0", Reference("http", "main/community/slack", "1.2.0")),
        ("github:acme/hi@v1.2.0", Reference("github", "acme/hi", "v1.2.0")),
        ("npm:@acme/hi", Reference("npm", "@acme/hi")),
        ("npm:@acme/hi@1.2.0", Reference("npm", "@acme/hi", "1.2.0")),
        ("npm:hi@latest", Reference("npm", "hi", "latest")),
        ("pip:acme-workflow", Reference("pip", "acme-workflow")),
        (f"https://a.b/x.wfp#sha256={DIGEST}", Reference("url", "https://a.b/x.wfp", "", DIGEST)),
        ("./community/slack", Reference(FOLDER, "./community/slack")),
        ("/a/b", Reference(FOLDER, "/a/b")),
        ("~/b", Reference(FOLDER, "~/b")),
        ("..", Reference(FOLDER, "..")),
        ("hi", Reference(FOLDER, "hi")),
        ("hi.wfp", Reference(FOLDER, "hi.wfp")),
        ("dist/hi-1.0.0.wfp", Reference(FOLDER, "dist/hi-1.0.0.wfp")),
        ("registry/plugins/community-slack", Reference(FOLDER, "registry/plugins/community-slack")),
    ],
)
def test_what_is_meant(text, meant):
    assert parse(text) == meant
    assert str(meant) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no plugin"),
        ("  ", "names no plugin"),
        ("a/b@", "names no plugin"),
        ("npm:@", "'npm:@' names no plugin"),
        ("npm:", "'npm:' names no plugin"),
        ("github:a/b@", "'github:a/b@' names no plugin"),
        ("a\nb/c", "names no plugin"),
        ("a/b\x1b[31m", "names no plugin"),
        ("a/b#sha256=12", "is no sha256"),
        ("a/b#md5=12", "is no sha256"),
        (f"a/b#sha256={DIGEST}0", "is no sha256"),
        ("https://a.b/x.wfp", "without the digest"),
        ("https://a.b/x.wfp#", "is no sha256"),
        ("A/b@1.0.0", "is no name of a package"),
        ("a/b/c@1.0.0", "is no name of a package"),
        ("сommunity/slack", "Cyrillic small letter es"),
        ("community/ѕlack@1.0.0", "Cyrillic small letter dze"),
        ("community/slack\u200b", "Zero width space"),
    ],
)
def test_what_is_none(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse(text)
    assert caught.value.remedy


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_refused(text):
    try:
        found = parse(text)
    except UsageError:
        return
    assert found.target
    assert not any(ord(char) < 32 for char in str(found))
