"""Publishers' tokens: scoped, ending, revocable, stored as digests alone."""

import pytest

from wfcore.errors import Conflict, InvalidInput, NotFound, Unauthorized, UsageError
from wfcore.packages import minisign


def test_a_token_says_whose_it_is(registry):
    key = str(minisign.generate().public())
    token = registry.tokens.create("ada", ["community", "acme/mail"], 30, key)
    publisher = registry.tokens.check(f"Bearer {token}")
    assert (publisher.id, publisher.scopes, publisher.key) == ("ada", ("community", "acme/mail"), key)
    assert [one["state"] for one in registry.tokens.list()] == ["valid"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic {}", "{}"])
def test_without_a_valid_token_nobody_is_known(registry, header):
    token = registry.tokens.create("ada", ["*"], 1)
    with pytest.raises(Unauthorized):
        registry.tokens.check(header and header.format(token))


def test_a_token_ends_by_time_and_by_revocation(registry):
    short, long = registry.tokens.create("short", ["*"], 1), registry.tokens.create("long", ["*"], 9)
    registry.days(2)
    with pytest.raises(Unauthorized):
        registry.tokens.check(f"Bearer {short}")
    assert registry.tokens.check(f"Bearer {long}").id == "long"
    registry.tokens.revoke("long")
    with pytest.raises(Unauthorized):
        registry.tokens.check(f"Bearer {long}")
    assert [one["state"] for one in registry.tokens.list()] == ["revoked", "expired"]


def test_the_database_does_not_have_it(tmp_path):
    from tests.registry.conftest import Registry

    registry = Registry(tmp_path)
    token = registry.tokens.create("ada", ["*"], 1)
    registry.store.close()
    for file in tmp_path.iterdir():
        assert token.encode() not in file.read_bytes(), file


def test_what_is_no_token_is_said(registry):
    registry.tokens.create("ada", ["*"], 1)
    for arguments, error in (
        (("ada", ["*"], 1), Conflict),
        (("a b", ["*"], 1), UsageError),
        (("x", [], 1), UsageError),
        (("x", ["Community"], 1), UsageError),
        (("x", ["a/b/c"], 1), UsageError),
        (("x", ["*"], 0), UsageError),
        (("x", ["*"], 1, "no key"), InvalidInput),
    ):
        with pytest.raises(error):
            registry.tokens.create(*arguments)
    with pytest.raises(NotFound):
        registry.tokens.revoke("nobody")
