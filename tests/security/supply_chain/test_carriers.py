"""Attacks by what carries packages: npm, GitHub, plain addresses, and locks."""

import gzip
import io
import struct
import tarfile
import time

import pytest

from tests.registries import sha256, tarball, zipped


def test_the_honest_way(shop, plugin):
    shop.npm.add("@acme/hi", "1.0.0", {"dist/hi.wfp": plugin()})
    shop.github.release("v1.1.0", {"hi.wfp": plugin("1.1.0")})
    shop.files.files["/hi.wfp"] = plugin("1.2.0")
    assert shop.install("npm:@acme/hi@^1").code == 0
    assert shop.install("github:acme/hi@v1.1.0").code == 0
    assert shop.install(f"{shop.files.url}/hi.wfp#sha256={sha256(plugin('1.2.0'))}").code == 0
    assert [one[1:] for one in shop.installed()] == [
        ("1.2.0", "current"), ("1.1.0", "kept"), ("1.0.0", "kept"),
    ]  # fmt: skip


def test_a_tarball_that_is_not_what_npm_says(shop, plugin):
    shop.npm.add("@acme/hi", "1.0.0", {"hi.wfp": plugin()})
    (path,) = shop.npm.tarballs
    shop.npm.tarballs[path] = tarball({"hi.wfp": plugin(source="export const greet = () => 'stolen'")})
    shop.expect_refused("npm:@acme/hi", "npm:@acme/hi@1.0.0", "sha512")


