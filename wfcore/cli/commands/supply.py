"""``workflow plugin install|update|search|lock``: packages from where they are to where they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Answer, Line, Styled, table
from wfcore.cli.session import Session

if TYPE_CHECKING:
    from wfcore.cli.packages import Keeper
    from wfcore.packages.lock import Locked
    from wfcore.packages.reference import Reference


def install(
    session: Session,
    source: str | None = None,
    *,
    grant: bool = False,
    secret: list[str] | None = None,
    locked: bool = False,
) -> Answer:
    """Install a plugin package and say what it may do.

    What it asks for has to be granted: on a terminal you are asked, elsewhere --grant says yes. An update
    that asks for nothing new needs no grant. Workflows that are in use keep the version that they were
    applied with until they are applied again.

    A reference is NAMESPACE/NAME@RANGE, github:OWNER/REPO@TAG, npm:@SCOPE/PACKAGE@VERSION, pip:NAME, or a URL
    with #sha256=DIGEST; any may end in #sha256=DIGEST. With --locked everything in plugins.lock is installed,
    just as it stands there.

    Args:
        source (SOURCE): A reference such as community/slack@^1.2, a folder or a .wfp file.
        grant: Grant all permissions that the package asks for.
        secret (SLOT=NAME): The stored secret for one of its secrets; may be given several times.
        locked: Install exactly what a lock says; SOURCE is its file, plugins.lock if none is named.
    """
    from wfcore.cli.grants import pairs
    from wfcore.cli.packages import keeper
    from wfcore.errors import UsageError
    from wfcore.packages.reference import parse

    if locked:
        return _install_locked(session, source, refused=grant or bool(secret))
    if source is None:
        raise UsageError("no plugin is named", remedy="name one, or use --locked")
    asked, secrets = parse(source), pairs(secret or [])
    if asked.local:
        return _install_local(session, asked, secrets, grant=grant)
    with keeper(session) as packages:
        return _install_named(session, packages, source, secrets, grant=grant)


def update(
    session: Session, name: str | None = None, *, all: bool = False, check: bool = False, grant: bool = False
) -> Answer:
    """Update installed packages from where they came, and say what is new.

    Shows the changelog, and what a version asks for that the one before did not; that has to be granted.
    With --check nothing is changed, and the exit code is 10 when there is something newer.

    Args:
        name (NAME): The package, such as community/slack.
        all: All packages.
        check: Only say what could be updated.
        grant: Grant what the new versions ask for.
    """
    from wfcore.cli.packages import keeper, name_of
    from wfcore.errors import UsageError

    if not (name or all or check) or (name and all):
        raise UsageError("either name a package or say --all", remedy="`--check` shows what is newer")
    if name:
        name_of(name)
    with keeper(session) as packages:
        rows = packages.updates(name)
        if check:
            columns = [(one["name"], one["installed"], one["version"], one["source"]) for one in rows]
            lines = table(("PACKAGE", "INSTALLED", "NEWER", "SOURCE"), columns) if rows else _CURRENT
            return Answer({"updates": rows}, lines, code=10 if rows else 0)
        looks = [packages.look(one["source"]) for one in rows]
        told: list[Line] = []
        done = [
            _updated(session, packages, row, look, told, grant=grant)
            for row, look in zip(rows, looks, strict=True)
        ]
    return Answer({"updated": done}, told or _CURRENT)


def search(session: Session, words: str = "") -> Answer:
    """Search the registries for packages.

    Args:
        words (WORDS): What the name or the description must have; without any, all packages are shown.
    """
    from wfcore.cli.packages import keeper

    with keeper(session) as packages:
        found = packages.search(words)
    rows = [(one["name"], one["version"], one["registry"], one["description"]) for one in found]
    lines = table(("PACKAGE", "VERSION", "REGISTRY", "DESCRIPTION"), rows) if rows else ["nothing is found"]
    return Answer({"packages": found}, lines)


def lock(session: Session, *, output: str = "plugins.lock") -> Answer:
    """Write what is installed into a lock, from which it can be installed again.

    Args:
        output (FILE): Where the lock is written.
    """
    from wfcore.cli.packages import keeper
    from wfcore.cli.projects import written
    from wfcore.packages.lock import write

    with keeper(session) as packages:
        locked = [_locked(one) for one in packages.locked()]
    with written(output):
        Path(output).write_text(write(locked), encoding="utf-8")
    return Answer(
        {"file": output, "packages": [f"{one.name} {one.version}" for one in locked]},
        [f"{output}  {len(locked)} versions"],
    )


_CURRENT: list[Line] = ["everything is up to date"]


def _install_local(session: Session, asked: Reference, secrets: dict[str, str], *, grant: bool) -> Answer:
    from wfcore.cli.grants import granted, told
    from wfcore.cli.packages import keeper, local, user
    from wfcore.packages.archive import read_archive

    parcel = local(session, asked.target)
    manifest = read_archive(parcel.content).manifest
    wanted, words = manifest.permissions.to_dict(), manifest.permissions.words()
    source = str(Path(asked.target).expanduser().absolute())

    named, by = f"{manifest.name} {manifest.version}", user()
    with keeper(session) as packages:

        def once(given: dict[str, Any] | None) -> dict[str, Any]:
            return packages.install(
                parcel.content, given, secrets, signature=parcel.signature, source=source, by=by
            )

        done = granted(session, named, words, wanted, once, grant=grant)
    return Answer(done, told(done))


def _install_named(
    session: Session, packages: Keeper, source: str, secrets: dict[str, str], *, grant: bool
) -> Answer:
    from wfcore.cli.grants import told

    look = packages.look(source)
    if "command" in look:
        command = " ".join(look["command"])
        lines = [
            "this is native code, which workflow does not install; if you trust it, run:",
            f"  {command}",
        ]
        return Answer(look, lines)
    done = _taken(session, packages, look, secrets, look["permissions"], grant=grant)
    return Answer(done, told(done))


def _taken(
    session: Session,
    packages: Keeper,
    look: dict[str, Any],
    secrets: dict[str, str],
    words: list[str],
    *,
    grant: bool,
) -> dict[str, Any]:
    """Install what was looked at, and nothing else: by its digest."""
    from wfcore.cli.grants import granted
    from wfcore.cli.packages import user

    def once(given: dict[str, Any] | None) -> dict[str, Any]:
        return packages.install_from(look["source"], look["digest"], given, secrets, by=user())

    named = f"{look['name']} {look['version']}"
    return granted(session, named, words, look["grant"], once, grant=grant)


def _updated(
    session: Session,
    packages: Keeper,
    row: dict[str, Any],
    look: dict[str, Any],
    told: list[Line],
    *,
    grant: bool,
) -> dict[str, Any]:
    from wfcore.cli.grants import told as outcome

    lines: list[Line] = [[Styled(row["name"], "bold"), f" {row['installed']} -> {row['version']}"]]
    lines += [f"  {line}" for line in row["changelog"].splitlines()]
    lines += [[Styled(f"  + it {words}", "yellow")] for words in look["added"]]
    lines += [[Styled(f"  - it {words}", "green")] for words in look["dropped"]]
    if session.out.terminal and not session.out.json:
        for line in lines:
            session.out.line(line)
    else:
        told += lines
    done = _taken(session, packages, look, {}, look["added"], grant=grant)
    told += outcome(done)[:1]
    return {**done, "installed": row["installed"], "added": look["added"], "dropped": look["dropped"]}


def _install_locked(session: Session, source: str | None, *, refused: bool) -> Answer:
    from wfcore.cli.packages import keeper
    from wfcore.cli.sources import read as content
    from wfcore.errors import Conflict, UsageError
    from wfcore.packages.lock import FILE, read

    if refused:
        raise UsageError("the lock says the grants and the secrets", remedy="leave out --grant and --secret")
    file = source or FILE
    locked = read(content(file), file)
    with keeper(session) as packages:
        digests = {one.digest for one in locked}
        extra = [f"{one['name']} {one['version']}" for one in packages.list() if one["digest"] not in digests]
        if extra:
            raise Conflict(
                f"{', '.join(extra)}: installed, but not in {file}",
                remedy="remove it by `workflow plugin remove`, or write the lock anew",
            )
        contents = [_found(session, packages, one) for one in locked]
        done = [_put(packages, one, found) for one, found in zip(locked, contents, strict=True)]
    lines: list[Line] = [f"{one['result']}  {one['name']} {one['version']}" for one in done]
    return Answer({"packages": done}, lines)


def _found(session: Session, packages: Keeper, one: Locked) -> tuple[bytes, str] | None:
    """A locked package's archive if it is on this machine, None if the keeper gets it. Raises InvalidPackage.

    Everything is found before anything is installed.
    """
    import hashlib

    from wfcore.cli.packages import local
    from wfcore.errors import InvalidPackage
    from wfcore.packages.reference import parse

    if parse(one.source).local:
        parcel = local(session, one.source)
        digest = hashlib.sha256(parcel.content).hexdigest()
        if digest != one.digest:
            raise InvalidPackage(
                f"{one.name} {one.version}: {one.source} is not what the lock says: its sha256 is {digest},"
                f" not {one.digest}",
                remedy="write the lock anew if that is meant",
            )
        return parcel.content, parcel.signature
    look = packages.look(one.source, one.digest)
    if (look["key"] or "") != one.key:
        raise InvalidPackage(
            f"{one.name} {one.version} is signed by {look['key'] or 'nobody'},"
            f" but in the lock by {one.key or 'nobody'}",
            remedy="write the lock anew if that is meant",
        )
    return None


def _put(packages: Keeper, one: Locked, found: tuple[bytes, str] | None) -> dict[str, Any]:
    from wfcore.cli.packages import user

    grant, secrets, by = dict(one.granted), dict(one.secrets), user()
    if found is None:
        return packages.install_from(one.source, one.digest, grant, secrets, by=by)
    content, signature = found
    return packages.install(content, grant, secrets, signature=signature, source=one.source, by=by)


def _locked(row: dict[str, Any]) -> Locked:
    from wfcore.errors import Conflict
    from wfcore.packages.lock import Locked

    origin = row["origin"]
    if not origin.get("source"):
        raise Conflict(
            f"nobody knows where {row['name']} {row['version']} came from", remedy="install it once more"
        )
    return Locked(
        name=row["name"],
        version=row["version"],
        digest=row["digest"],
        source=origin["source"],
        granted=row["granted"],
        secrets=row["secrets"],
        signature=origin.get("signature", ""),
        key=origin.get("key", ""),
        installed_at=row["installed_at"],
        by=origin.get("by", ""),
        kept=not row["current"],
    )
