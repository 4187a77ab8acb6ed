"""What a registry has never changes, and the index over it only goes forward. On both databases."""

import hashlib
import shutil

import pytest

from tests.registries import package_signature
from wfcore.errors import Conflict, Forbidden, InvalidPackage, NotFound, UsageError
from wfcore.packages import minisign
from wfregistry.tokens import Publisher


def test_what_is_published_is_listed_and_can_be_fetched(registry, plugin):
    content = plugin(permissions="{kv: true}")
    done = registry.publish(content, signature="", changelog="first")
    digest = hashlib.sha256(content).hexdigest()
    assert done == {"result": "published", "digest": digest, "warnings": []}
    (release,) = registry.releases("community/hi")
    assert (release.version, release.digest, release.size) == ("1.0.0", digest, len(content))
    assert (release.permissions, release.changelog) == ({"kv": True}, "first")
    assert registry.catalogue.archive(digest) == content
    assert registry.top().packages["community/hi"].description == "Says hello."


def test_a_version_never_changes(registry, plugin):
    registry.publish(plugin())
    assert registry.publish(plugin())["result"] == "unchanged"
    with pytest.raises(Conflict, match=r"community/hi 1\.0\.0 .* never changes"):
        registry.publish(plugin(source="export const greet = () => 'other'"))


def test_a_version_never_changes_across_a_restart(registry, plugin):
    registry.publish(plugin())
    registry.store.close()
    registry.open()
    assert registry.publish(plugin())["result"] == "unchanged"
    with pytest.raises(Conflict, match="never changes"):
        registry.publish(plugin(source="export const greet = () => 'other'"))


def test_a_version_never_changes_when_a_backup_is_restored(tmp_path, plugin):
    """The backup is from before the version; the witness is not put back with it."""
    from tests.registry.conftest import Registry

    registry = Registry(tmp_path)
    registry.publish(plugin())
    registry.store.close()
    shutil.copy(tmp_path / "registry.sqlite", tmp_path / "backup")
    registry.open()
    registry.publish(plugin("1.1.0"))
    serial = registry.top().serial
    registry.store.close()
    for beside in tmp_path.glob("registry.sqlite-*"):
        beside.unlink()
    shutil.copy(tmp_path / "backup", tmp_path / "registry.sqlite")
    registry.open()
    assert registry.top().serial > serial, "no client sees it go back"
    with pytest.raises(Conflict, match="never changes"):
        registry.publish(plugin("1.1.0", source="export const greet = () => 'other'"))
    assert registry.publish(plugin("1.1.0"))["result"] == "published", "the same may come again"
    registry.store.close()


def test_a_database_in_which_a_version_has_changed_is_not_served(registry, plugin):
    registry.publish(plugin())
    with registry.store.writing():
        registry.store.version.update(content=b"other").execute()
    registry.store.close()
    with pytest.raises(Conflict, match=r"damaged: community/hi 1\.0\.0"):
        registry.open()
    with registry.store.writing():
        digest = hashlib.sha256(b"other").hexdigest()
        registry.store.version.update(digest=digest).execute()
    with pytest.raises(Conflict, match=r"community/hi 1\.0\.0 was published"):
        registry.open()


def test_each_edition_has_a_higher_serial_and_an_end(registry, plugin):
    serials = [registry.top().serial]
    for version in ("1.0.0", "1.1.0"):
        registry.publish(plugin(version))
        serials.append(registry.top().serial)
    registry.catalogue.yank(Publisher("x", ("community",), ""), "community/hi", "1.0.0", "broken")
    serials.append(registry.top().serial)
    assert serials == sorted(set(serials))
    assert registry.top().serial == serials[-1], "reading makes no edition"
    before = registry.top().expires
    registry.days(4)
    assert registry.top().expires > before, "an aged one is made anew"


def test_another_key_signs_a_new_edition(registry, plugin):
    registry.publish(plugin())
    serial = registry.top().serial
    registry.store.close()
    registry.key = minisign.generate()
    assert registry.open().top().serial > serial
    assert registry.top().key == registry.key.id