@pytest.mark.parametrize("integrity", ["", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha512-nonsense"])
def test_a_tarball_without_a_strong_digest(shop, plugin, integrity):
    shop.npm.add("@acme/hi", "1.0.0", {"hi.wfp": plugin()}, integrity=integrity)
    shop.expect_refused("npm:@acme/hi", "npm:@acme/hi@1.0.0", "sha512")


@pytest.mark.parametrize(
    ("files", "why"),
    [({}, "carries 0 .wfp files"), ({"a.wfp": b"1", "b.wfp": b"2"}, "carries 2 .wfp files")],
)
def test_a_carrier_with_none_or_two(shop, plugin, files, why):
    shop.npm.add("@acme/hi", "1.0.0", files)
    shop.expect_refused("npm:@acme/hi", "npm:@acme/hi@1.0.0", why)
    shop.github.archive("v1.0.0", files)
    shop.expect_refused("github:acme/hi@v1.0.0", "github:acme/hi@v1.0.0", why)


def test_a_tarball_that_is_a_bomb(shop, plugin):
    bomb = gzip.compress(bytes(300 * 2**20), 9)
    assert len(bomb) < 2**20
    shop.npm.tarballs.clear()
    shop.npm.add("@acme/hi", "1.0.0", {})
    (path,) = shop.npm.tarballs
    put(shop, path, bomb)
    shop.expect_refused("npm:@acme/hi", "npm:@acme/hi@1.0.0", "unpacks to more than")


def test_a_tarball_with_a_link(shop, plugin):
    """A link named like a package is no file, and leads nowhere."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("package/hi.wfp")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    shop.npm.add("@acme/hi", "1.0.0", {})
    (path,) = shop.npm.tarballs
    put(shop, path, gzip.compress(made.getvalue()))
    shop.expect_refused("npm:@acme/hi", "npm:@acme/hi@1.0.0", "carries 0 .wfp files")


@pytest.mark.parametrize("kind", ["extended", "backwards", "many", "cut"])
def test_a_tarball_that_takes_its_reader_hours(shop, plugin, kind):
    """Each is a few kilobytes as it is sent; the library's reader never comes back from some."""
    extended = tarfile.TarInfo("x")
    extended.type, extended.size = tarfile.XHDTYPE, 200_000
    header = tarfile.TarInfo("package/x").tobuf(tarfile.USTAR_FORMAT)
    content, why = {
        "extended": (extended.tobuf(tarfile.USTAR_FORMAT) + b"1" * 200_192, "carries 0 .wfp files"),
        "backwards": (sized(header, -512), "ends where there is nothing"),
        "many": (header * 20_001, "more than 20000 files"),
        "cut": (sized(header, 10_000), "ends where there is nothing"),
    }[kind]
    shop.npm.add("@acme/hi", "1.0.0", {})
    (path,) = shop.npm.tarballs
    put(shop, path, gzip.compress(content + bytes(1024)))
    begun = time.monotonic()
    shop.expect_refused("npm:@acme/hi", "npm:@acme/hi@1.0.0", why)
    assert time.monotonic() - begun < 10


def sized(header, size):
    """A header of tar with another size, in the form that can also be negative."""
    made = bytearray(header)
    made[124:136] = (b"\xff" if size < 0 else b"\x80") + (size % 256**11).to_bytes(11, "big")
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


def test_a_zip_archive_with_a_list_without_end(shop, plugin):
    content = bytearray(zipped({"a": b""}))
    at = content.index(b"PK\x01\x02")
    listed = bytes(content[at:-22]) * 20_001
    content[-10:-6] = struct.pack("<I", len(listed))
    shop.github.zips["v1.0.0"] = bytes(content[:at]) + listed + bytes(content[-22:])
    shop.expect_refused("github:acme/hi@v1.0.0", "github:acme/hi@v1.0.0", "more than 20000 files")


def test_a_release_whose_signature_is_no_text(shop, plugin):
    shop.github.release("v1.0.0", {"hi.wfp": plugin(), "hi.wfp.minisig": b"\xff\xfe"})
    shop.expect_refused("github:acme/hi@v1.0.0", "no minisign file")


def put(shop, path, content):
    """Other content for a tarball, as an evil publisher has it: npm's digest is right."""
    import base64
    import hashlib

    shop.npm.tarballs[path] = content
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    shop.npm.documents["@acme/hi"]["versions"]["1.0.0"]["dist"]["integrity"] = f"sha512-{digest}"


def test_npm_answers_with_another_package(shop, plugin):
    shop.npm.add("@evil/hi", "1.0.0", {"hi.wfp": plugin()})
    shop.npm.documents["@acme/hi"] = shop.npm.documents["@evil/hi"]
    shop.expect_refused("npm:@acme/hi", "another package than @acme/hi")


def test_a_release_whose_asset_has_changed(shop, plugin):
    """GitHub tells a digest of each asset."""
    shop.github.release("v1.0.0", {"hi.wfp": plugin()})
    shop.github.assets["1"] = plugin(source="export const greet = () => 'stolen'")
    shop.expect_refused("github:acme/hi@v1.0.0", "github:acme/hi@v1.0.0", "its sha256 is")


def test_a_tag_that_was_moved(shop, plugin):
    """The tag gives other content under the same version: what is installed stays."""
    shop.github.release("v1.0.0", {"hi.wfp": plugin()})
    shop.install("github:acme/hi@v1.0.0")
    shop.github.releases.clear()
    shop.github.release("v1.0.0", {"hi.wfp": plugin(source="export const greet = () => 'other'")})
    outcome = shop.install("github:acme/hi@v1.0.0")
    assert (outcome.code, "community/hi 1.0.0 is installed with other content" in outcome.err) == (5, True)
    assert shop.refusals()[-1][0] == "community/hi 1.0.0"


def test_an_asset_that_lies_elsewhere(shop, plugin):
    shop.github.release("v1.0.0", {"hi.wfp": plugin()})
    shop.github.releases[0]["assets"][0]["url"] = f"{shop.files.url}/hi.wfp"
    shop.expect_refused("github:acme/hi@v1.0.0", "asset at")


def test_a_zip_that_is_none(shop, plugin):
    shop.github.archive("v1.0.0", {})
    shop.github.zips["v1.0.0"] = zipped({"a/hi.wfp": plugin()})[:-30]
    shop.expect_refused("github:acme/hi@v1.0.0", "github:acme/hi@v1.0.0", "no sound zip")


def test_an_address_with_another_content(shop, plugin):
    shop.files.files["/hi.wfp"] = plugin()
    shop.expect_refused(f"{shop.files.url}/hi.wfp#sha256={'0' * 64}", "/hi.wfp", "its sha256 is")


def test_an_address_without_a_digest(shop):
    outcome = shop.install(f"{shop.files.url}/hi.wfp")
    assert (outcome.code, "without the digest" in outcome.err) == (2, True)
    assert shop.files.requests == []


def test_a_reference_with_a_digest_is_that_digest(shop, plugin):
    shop.main.add(plugin())
    assert shop.install(f"community/hi#sha256={sha256(plugin())}").code == 0
    shop.expect_refused(f"community/hi@1.0.0#sha256={'0' * 64}", "community/hi 1.0.0", "as it was asked for")


def lock(shop):
    assert shop.run("plugin", "lock").code == 0
    return shop.path / "plugins.lock"


def test_a_lock_gives_the_same_again(shop, plugin, tmp_path):
    shop.main.add(plugin(), plugin("1.1.0", permissions="{kv: true, env: [HOME]}"))
    shop.github.release("v2.0.0", {"hi.wfp": plugin("2.0.0", name="acme/two")})
    (shop.path / "three.wfp").write_bytes(plugin("3.0.0", name="acme/three"))
    assert shop.install("community/hi@1.0.0").code == 0
    assert shop.install("community/hi", "--grant").code == 0
    assert shop.install("github:acme/hi").code == 0
    assert shop.install("three.wfp").code == 0
    file = lock(shop)
    rows = shop.installed()
    assert ("community/hi", "1.0.0", "kept") in rows
    (shop.path / "data").rename(shop.path / "former")
    shop.main.add(plugin("1.2.0"))
    done = shop.run("plugin", "install", "--locked")
    assert done.code == 0, done.err
    assert shop.installed() == rows
    text = file.read_text()
    lock(shop)
    kept = [line for line in text.splitlines() if "installed_at" not in line]
    assert [line for line in file.read_text().splitlines() if "installed_at" not in line] == kept
    assert "by: local:" in text


def test_a_lock_whose_package_has_changed(shop, plugin):
    """Nothing is installed unless everything is as it was."""
    shop.main.add(plugin(), plugin(name="acme/first"))
    shop.install("community/hi")
    shop.install("acme/first")
    lock(shop)
    for name in ("community/hi", "acme/first"):
        shop.run("plugin", "remove", name)
    path = next(path for path in shop.main.files if sha256(plugin()) in path)
    shop.main.files[path] = plugin(source="export const greet = () => 'stolen'")
    outcome = shop.run("plugin", "install", "--locked")
    assert (outcome.code, "community/hi 1.0.0" in outcome.err, "its sha256 is" in outcome.err) == (
        7,
        True,
        True,
    )
    assert shop.installed() == []


def test_a_file_of_a_lock_that_has_changed(shop, plugin):
    (shop.path / "hi.wfp").write_bytes(plugin())
    shop.install("hi.wfp")
    lock(shop)
    shop.run("plugin", "remove", "community/hi")
    (shop.path / "hi.wfp").write_bytes(plugin(source="export const greet = () => 'stolen'"))
    outcome = shop.run("plugin", "install", "--locked")
    assert (outcome.code, "is not what the lock says" in outcome.err) == (7, True)


def test_what_is_not_in_the_lock_is_said(shop, plugin):
    shop.main.add(plugin(), plugin(name="acme/first"))
    shop.install("community/hi")
    lock(shop)
    shop.install("acme/first")
    outcome = shop.run("plugin", "install", "--locked")
    assert (outcome.code, "acme/first" in outcome.err) == (5, True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "plugins.lock:1:1"),
        ("[]", "plugins.lock:1:1"),
        ("lock: 2\npackages: []\n", "plugins.lock:1:7: lock"),
        ("lock: 1\npackages:\n- {name: a}\n", "plugins.lock:3:"),
        ("lock: 1\npackages: []\nmore: 1\n", "plugins.lock:3:1: more"),
        ("lock: 1\npackages: [{\n", "plugins.lock:"),
    ],
)
def test_a_lock_that_is_not_right(shop, text, place):
    (shop.path / "plugins.lock").write_text(text)
    outcome = shop.run("plugin", "install", "--locked")
    assert (outcome.code, place in outcome.err) == (7, True), outcome.err


def test_a_lock_that_is_not_there_and_options_that_do_not_fit(shop):
    assert shop.run("plugin", "install", "--locked").code == 4
    assert shop.run("plugin", "install", "--locked", "--grant").code == 2
    assert shop.run("plugin", "install").code == 2
