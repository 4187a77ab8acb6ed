"""Attacks by whoever holds a registry, its host or the way to it: those of TUF's list, and some more."""

from dataclasses import replace

import pytest

from tests.registries import DAY, Index
from wfcore.egress.guard import Guard
from wfcore.engine.clock import SystemClock
from wfcore.packages import index, minisign
from wfcore_plugins.registries import asking
from wfcore_plugins.registries.http import HttpRegistry


def test_the_honest_way(shop, plugin):
    """What follows refuses for its own reason, and not because nothing works."""
    shop.main.add(plugin())
    done = shop.install("community/hi@^1.0")
    assert (done.code, done.out.split()[:3]) == (0, ["installed", "community/hi", "1.0.0"]), done.err
    assert shop.installed() == [("community/hi", "1.0.0", "current")]
    assert shop.refusals() == []


def test_arbitrary_software(shop, plugin):
    """An archive that is not the one that the index lists."""
    shop.main.add(plugin())
    (path,) = [path for path in shop.main.files if path.endswith(".wfp")]
    shop.main.files[path] = plugin(source="export const greet = () => 'stolen'")
    shop.expect_refused("community/hi", "community/hi 1.0.0", "its sha256 is")


def test_a_changed_index(shop, plugin):
    shop.main.add(plugin())
    top = shop.main.files["/index.json"]
    shop.main.files["/index.json"] = top.replace(b"Says hello.", b"Says hullo.")
    shop.expect_refused("community/hi", "the registry main cannot be trusted", "signed by the key")


def test_an_index_signed_by_another_key(shop, plugin):
    shop.main.add(plugin())
    other = minisign.generate()
    shop.main.write(key=other)
    shop.expect_refused("community/hi", "the registry main cannot be trusted", other.id)


def test_an_index_without_a_signature(shop, plugin):
    shop.main.add(plugin())
    shop.main.files["/index.json"] = b'{"signed": "{}", "signature": ""}'
    shop.expect_refused("community/hi", "no minisign file")


def test_rollback(shop, plugin):
    """An index from before, in which a version is missing that mends something."""
    shop.main.add(plugin())
    old = shop.main.files["/index.json"]
    shop.main.add(plugin("1.0.1"))
    assert shop.install("community/hi@~1.0").out.split()[2] == "1.0.1"
    shop.main.files["/index.json"] = old
    shop.expect_refused("community/hi", "it offers the index 1, but 2 was there before")


def test_rollback_to_what_a_former_key_has_signed(shop, plugin):
    """While a registry changes its key and both are listed, what the old one has signed is no way back."""
    shop.main.add(plugin())
    old, new = shop.main.files["/index.json"], minisign.generate()
    shop.config["registries"]["http"]["indexes"][0]["keys"].append(str(new.public()))
    shop.main.key = new
    shop.main.add(plugin("1.0.1"))
    assert shop.install("community/hi@~1.0").out.split()[2] == "1.0.1"
    shop.main.files["/index.json"] = old
    shop.expect_refused("community/hi", "it offers the index 1, but 2 was there before")


def test_freeze(shop, plugin):
    """An index that is held back for ever, so that nobody hears of newer ones."""
    shop.main.said.expires = SystemClock().now() - DAY
    shop.main.add(plugin())
    shop.expect_refused("community/hi", "its index has expired", "holding back")


def test_equivocation(shop, plugin):
    """Two indexes of one serial: one for us and one for the others."""
    shop.main.add(plugin())
    shop.install("community/hi")
    shop.main.add(plugin("1.1.0"), write=False)
    shop.main.write(serial=shop.main.said.serial)
    shop.expect_refused("community/hi", "different things under the serial 1")


def test_mix_and_match(shop, plugin):
    """A document of another time below an index of today."""
    shop.main.add(plugin())
    (old,) = [path for path in shop.main.files if path.startswith("/documents/")]
    content = shop.main.files[old]
    shop.main.add(plugin("1.0.1"))
    (new,) = [path for path in shop.main.files if path.startswith("/documents/") and path != old]
    shop.main.files[new] = content
    shop.expect_refused("community/hi", "document of community/hi", "not the one that is listed")


def test_wrong_software(shop, plugin):
    """A package under the name of another: the archive is listed, but says something else of itself."""
    evil = plugin(name="community/evil")
    shop.main.add(plugin(), evil, write=False)
    shop.main.change("community/hi", "1.0.0", digest=shop.main.said.releases["community/evil"][0].digest)
    shop.expect_refused("community/hi", "community/hi 1.0.0 is another package", "community/evil 1.0.0")


def test_another_version_than_is_said(shop, plugin):
    """An old, vulnerable version sold as a new one."""
    shop.main.add(plugin())
    shop.main.change("community/hi", "1.0.0", version="9.0.0")
    shop.expect_refused("community/hi@^9", "community/hi 9.0.0 is another package", "community/hi 1.0.0")


def test_the_index_of_another_registry(shop, plugin):
    """A registry answers with the index of another one, which the same key has signed."""
    shop.main.add(plugin(), write=False)
    shop.main.said.name = "staging"
    shop.main.write()
    shop.config["registries"]["http"]["indexes"][0]["name"] = "main"
    shop.expect_refused("community/hi", "its index is that of 'staging'")


def test_a_version_that_comes_back_different(shop, plugin):
    """Also when it was removed here meanwhile."""
    shop.main.add(plugin())
    shop.install("community/hi")
    assert shop.run("plugin", "remove", "community/hi").code == 0
    shop.main.said.releases.clear()
    shop.main.add(plugin(source="export const greet = () => 'other'"))
    shop.expect_refused("community/hi", "community/hi 1.0.0 has changed")


