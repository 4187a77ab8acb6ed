"""Attacks on what publishers sign, and on what names look like."""

import json

import pytest

from tests.registries import package_signature, sha256
from wfcore.packages import minisign
from wfcore.packages.archive import read_archive, write_archive
from wfcore.packages.trust import sign

POLICIES = ("require", "warn")


@pytest.fixture
def key(shop):
    made = minisign.generate()
    shop.config["plugins"]["keys"] = {"community": [str(made.public())]}
    return made


def test_the_honest_way(shop, key, plugin):
    shop.config["plugins"]["signatures"] = "require"
    shop.main.add(plugin(), signed_by=key)
    done = shop.install("community/hi", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["origin"]["key"] == key.id
    assert json.loads(done.out)["warnings"] == []


def test_what_is_not_signed_is_refused_or_told_of(shop, key, plugin):
    shop.main.add(plugin())
    shop.config["plugins"]["signatures"] = "require"
    shop.expect_refused("community/hi", "community/hi 1.0.0 is not signed")
    shop.config["plugins"]["signatures"] = "warn"
    assert "warning: community/hi 1.0.0 is not signed" in shop.install("community/hi").out
    shop.config["plugins"]["signatures"] = "off"
    assert "warning" not in shop.install("community/hi").out


def test_what_a_stranger_has_signed(shop, key, plugin):
    stranger = minisign.generate()
    shop.main.add(plugin(), signed_by=stranger)
    shop.config["plugins"]["signatures"] = "require"
    shop.expect_refused("community/hi", "community/hi 1.0.0", stranger.id, "plugins.keys.community")
    shop.config["plugins"]["signatures"] = "warn"
    assert stranger.id in shop.install("community/hi").out


def test_the_key_of_another_namespace(shop, key, plugin):
    shop.config["plugins"]["signatures"] = "require"
    shop.main.add(plugin(name="payments/pay"), signed_by=key)
    shop.expect_refused("payments/pay", "payments/pay 1.0.0", key.id, "plugins.keys.payments")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_forged_signature(shop, key, plugin, policy):
    """The id of a trusted key, and the work of another."""
    shop.config["plugins"]["signatures"] = policy
    forger = minisign.SecretKey(key.id, minisign.generate().seed)
    shop.main.add(plugin(), signed_by=forger)
    shop.expect_refused("community/hi", "community/hi 1.0.0", "the signature is wrong")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_signature_of_other_content(shop, key, plugin, policy):
    shop.config["plugins"]["signatures"] = policy
    other = package_signature(key, plugin("1.0.1"))
    shop.main.add(plugin(), write=False)
    shop.main.change("community/hi", "1.0.0", signature=other)
    shop.expect_refused("community/hi", "community/hi 1.0.0", "the signature is wrong")


@pytest.mark.parametrize("field", ["name", "version", "sha256", "permissions"])
def test_a_signature_that_means_something_else(shop, key, plugin, field):
    """It covers name, version, digest and permissions: a comment that says others is refused."""
    content = plugin(permissions="{kv: true}")
    text = sign(key, read_archive(content), content, 1)
    comment = minisign.signature(text).fields()[field]
    meant = minisign.signature(text).comment.replace(f"{field}:{comment}", f"{field}:other")
    shop.main.add(content, write=False)
    shop.main.change("community/hi", "1.0.0", signature=minisign.sign(key, content, meant))
    shop.expect_refused("community/hi", "community/hi 1.0.0", "signature of something else", field)


def test_a_changed_comment(shop, key, plugin):
    """minisign signs the comment too."""
    text = package_signature(key, plugin()).replace("version:1.0.0", "version:2.0.0")
    shop.main.add(plugin(), write=False)
    shop.main.change("community/hi", "1.0.0", signature=text)
    shop.expect_refused("community/hi", "the signature is wrong")


def test_a_signature_that_is_taken_away(shop, key, plugin):
    """What was signed stays signed, also where nobody requires it."""
    shop.main.add(plugin(), signed_by=key)
    assert shop.install("community/hi").code == 0
    shop.main.add(plugin("1.1.0"))
    shop.expect_refused("community/hi@1.1", "community/hi 1.1.0 is not signed", "installed was")
    refused = shop.run("plugin", "update", "--all")
    assert (refused.code, "community/hi 1.1.0 is not signed" in refused.err) == (7, True)


def test_a_signature_by_minisign_itself(shop, key, plugin):
    """Its comment says nothing of ours, and it is good."""
    shop.config["plugins"]["signatures"] = "require"
    made = minisign.sign(key, plugin(), "timestamp:1635443258\tfile:hi.wfp\thashed")
    shop.files.files |= {"/hi.wfp": plugin(), "/hi.wfp.minisig": made.encode()}
    assert shop.install(f"{shop.files.url}/hi.wfp#sha256={sha256(plugin())}").code == 0


def test_a_weak_key_is_none(shop, plugin):
    for y in (0, 1, minisign._P - 1, minisign._P, minisign._P + 1, *minisign._SMALL):
        weak = minisign.PublicKey("0000000000000001", (y | 1 << 255).to_bytes(32, "little"))
        shop.config["plugins"]["keys"] = {"community": [str(weak)]}
        outcome = shop.install("community/hi")
        assert (outcome.code, "small order" in outcome.err) == (3, True)


def test_a_file_and_its_signature(shop, key, plugin):
    """Also what an operator has by hand is checked where signatures are required."""
    shop.config["plugins"]["signatures"] = "require"
    (shop.path / "hi.wfp").write_bytes(plugin())
    shop.expect_refused("hi.wfp", "community/hi 1.0.0 is not signed")
    (shop.path / "hi.wfp.minisig").write_text(package_signature(key, plugin()))
    assert shop.install("hi.wfp").code == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [("community/hl", "one to the eye"), ("comunity/hi", "a letter less"), ("communtiy/hi", "exchanged"),
     ("community/h1", "a digit"), ("cornmunity/hi", "rn for m"), ("community/hi2", "a letter more")],
)  # fmt: skip
def test_typo_squats_and_homoglyphs_are_warned_of(shop, plugin, name, why):
    shop.main.add(plugin(), plugin(name=name))
    before = shop.install(name)
    assert f"warning: {name} looks like community/hi, which the registry has too" in before.out, why
    shop.run("plugin", "remove", name)
    shop.install("community/hi")
    after = shop.install(name)
    assert f"warning: {name} looks like community/hi, which is installed" in after.out, why


