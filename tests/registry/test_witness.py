"""The file that never forgets, also when its last line was cut off."""

import pytest

from wfcore.errors import Conflict
from wfregistry.witness import Witness

DIGEST, OTHER = "a" * 64, "b" * 64


def test_it_remembers(tmp_path):
    file = tmp_path / "published.log"
    witness = Witness(file)
    witness.expect_same("a/b", "1.0.0", DIGEST)
    witness.note(3, "a/b", "1.0.0", DIGEST)
    witness.note(5)
    again = Witness(file)
    assert again.serial == 5
    again.expect_same("a/b", "1.0.0", DIGEST)
    with pytest.raises(Conflict, match=rf"a/b 1\.0\.0 was published with the sha256 {DIGEST}"):
        again.expect_same("a/b", "1.0.0", OTHER)


def test_what_is_known_is_not_written_again(tmp_path):
    file = tmp_path / "published.log"
    witness = Witness(file)
    witness.note(1, "a/b", "1.0.0", DIGEST)
    size = file.stat().st_size
    witness.note(1, "a/b", "1.0.0", DIGEST)
    assert file.stat().st_size == size


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_line_that_was_cut_off_is_as_if_it_never_was(tmp_path, cut):
    """Whoever was writing it has not published anything yet; the next line is whole."""
    file = tmp_path / "published.log"
    Witness(file).note(1, "a/b", "1.0.0", DIGEST)
    whole = file.read_bytes()
    Witness(file).note(2, "a/b", "1.1.0", DIGEST)
    file.write_bytes(file.read_bytes()[:-cut])
    witness = Witness(file)
    witness.note(3, "a/c", "1.0.0", OTHER)
    again = Witness(file)
    assert file.read_bytes().startswith(whole)
    again.expect_same("a/b", "1.1.0", DIGEST)
    with pytest.raises(Conflict):
        again.expect_same("a/b", "1.0.0", OTHER)
    with pytest.raises(Conflict):
        again.expect_same("a/c", "1.0.0", DIGEST)


def test_the_first_that_was_written_counts(tmp_path):
    file = tmp_path / "published.log"
    file.write_text(f"1 a/b 1.0.0 {DIGEST}\n2 a/b 1.0.0 {OTHER}\nnonsense\n")
    with pytest.raises(Conflict):
        Witness(file).expect_same("a/b", "1.0.0", OTHER)