def test_name_confusion_between_registries(shop, plugin):
    """A public registry offers a package of a namespace that belongs to a private one."""
    with Index("public", now=SystemClock().now()) as public:
        shop.main.add(plugin(name="acme/other"))
        public.add(plugin("99.0.0", name="acme/secret"))
        shop.config["egress"]["allow"].append(public.url)
        own = {**shop.main.config, "namespaces": ["acme"]}
        shop.config["registries"]["http"]["indexes"] = [own, {**public.config, "namespaces": ["community"]}]
        outcome = shop.install("acme/secret", "--grant")
        assert (outcome.code, "there is no package acme/secret" in outcome.err) == (4, True)
        assert shop.installed() == []


def test_an_unreachable_registry_is_not_passed_by(shop, plugin):
    """Who blocks the first registry does not choose the second one for us."""
    with Index("public", now=SystemClock().now()) as public:
        public.add(plugin("99.0.0"))
        shop.config["egress"]["allow"].append(public.url)
        shop.config["registries"]["http"]["indexes"] = [shop.main.config, public.config]
        outcome = shop.install("community/hi", "--grant")
        assert outcome.code == 6, "it answers, but has no index"
        shop.main.files["/index.json"] = b"nonsense"
        shop.expect_refused("community/hi", "the registry main cannot be trusted")


@pytest.mark.parametrize("missing", ["index.json", "documents/", "archives/"])
def test_a_registry_that_lacks_a_file_is_not_passed_by_either(shop, plugin, missing):
    """Nor by another kind of registry: only a signed index can say that there is no such package."""
    shop.main.add(plugin(name="acme/hi"))
    shop.github.release("v9.0.0", {"hi.wfp": plugin("9.0.0", name="acme/hi")})
    shop.config["plugins"] = {**shop.config.get("plugins", {}), "registries": ["http", "github"]}
    for path in [path for path in shop.main.files if missing in path]:
        del shop.main.files[path]
    outcome = shop.install("acme/hi", "--grant")
    assert (outcome.code, shop.installed()) == (6, []), outcome.out + outcome.err


def test_an_update_comes_from_where_the_package_came(shop, plugin):
    """A registry that is put before the one of an installed package cannot take it over."""
    shop.main.add(plugin())
    shop.install("community/hi")
    with Index("other", now=SystemClock().now()) as other:
        other.add(plugin("99.0.0"))
        shop.config["egress"]["allow"].append(other.url)
        shop.config["registries"]["http"]["indexes"].insert(0, other.config)
        assert shop.run("plugin", "update", "--check").code == 0
        shop.main.add(plugin("1.1.0"))
        assert shop.run("plugin", "update", "--all").code == 0
    assert shop.installed() == [("community/hi", "1.1.0", "current"), ("community/hi", "1.0.0", "kept")]


def test_endless_data(shop, plugin, monkeypatch):
    monkeypatch.setattr(index, "MAX_TOP", 1000)
    shop.main.files["/index.json"] = b"x" * 100_000
    shop.expect_refused("community/hi", "1000")


def test_slow_retrieval(tmp_path, plugin, monkeypatch):
    """A server that drips holds nobody longer than the deadline."""
    import socket
    import threading
    import time

    from wfcore.errors import Unreachable
    from wfsdk.contexts import context

    monkeypatch.setattr(asking, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                for _ in range(100):
                    time.sleep(0.05)
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        at = replace(context("http", tmp_path), egress=Guard([url], default="none"))
        config = {"name": "main", "url": url, "keys": [str(minisign.generate().public())], "namespaces": []}
        began = time.monotonic()
        with pytest.raises(Unreachable):
            HttpRegistry({"indexes": [config]}, at).candidates("community/hi")
        assert time.monotonic() - began < 5


def test_a_registry_within_the_network(shop, plugin):
    """The guard holds for registries too: without the operator's permission none on this machine is asked."""
    shop.main.add(plugin())
    shop.config["egress"]["allow"] = []
    outcome = shop.install("community/hi")
    assert (outcome.code, "egress" in outcome.err) == (8, True)
    assert shop.main.requests == []


def test_a_redirect_into_the_network(shop, plugin):
    from tests.plugins.servers.web import Answer

    shop.main.answer_next(Answer(302, None, {"Location": "http://169.254.169.254/latest/meta-data"}))
    outcome = shop.install("community/hi")
    assert (outcome.code, "169.254.169.254" in outcome.err) == (8, True)


def test_a_weak_key_is_none(shop, plugin):
    """A key of small order would accept signatures that anybody can make."""
    weak = minisign.PublicKey("0000000000000001", (1).to_bytes(32, "little"))
    shop.config["registries"]["http"]["indexes"][0]["keys"] = [str(weak)]
    outcome = shop.install("community/hi")
    assert (outcome.code, "small order" in outcome.err) == (3, True)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "main", "url": "http://x"}, "keys"),
        ({"name": "main", "url": "http://x", "keys": []}, "keys"),
        ({"name": "main", "url": "http://x", "keys": ["nonsense"]}, "no public key"),
        ({"name": "Main!", "url": "http://x", "keys": ["x"]}, "name"),
        ({"name": "main", "url": "ftp://x", "keys": ["x"]}, "url"),
        ({"name": "main", "url": "http://x", "keys": ["x"], "trust": True}, "trust"),
    ],
)
def test_a_registry_is_not_configured_carelessly(shop, section, message):
    shop.config["registries"]["http"]["indexes"] = [section]
    outcome = shop.install("community/hi")
    assert (outcome.code, message in outcome.err, "registries.http" in outcome.err) == (3, True, True)