def test_letters_of_another_script(shop):
    outcome = shop.install("соmmunity/hi")
    assert (outcome.code, "Cyrillic small letter es" in outcome.err) == (2, True)


@pytest.mark.parametrize("policy", ["warn", "off"])
def test_what_is_revoked_is_not_installed(shop, plugin, policy):
    shop.config["plugins"]["signatures"] = policy
    shop.main.add(plugin())
    shop.main.revoke(plugin())
    shop.expect_refused("community/hi@1.0.0", "community/hi 1.0.0", "is revoked: it steals")
    shop.main.add(plugin("1.0.1"))
    shop.expect_refused("community/hi@1.0.0", "community/hi 1.0.0", "is revoked: it steals")
    assert shop.install("community/hi@^1").out.split()[2] == "1.0.1", "a range passes it by"


def test_what_is_revoked_cannot_come_by_another_way(shop, plugin):
    shop.main.add(plugin())
    shop.main.revoke(plugin())
    shop.install("community/hi")
    (shop.path / "hi.wfp").write_bytes(plugin())
    shop.expect_refused("hi.wfp", "community/hi 1.0.0", "is revoked: it steals")


def test_a_revocation_beats_a_pin(shop, plugin):
    """It was installed, and a workflow would run it: at the next load it does not."""
    shop.main.add(plugin())
    assert shop.install("community/hi").code == 0
    (shop.path / "use.yaml").write_text(
        "id: use\ntasks:\n  a: {type: community/hi.greet, inputs: {name: Ada}}\n"
    )
    assert shop.run("run", "use.yaml").code == 0
    shop.main.revoke(plugin())
    shop.main.add(plugin("1.0.1"))
    shop.run("plugin", "search")
    outcome = shop.install("community/hi@1.0.0")
    assert outcome.code == 7
    outcome = shop.run("run", "use.yaml")
    assert outcome.code != 0
    assert "community/hi 1.0.0" in outcome.err + outcome.out
    assert "is revoked: it steals" in outcome.err + outcome.out
    assert ("community/hi", "1.0.0", "revoked") in shop.installed()
    assert shop.run("plugin", "update", "--all").code == 0
    assert shop.run("run", "use.yaml").code == 0


def test_wider_permissions_need_a_new_grant(shop, plugin):
    """An update that suddenly wants more."""
    shop.main.add(plugin())
    shop.install("community/hi")
    shop.main.add(plugin("1.1.0", permissions="{network: ['https://evil.example/*']}"))
    refused = shop.run("plugin", "update", "community/hi")
    assert (refused.code, "may connect to https://evil.example/*" in refused.err) == (8, True)
    assert shop.installed() == [("community/hi", "1.0.0", "current")]
    done = shop.run("plugin", "update", "community/hi", "--grant")
    assert "  + it may connect to https://evil.example/*" in done.out


def test_an_archive_with_two_manifests(shop):
    files = {"plugin.yaml": b"plugin: 1\nname: a/b\nversion: 1.0.0\nactions: {x: {}}\n", "plugin.wasm": b"x"}
    content = write_archive({**files, "PLUGIN.YAML": files["plugin.yaml"]})
    (shop.path / "x.wfp").write_bytes(content)
    shop.run("plugin", "list")
    outcome = shop.install("x.wfp")
    assert (outcome.code, "is there twice" in outcome.err, shop.left()) == (7, True, [])
