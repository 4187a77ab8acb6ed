"""The part of the storage contract that is about plugin packages, and what revisions keep of them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from wfcore.api import Conflict, NotFound, PackageRecord, Storage
from wfsdk.contracts.storage_workflows import revision

DAY = 86_400_000_000


def package(version: str = "1.0.0", name: str = "acme/mail", *, current: bool = True) -> PackageRecord:
    """An installed package; everything in it tells its name and version."""
    digest = f"{name}@{version}".encode().hex().ljust(64, "0")
    installed_at = 100 + int(version[0])
    granted = {"network": [f"https://{version}.example/*"], "kv": True}
    origin = {"source": f"http:main/{name}@{version}", "signature": "ü\n", "key": "0A", "by": "ada"}
    return PackageRecord(
        digest,
        name,
        version,
        f"name: {name} # ü",
        "f" * 64,
        granted,
        {"KEY": "key"},
        installed_at,
        current,
        origin,
    )


class PackageContract:
    """Versions never change; one version of a name is current; the modules are kept while they are listed."""

    def test_packages_by_name_and_digest(self, storage: Storage) -> None:
        assert storage.packages() == []
        assert storage.package(package().digest) is None
        first, other = package(), package(name="acme/chat")
        storage.put_package(first)
        storage.put_package(other)
        assert storage.packages() == [other, first]
        assert storage.packages("acme/mail") == [first]
        assert storage.packages("acme/none") == []
        assert storage.package(first.digest) == first

    def test_one_version_is_current(self, storage: Storage) -> None:
        for version in ("1.0.0", "2.0.0"):
            storage.put_package(package(version))
        former = replace(package("1.0.0"), current=False)
        assert storage.packages("acme/mail") == [package("2.0.0"), former]
        storage.put_package(package("3.0.0", current=False))
        assert storage.packages("acme/mail") == [package("3.0.0", current=False), package("2.0.0"), former]
        storage.put_package(package("1.0.0"))
        assert [one.version for one in storage.packages() if one.current] == ["1.0.0"]

    def test_a_package_gets_another_grant(self, storage: Storage) -> None:
        storage.put_package(package())
        narrowed = replace(package(), granted={}, secrets={})
        storage.put_package(narrowed)
        assert storage.packages() == [narrowed]

    def test_a_version_does_not_change(self, storage: Storage) -> None:
        storage.put_package(package())
        with pytest.raises(Conflict, match=r"acme/mail 1\.0\.0"):
            storage.put_package(replace(package(), digest="e" * 64))
        assert storage.packages() == [package()]

    def test_removing(self, storage: Storage) -> None:
        storage.put_package(package())
        storage.put_package(package("2.0.0"))
        assert storage.remove_package(package().digest)
        assert not storage.remove_package(package().digest)
        assert storage.packages() == [package("2.0.0")]
        storage.put_package(replace(package(), digest="e" * 64))

    def test_the_module_of_a_package_is_kept(self, storage: Storage) -> None:
        record = replace(package(), module=storage.put_blob(b"module"))
        storage.put_package(record)
        later = time.time_ns() // 1000 + DAY
        storage.sweep(later)
        assert storage.get_blob(record.module) == b"module"
        storage.remove_package(record.digest)
        storage.sweep(later)
        with pytest.raises(NotFound):
            storage.get_blob(record.module)

    def test_a_revision_keeps_its_files_and_packages(self, storage: Storage) -> None:
        files = {"code/x.ts": "export default () => 'ü'\n"}
        record = replace(revision(1), files=files, plugins={"acme/mail": "a" * 64})
        storage.put_workflow(record, [])
        storage.put_workflow(revision(2), [])
        assert storage.workflow("default", "flow", 1) == record
        assert storage.workflow("default", "flow") == revision(2)
        assert storage.revisions("default", "flow") == [revision(2), record]
