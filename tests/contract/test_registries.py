"""The built-in registries against the contract suite, each with a server that behaves as the real one."""

import contextlib

import pytest

from tests.registries import Files, Github, Index, Npm, package_signature
from wfcore.api import Forbidden, InvalidPackage, NotFound, minisign
from wfcore.egress.guard import Guard
from wfcore.packages.archive import write_archive
from wfcore_plugins.registries.folder import FolderRegistry
from wfcore_plugins.registries.github import GithubRegistry
from wfcore_plugins.registries.http import HttpRegistry
from wfcore_plugins.registries.npm import NpmRegistry
from wfcore_plugins.registries.pip import PipRegistry
from wfcore_plugins.registries.url import UrlRegistry
from wfsdk.contexts import context as bare
from wfsdk.contracts.driver import DriverContract
from wfsdk.contracts.registries import RegistryContract

MANIFEST = b"plugin: 1\nname: acme/hi\nversion: 1.2.0\nactions: {greet: {}}\n"
CONTENT = write_archive({"plugin.yaml": MANIFEST, "plugin.wasm": b"\0asm\1\0\0\0"})
SIGNATURE = package_signature(minisign.generate(), CONTENT)


def context(name, place, *servers):
    """A context whose guard lets these servers through."""
    from dataclasses import replace

    return replace(bare(name, place), egress=Guard([one.url for one in servers], default="none"))


class Served(RegistryContract):
    content = CONTENT
    signature = SIGNATURE

    @pytest.fixture(autouse=True)
    def serving(self):
        with self.serve() as self.server:
            self.fill(self.server)
            yield


class TestHttp(Served):
    target, wanted = "acme/hi", "^1.2"
    knows = ("name", "version", "digest")
    serve = Index

    def fill(self, server):
        server.add(CONTENT, write=False)
        server.change("acme/hi", "1.2.0", signature=SIGNATURE)
        server.revoke(write_archive({"plugin.yaml": MANIFEST, "plugin.wasm": b"\0asm\1\0\0\0\0"}))

    def make(self, tmp_path):
        config = {"indexes": [{**self.server.config, "namespaces": []}]}
        return HttpRegistry(config, context("http", tmp_path, self.server))


class TestNpm(Served):
    target, wanted = "@acme/hi", "latest"
    missing = "@acme/none"
    knows = ("version",)
    serve = Npm

    def fill(self, server):
        server.add("@acme/hi", "1.2.0", {"hi.wfp": CONTENT, "hi.wfp.minisig": SIGNATURE.encode()})

    def make(self, tmp_path):
        return NpmRegistry({"url": self.server.url}, context("npm", tmp_path, self.server))


class TestGithubRelease(Served):
    target, wanted = "acme/hi", "v1.2.0"
    knows = ("version", "digest")
    serve = Github

    def fill(self, server):
        files = {"hi.wfp": CONTENT, "hi.wfp.minisig": SIGNATURE.encode(), "notes.txt": b"x"}
        server.release("v1.2.0", files)

    def make(self, tmp_path):
        return GithubRegistry({"api": self.server.url, "token": ""}, context("github", tmp_path, self.server))


class TestGithubRepository(TestGithubRelease):
    wanted = "nightly"
    knows = ()

    def fill(self, server):
        server.archive("nightly", {"dist/hi.wfp": CONTENT, "dist/hi.wfp.minisig": SIGNATURE.encode()})


class TestUrl(Served):
    serve = Files

    @property
    def target(self):
        return f"{self.server.url}/hi.wfp"

    @property
    def missing(self):
        return f"{self.server.url}/none.wfp"

    def fill(self, server):
        server.files = {"/hi.wfp": CONTENT, "/hi.wfp.minisig": SIGNATURE.encode()}

    def make(self, tmp_path):
        return UrlRegistry({}, context("url", tmp_path, self.server))


class TestFile(RegistryContract):
    content, signature = CONTENT, SIGNATURE

    @pytest.fixture(autouse=True)
    def here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    target = "hi.wfp"

    def make(self, tmp_path):
        (tmp_path / "hi.wfp").write_bytes(CONTENT)
        (tmp_path / "hi.wfp.minisig").write_text(SIGNATURE)
        return FolderRegistry({}, bare("folder", tmp_path))


class TestPip(DriverContract):
    def make(self, tmp_path):
        return PipRegistry({}, bare("pip", tmp_path))

    def test_it_only_says_the_command(self, driver):
        (candidate,) = driver.candidates("acme-workflow", "1.2")
        assert candidate.command[1:] == ("-m", "pip", "install", "acme-workflow==1.2")
        with pytest.raises(Exception, match="native code"):
            driver.fetch(candidate)

    @pytest.mark.parametrize("target", ["", "-r x", "a;b", "a b", "--index-url=x", "a\n"])
    def test_what_is_no_package_is_no_command(self, driver, target):
        with pytest.raises(Exception, match="no package of PyPI"):
            driver.candidates(target)


NONSENSE = [None, [], {}, "x", 1, [[]], [None], {"versions": 1}, {"versions": {"1.0.0": []}}, {"assets": 1}]


@pytest.mark.parametrize("answer", NONSENSE, ids=str)
def test_nonsense_of_a_registry_is_refused(tmp_path, answer):
    """Whatever JSON npm or GitHub answer: a clear error, or nothing that could be fetched."""
    with Npm() as npm, Github() as github:
        npm.documents["hi"] = {"name": "hi", **answer} if isinstance(answer, dict) else answer
        github.releases = answer
        registries = (
            (NpmRegistry({"url": npm.url}, context("npm", tmp_path, npm)), "hi"),
            (
                GithubRegistry({"api": github.url, "token": ""}, context("github", tmp_path, github)),
                "acme/hi",
            ),
        )
        for registry, target in registries:
            with contextlib.suppress(InvalidPackage, NotFound):
                for candidate in registry.candidates(target):
                    with pytest.raises((InvalidPackage, NotFound, Forbidden)):
                        registry.fetch(candidate)
