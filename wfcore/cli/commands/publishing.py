"""``workflow plugin keygen|publish|verify``: for those who make packages, and those who doubt them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Answer, Line, Styled
from wfcore.cli.session import Session

if TYPE_CHECKING:
    from wfcore.packages.archive import Archive
    from wfcore.packages.minisign import SecretKey


def keygen(_session: Session, file: str) -> Answer:
    """Make a key that signs packages: FILE, which is secret, and FILE.pub.

    The files are those of minisign, without a password.

    Args:
        file (FILE): Where the secret key is written.
    """
    from wfcore.errors import Conflict
    from wfcore.packages import minisign

    key, target = minisign.generate(), Path(file)
    beside = target.with_name(f"{target.name}.pub")
    for each in (target, beside):
        if each.exists():
            raise Conflict(f"{each} is there already", remedy="choose another name, or keep the key you have")
    _write(target, minisign.secret_text(key), 0o600)
    _write(beside, minisign.public_text(key.public()), 0o644)
    public = str(key.public())
    lines: list[Line] = [f"{file}  keep it secret", f"{beside}  {public}"]
    return Answer({"file": file, "public": public, "id": key.id}, lines)


def publish(
    session: Session,
    source: str = ".",
    *,
    registry: str = "",
    key: str | None = None,
    token_file: str | None = None,
    changelog: str = "",
) -> Answer:
    """Publish a package to a registry, signed if there is a key.

    The publisher's token is read from WORKFLOW_REGISTRY_TOKEN or from a file. A version that is published
    never changes: to correct it, publish another one.

    Args:
        source (SOURCE): A plugin's folder, which is built, or a .wfp file.
        registry (NAME): Which of registries.http.indexes; the first if none is named.
        key (FILE): The secret key to sign with; without one the .minisig beside the file goes along.
        token_file (FILE): A file with the publisher's token; - is standard input.
        changelog (TEXT): What is new in this version.
    """
    from wfcore.cli.packages import local, taking
    from wfcore.packages import trust
    from wfcore.packages.archive import read_archive
    from wfcore.plugins.contracts import Publication

    secret = _secret_key(key) if key else None
    token = _token(token_file)
    parcel = local(session, source)
    archive = read_archive(parcel.content)
    signature = trust.sign(secret, archive, parcel.content, _now()) if secret else parcel.signature
    with taking(session) as registries:
        done = registries.publish(Publication(parcel.content, token, signature, changelog), registry)
    manifest = archive.manifest
    data = {"name": manifest.name, "version": manifest.version, "digest": archive.digest, **done}
    lines: list[Line] = [
        [Styled("published", "green"), f"  {manifest.name} {manifest.version}  {archive.digest[:12]}"]
    ]
    return Answer(data, lines + ([] if signature else [[Styled("  it is not signed", "yellow")]]))


def yank(
    session: Session,
    package: str,
    *,
    reason: str = "",
    undo: bool = False,
    registry: str = "",
    token_file: str | None = None,
) -> Answer:
    """Take a published version back: only who names it still gets it.

    Args:
        package (NAME@VERSION): The version, such as community/slack@1.2.0.
        reason (TEXT): Why, for those who have it.
        undo: Offer it again.
        registry (NAME): Which of registries.http.indexes; the first if none is named.
        token_file (FILE): A file with the publisher's token; - is standard input.
    """
    from wfcore.cli.packages import taking
    from wfcore.errors import UsageError
    from wfcore.packages.reference import parse

    asked = parse(package)
    if asked.registry or not asked.wanted:
        raise UsageError(f"{package!r} is no version", remedy="write one like community/slack@1.2.0")
    if undo == bool(reason):
        raise UsageError("either give a --reason or --undo", remedy="say why the version is taken back")
    token = _token(token_file)
    with taking(session) as registries:
        done = dict(registries.yank(asked.target, asked.wanted, reason, token, registry))
    return Answer(done, [f"{done['result']}  {asked.target} {asked.wanted}"])


def verify(session: Session, source: str, *, key: str | None = None) -> Answer:
    """Check a package in every way that installing would, and install nothing.

    Args:
        source (SOURCE): What `workflow plugin install` takes.
        key (KEY): The public key that must have signed it: the line of base64, or the .pub file.
    """
    from wfcore.cli.packages import keeper
    from wfcore.errors import InvalidPackage
    from wfcore.packages.reference import parse

    asked = parse(source)
    if asked.local:
        data = _looked(session, asked.target, key)
    else:
        with keeper(session) as packages:
            data = packages.look(source)
        if key and data.get("key") != (wanted := _public(key)[0]):
            raise InvalidPackage(
                f"{data['name']} {data['version']} is not signed by the key {wanted} that is trusted here",
                remedy=f"add the key to plugins.keys.{str(data['name']).partition('/')[0]}",
            )
    signed = f"signed by {data['key']}" if data["key"] else "not signed by a trusted key"
    lines: list[Line] = [
        [Styled("sound", "green"), f"  {data['name']} {data['version']}"],
        f"  sha256={data['digest']}",
        f"  {signed}",
        *([Styled(f"  warning: {text}", "yellow")] for text in data["warnings"]),
        *(f"  it {words}" for words in data["permissions"]),
    ]
    return Answer(data, lines)


def _looked(session: Session, target: str, key: str | None) -> dict[str, Any]:
    from wfcore.cli.packages import local
    from wfcore.packages import trust
    from wfcore.packages.archive import read_archive

    parcel = local(session, target)
    archive = read_archive(parcel.content)
    if key:
        namespace = archive.manifest.name.partition("/")[0]
        believed = trust.of("require", {namespace: [_public(key)[1]]})
    else:
        section = session.config["plugins"]
        believed = trust.of(section["signatures"], section.get("keys", {}))
    signer, warnings = believed.judge(archive, parcel.content, parcel.signature, False)
    return {**_named(archive), "source": target, "key": signer or None, "warnings": warnings}


def _named(archive: Archive) -> dict[str, Any]:
    manifest = archive.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "digest": archive.digest,
        "permissions": manifest.permissions.words(),
    }


def _public(given: str) -> tuple[str, str]:
    """The id and the text of a public key, from the text or its file. Raises InvalidInput."""
    from wfcore.packages import minisign

    place = Path(given)
    text = place.read_text("utf-8", "replace") if len(given) < 256 and place.is_file() else given
    return minisign.public_key(text).id, text


def _secret_key(file: str) -> SecretKey:
    from wfcore.cli.sources import read
    from wfcore.packages import minisign

    return minisign.secret_key(read(file).decode("utf-8", "replace"))


def _token(file: str | None) -> str:
    from wfcore.cli.sources import read
    from wfcore.errors import Unauthorized

    token = read(file).decode("utf-8", "replace") if file else os.environ.get("WORKFLOW_REGISTRY_TOKEN", "")
    if not token.strip().isascii() or not token.strip().isprintable() or not token.strip():
        raise Unauthorized(
            "there is no publisher's token", remedy="set WORKFLOW_REGISTRY_TOKEN, or use --token-file"
        )
    return token.strip()


def _write(file: Path, text: str, mode: int) -> None:
    """Write a new file, with this mode from the beginning. Raises UsageError."""
    from wfcore.cli.projects import written

    with written(str(file)):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)


def _now() -> int:
    import time

    return int(time.time())
