"""The administrator's token: made once, private, compared by digest."""

import os
import stat
from dataclasses import replace

import pytest

from wfcore.errors import Forbidden
from wfcore.model.actor import Actor
from wfcore.model.records import TokenRecord
from wfcore.service.auth import ADMIN_FILE, Tokens, admin_token, digest_of, make_token, read_token


def test_made_once_and_private(tmp_path):
    token = admin_token(tmp_path)
    assert len(token) >= 40
    assert stat.S_IMODE((tmp_path / ADMIN_FILE).stat().st_mode) == 0o600
    assert admin_token(tmp_path) == token == read_token(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [ADMIN_FILE]


def test_two_installations_have_two_tokens(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert admin_token(tmp_path / "a") != admin_token(tmp_path / "b")


def test_none_yet(tmp_path):
    assert read_token(tmp_path) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_open_to_others_is_refused(tmp_path, mode):
    admin_token(tmp_path)
    (tmp_path / ADMIN_FILE).chmod(mode)
    for read in (read_token, admin_token):
        with pytest.raises(Forbidden, match="other users") as caught:
            read(tmp_path)
        assert caught.value.exit_code == 8
        assert caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"short", b"wf_" + b"x" * 300, b"wf_" + b"\xff" * 40, b"a b" * 20])
def test_a_file_without_a_token_is_refused(tmp_path, content):
    file = tmp_path / ADMIN_FILE
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(Forbidden, match="does not hold a token"):
        read_token(tmp_path)


def test_a_directory_in_its_place(tmp_path):
    (tmp_path / ADMIN_FILE).mkdir()
    with pytest.raises(Forbidden, match="cannot be read"):
        read_token(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_file(tmp_path):
    admin_token(tmp_path)
    (tmp_path / ADMIN_FILE).chmod(0)
    with pytest.raises(Forbidden, match="cannot be read"):
        read_token(tmp_path)


OWN = "wf_secret-token-of-some-length-and-more"
NOW = 1_000_000


def tokens(*records):
    """Those of an installation with these records."""
    known = {record.digest: record for record in records}
    return Tokens(OWN, known.get, lambda: NOW)


def record(token, **changes):
    known = TokenRecord("ci", "operator", ("a",), digest_of(token), 0, "admin", None)
    return replace(known, **changes)


def test_accepts_the_token_alone():
    for right in (f"Bearer {OWN}", f"bearer  {OWN} "):
        assert tokens().identify(right, "10.0.0.1") == Actor("admin", "admin", remote="10.0.0.1")
    for wrong in (None, "", "Bearer", "Bearer ", OWN, "Basic d2Y6eA==", f"Bearer {OWN[:-1]}",
                  f"Bearer {OWN}2", "Bearer ü\udc80"):  # fmt: skip
        assert tokens().identify(wrong) is None


def test_a_stored_token_speaks_for_its_name():
    token = make_token()
    found = tokens(record(token)).identify(f"Bearer {token}", "10.0.0.1")
    assert found == Actor("token/ci", "operator", ("a",), "10.0.0.1")
    assert tokens().identify(f"Bearer {token}") is None


def test_a_token_whose_time_is_over_opens_nothing():
    token = make_token()
    for expires_at, good in ((NOW + 1, True), (NOW, False), (NOW - 1, False)):
        found = tokens(record(token, expires_at=expires_at)).identify(f"Bearer {token}")
        assert (found is not None) is good


def test_a_role_of_another_release_opens_nothing():
    token = make_token()
    assert tokens(record(token, role="owner")).identify(f"Bearer {token}") is None


def test_a_storage_that_finds_another_record_opens_nothing():
    """Such as one that compares texts without case."""
    token = make_token()
    careless = Tokens(OWN, lambda _digest: record("another"), lambda: NOW)
    assert careless.identify(f"Bearer {token}") is None


def test_what_is_no_token_does_not_reach_the_storage():
    def storage(_digest):
        raise AssertionError("it was asked")

    strict = Tokens(OWN, storage, lambda: NOW)
    for text in ("x", "x" * 200, "wf_ü" + "x" * 40, "'; drop table token; --" + "x" * 20):
        assert strict.identify(f"Bearer {text}") is None


def test_tokens_are_long_and_none_is_like_another():
    made = {make_token() for _ in range(100)}
    assert len(made) == 100
    assert all(token.startswith("wf_") and len(token) == 46 for token in made)


def test_the_hooks_of_a_workflow():
    operator, viewer = make_token(), make_token()
    all_ = tokens(record(operator), record(viewer, role="viewer", namespaces=()))
    own = all_.hook("a", "flow")
    assert all_.accept_hook(f"Bearer {own}", "a", "flow")
    assert not all_.accept_hook(f"Bearer {own}", "a", "other")
    assert not all_.accept_hook(f"Bearer {own}", "b", "flow")
    assert all_.identify(f"Bearer {own}") is None
    assert all_.accept_hook(f"Bearer {OWN}", "b", "flow")
    assert all_.accept_hook(f"Bearer {operator}", "a", "flow")
    assert not all_.accept_hook(f"Bearer {operator}", "b", "flow"), "not its namespace"
    assert not all_.accept_hook(f"Bearer {viewer}", "a", "flow"), "a viewer starts nothing"
    assert not all_.accept_hook(None, "a", "flow")


def test_the_token_itself_is_not_kept():
    held = [getattr(tokens(), name) for name in Tokens.__slots__]
    assert held and not any("secret" in str(value) for value in held)
