"""The administrator's token: made once, private, compared by digest."""

import os
import stat

import pytest

from wfcore.errors import Forbidden
from wfcore.service.auth import ADMIN_FILE, Tokens, admin_token, read_token


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


def test_accepts_the_token_alone():
    tokens = Tokens("wf_secret-token-of-some-length")
    assert tokens.accept("Bearer wf_secret-token-of-some-length")
    assert tokens.accept("bearer  wf_secret-token-of-some-length ")
    for wrong in (None, "", "Bearer", "Bearer ", "wf_secret-token-of-some-length", "Basic d2Y6eA==",
                  "Bearer wf_secret-token-of-some-lengt", "Bearer wf_secret-token-of-some-length2",
                  "Bearer ü\udc80"):  # fmt: skip
        assert not tokens.accept(wrong)


def test_the_token_itself_is_not_kept():
    tokens = Tokens("wf_secret-token-of-some-length")
    held = [getattr(tokens, name) for name in tokens.__slots__]
    assert held and not any("secret" in str(value) for value in held)
