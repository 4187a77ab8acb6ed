"""The contract of registries as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.registries import RegistryContract

    class TestMyRegistry(RegistryContract):
        def make(self, tmp_path):
            (tmp_path / "hi.wfp").write_bytes(self.content)
            return MyRegistry({"folder": str(tmp_path)}, context("mine", tmp_path))
"""

from __future__ import annotations

import hashlib
import re
from typing import ClassVar

import pytest

from wfcore.api import Candidate, IndexedRegistry, NotFound, Registry, UsageError
from wfsdk.contracts.driver import DriverContract


class RegistryContract(DriverContract):
    """``make`` gives a registry that has ``content`` as ``target``, and ``signature`` beside it.

    A subclass says what these are, what ``wanted`` picks it, and whether the registry ``knows`` name,
    version and digest before an archive is read.
    """

    target: ClassVar[str]
    content: ClassVar[bytes]
    wanted: ClassVar[str] = ""
    signature: ClassVar[str] = ""
    missing: ClassVar[str] = "acme/none"
    knows: ClassVar[tuple[str, ...]] = ()

    def candidate(self, driver: Registry) -> Candidate:
        """The candidate for ``target``."""
        candidates = list(driver.candidates(self.target, self.wanted))
        assert candidates, "it offers nothing of what it has"
        return candidates[0]

    def test_it_offers_what_it_has(self, driver: Registry) -> None:
        candidate = self.candidate(driver)
        assert candidate.source
        assert all(getattr(candidate, name) for name in self.knows)
        assert re.fullmatch(r"([0-9]+\.[0-9]+\.[0-9]+.*)?", candidate.version)

    def test_it_fetches_what_it_offers(self, driver: Registry) -> None:
        candidate = self.candidate(driver)
        parcel = driver.fetch(candidate)
        assert parcel.content == self.content
        assert parcel.signature == self.signature
        assert candidate.digest in ("", hashlib.sha256(self.content).hexdigest())

    def test_the_same_question_has_the_same_answer(self, driver: Registry) -> None:
        assert self.candidate(driver) == self.candidate(driver)

    def test_what_it_does_not_have_is_not_found(self, driver: Registry) -> None:
        with pytest.raises(NotFound):
            for candidate in driver.candidates(self.missing, self.wanted):
                driver.fetch(candidate)

    @pytest.mark.parametrize("target", ["", "..", "a b", "a\nb", "x" * 10_000, "a/b/c/d/e?q=1#f", "\0"])
    def test_what_cannot_be_a_target_is_refused(self, driver: Registry, target: str) -> None:
        with pytest.raises((NotFound, UsageError)):
            for candidate in driver.candidates(target):
                driver.fetch(candidate)

    def test_it_finds_what_it_has(self, driver: Registry) -> None:
        if not isinstance(driver, IndexedRegistry):
            pytest.skip("it knows no list of its packages")
        hits = driver.search("")
        assert [hit.name for hit in hits] == sorted(hit.name for hit in hits)
        assert self.candidate(driver).name in {hit.name for hit in driver.search(self.candidate(driver).name)}
        assert list(driver.search("there is no such package anywhere")) == []

    def test_what_it_revokes_is_told_by_digest(self, driver: Registry) -> None:
        if not isinstance(driver, IndexedRegistry):
            pytest.skip("it revokes nothing")
        for one in driver.revoked():
            assert re.fullmatch(r"[0-9a-f]{64}", one.digest)
            assert one.reason
