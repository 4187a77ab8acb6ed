"""Registries on this machine: an index of static files, npm, GitHub's REST API and plain files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from dataclasses import dataclass, field, replace

from tests.plugins.servers.web import Answer, Server
from wfcore.packages import index, minisign, trust
from wfcore.packages.archive import read_archive
from wfcore.plugins.registry import Revocation

DAY = 86_400_000_000


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def package_signature(key, content):
    """The signature of a publisher for an archive."""
    return trust.sign(key, read_archive(content), content, 1_700_000_000)


class Quiet(Server):
    """Clients that have heard enough are no news."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Files(Quiet):
    """Files by path."""

    def __init__(self, files=None):
        super().__init__()
        self.files = dict(files or {})

    def answer(self, request):
        content = self.files.get(request.path)
        if content is None:
            return Answer(404, "there is nothing")
        tag = f'"{sha256(content)[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Answer(304, None, {"ETag": tag})
        return Answer(200, content, {"Content-Type": "application/octet-stream", "ETag": tag})


@dataclass
class Edition:
    """What an index says, to be changed by a test before it is written."""

    name: str = "main"
    serial: int = 1
    created: int = 0
    expires: int = 0
    releases: dict = field(default_factory=dict)
    revoked: list = field(default_factory=list)


class Index(Files):
    """An index of static files; ``add`` and ``write`` make new editions of it."""

    def __init__(self, name="main", now=1_767_225_600_000_000):
        super().__init__()
        self.key = minisign.generate()
        self.said = Edition(name, 0, now, now + 30 * DAY)

    @property
    def config(self):
        """As ``registries.http.indexes`` has it."""
        return {"name": self.said.name, "url": self.url, "keys": [str(self.key.public())]}

    def add(self, *archives, signed_by=None, changelog="", write=True):
        """Publish archives."""
        for content in archives:
            archive = read_archive(content)
            manifest = archive.manifest
            signature = package_signature(signed_by, content) if signed_by else ""
            release = index.Release(
                manifest.version, archive.digest, len(content), "2026-01-01T00:00:00+00:00",
                manifest.permissions.to_dict(), signature, changelog,
            )  # fmt: skip
            self.said.releases.setdefault(manifest.name, []).append(release)
            self.files[f"/{index.archive_path(archive.digest)}"] = content
        if write:
            self.write()
        return self

    def change(self, name, version, /, **values):
        """Another text for a version."""
        listed = self.said.releases[name]
        self.said.releases[name] = [
            replace(one, **values) if one.version == version else one for one in listed
        ]
        self.write()

    def revoke(self, content, reason="it steals"):
        archive = read_archive(content)
        self.said.revoked.append(
            Revocation(archive.digest, archive.manifest.name, archive.manifest.version, reason)
        )
        self.write()

    def write(self, key=None, serial=None):
        """The next edition, or one with the serial that is given."""
        self.said.serial = self.said.serial + 1 if serial is None else serial
        packages = {}
        for name, releases in self.said.releases.items():
            document = index.write_document(name, releases)
            self.files[f"/{index.document_path(sha256(document))}"] = document
            packages[name] = index.Listed(name, sha256(document), releases[-1].version, "Says hello.")
        top = index.Top(
            self.said.name, self.said.serial, self.said.created, self.said.expires, packages,
            tuple(self.said.revoked),
        )  # fmt: skip
        self.files[f"/{index.TOP}"] = index.write_top(top, key or self.key)


class Npm(Quiet):
    """npm's registry: documents, and tarballs made as ``npm pack`` makes them."""

    def __init__(self):
        super().__init__()
        self.documents = {}
        self.tarballs = {}

    def add(self, name, version, files, integrity=None):
        """Publish a package with these files."""
        content = tarball(files)
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.tarballs[path] = content
        sri = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        document = self.documents.setdefault(name, {"name": name, "dist-tags": {}, "versions": {}})
        dist = {"tarball": f"{self.url}{path}", "integrity": sri if integrity is None else integrity}
        document["versions"][version] = {"name": name, "version": version, "dist": dist}
        document["dist-tags"]["latest"] = version
        return self

    def answer(self, request):
        if request.path in self.tarballs:
            return Answer(200, self.tarballs[request.path], {"Content-Type": "application/octet-stream"})
        document = self.documents.get(request.path[1:].replace("%2F", "/").replace("%2f", "/"))
        return Answer(404, {"error": "Not found"}) if document is None else Answer(200, document)


class Github(Quiet):
    """GitHub's REST API: releases by tag, their assets, and archives of repositories."""

    def __init__(self, repository="acme/hi"):
        super().__init__()
        self.repository = repository
        self.releases = []
        self.assets = {}
        self.zips = {}

    def release(self, tag, files, body="", **more):
        """A release with assets."""
        listed = []
        for name, content in files.items():
            number = len(self.assets) + 1
            self.assets[str(number)] = content
            listed.append(
                {
                    "name": name, "size": len(content), "digest": f"sha256:{sha256(content)}",
                    "url": f"{self.url}/repos/{self.repository}/releases/assets/{number}",
                }
            )  # fmt: skip
        self.releases.insert(0, {"tag_name": tag, "draft": False, "body": body, "assets": listed, **more})
        return self

    def archive(self, ref, files):
        """The repository as a branch or tag has it."""
        self.zips[ref] = zipped({f"acme-hi-1a2b3c4/{name}": content for name, content in files.items()})
        return self

    def answer(self, request):
        start = f"/repos/{self.repository}"
        if request.path == f"{start}/releases":
            return Answer(200, self.releases)
        kind, _, rest = request.path.removeprefix(f"{start}/").partition("/")
        if kind == "releases" and rest.startswith("tags/"):
            found = [one for one in self.releases if one["tag_name"] == rest.removeprefix("tags/")]
            return Answer(200, found[0]) if found else Answer(404, {"message": "Not Found"})
        if kind == "releases" and (content := self.assets.get(rest.removeprefix("assets/"))) is not None:
            if request.headers.get("accept") != "application/octet-stream":
                return Answer(200, {"name": "a description of the asset"})
            return Answer(200, content, {"Content-Type": "application/octet-stream"})
        if kind == "zipball" and rest in self.zips:
            return Answer(200, self.zips[rest], {"Content-Type": "application/zip"})
        return Answer(404, {"message": "Not Found"})


def tarball(files):
    """A gzip of a tar with everything below ``package/``."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in {"package.json": b"{}", **files}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(made.getvalue(), mtime=0)


def zipped(files):
    """A zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()