def test_what_is_taken_back_stays_and_is_passed_by(registry, plugin):
    registry.publish(plugin())
    registry.publish(plugin("1.1.0"))
    publisher = Publisher("x", ("community/hi",), "")
    registry.catalogue.yank(publisher, "community/hi", "1.1.0", "loses data")
    assert registry.top().packages["community/hi"].latest == "1.0.0"
    assert {one.version: one.yanked for one in registry.releases("community/hi")} == {
        "1.1.0": "loses data",
        "1.0.0": "",
    }
    registry.catalogue.yank(publisher, "community/hi", "1.1.0", "")
    assert registry.top().packages["community/hi"].latest == "1.1.0"
    with pytest.raises(NotFound):
        registry.catalogue.yank(publisher, "community/hi", "9.0.0", "x")


def test_what_is_revoked_is_told_for_ever(registry, plugin):
    registry.publish(plugin())
    registry.catalogue.revoke("community/hi", "1.0.0", "it steals")
    (revoked,) = registry.top().revoked
    assert (revoked.name, revoked.version, revoked.reason) == ("community/hi", "1.0.0", "it steals")
    assert revoked.digest == hashlib.sha256(plugin()).hexdigest()
    with pytest.raises(UsageError):
        registry.catalogue.revoke("community/hi", "1.0.0", "")
    with pytest.raises(NotFound):
        registry.catalogue.revoke("community/hi", "2.0.0", "x")


def test_a_publisher_has_a_scope(registry, plugin):
    for scopes in (("community",), ("community/hi",), ("*",), ("acme", "community")):
        registry.publish(plugin(), Publisher("x", scopes, ""))
    for scopes in (("acme",), ("community/other",), ("comm",), ()):
        with pytest.raises(Forbidden, match="community/hi"):
            registry.publish(plugin("2.0.0"), Publisher("x", scopes, ""))


def test_a_publisher_with_a_key_signs(registry, plugin):
    key, content = minisign.generate(), plugin()
    publisher = Publisher("x", ("*",), str(key.public()))
    for signature in (
        "",
        package_signature(minisign.generate(), content),
        package_signature(key, plugin("2.0.0")),
    ):
        with pytest.raises(InvalidPackage, match=r"community/hi 1\.0\.0"):
            registry.publish(content, publisher, signature)
    registry.publish(content, publisher, package_signature(key, content))
    with pytest.raises(InvalidPackage, match="no minisign file"):
        registry.publish(plugin("3.0.0"), signature="nonsense")


def test_names_that_look_like_those_of_others_are_refused(registry, plugin):
    registry.publish(plugin(name="community/mail"))
    for name in ("cornmunity/mail", "comrnunity/mail", "communlty/mail", "c0mmunity/mail", "com-munity/mail"):
        with pytest.raises(Conflict, match=f"{name} looks like community/mail"):
            registry.publish(plugin(name=name))
    assert registry.publish(plugin(name="comunity/mail"))["warnings"] == [
        "comunity/mail is one letter away from community/mail"
    ]
    assert registry.publish(plugin(name="community/mails"))["warnings"] == [], "a namespace is somebody's own"


def test_what_is_no_package_is_not_taken(registry, plugin):
    for content in (b"", b"no zip", plugin()[:-1], plugin() + b"x"):
        with pytest.raises(InvalidPackage):
            registry.publish(content)
    assert registry.top().packages == {}


def test_former_documents_stay_for_a_while(registry, plugin):
    registry.publish(plugin())
    former = registry.top().packages["community/hi"].document
    registry.publish(plugin("1.1.0"))
    assert registry.catalogue.document(former)
    registry.days(1)
    registry.publish(plugin("1.2.0"))
    with pytest.raises(NotFound):
        registry.catalogue.document(former)


def test_search(registry, plugin):
    registry.publish(plugin())
    registry.publish(plugin(name="acme/mail"))
    assert [one["name"] for one in registry.catalogue.search("")] == ["acme/mail", "community/hi"]
    assert [one["name"] for one in registry.catalogue.search("SAYS mail")] == ["acme/mail"]
    assert registry.catalogue.search("nothing of this") == []


def test_two_publishers_at_once_never_get_one_version_twice(registry, plugin):
    from concurrent.futures import ThreadPoolExecutor

    contents = [plugin(source=f"export const greet = () => {number}") for number in range(8)]

    def publish(content):
        try:
            return registry.publish(content)["result"]
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(publish, contents))
    assert sorted(results) == ["conflict"] * 7 + ["published"]
    assert len(registry.releases("community/hi")) == 1
