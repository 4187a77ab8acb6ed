"""``wfregistry serve|token|revoke|export|key``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from wfcore.errors import WorkflowError
from wfregistry import __version__
from wfregistry.catalogue import Settings
from wfregistry.server import Parts, Place, opened, serve
from wfregistry.static import export


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit codes are those of ``workflow``."""
    given = _parser().parse_args(argv)
    settings = Settings(given.name, given.validity * 86_400)
    place = Place(given.data, given.database, settings)
    try:
        if given.command == "serve":
            return serve(place, given.host, given.port, given.threads, given.max_size << 20)
        with opened(place) as parts:
            _COMMANDS[given.command](parts, given)
    except WorkflowError as error:
        print(f"wfregistry: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"  hint: {error.remedy}", file=sys.stderr)
        return error.exit_code
    return 0


def _token(parts: Parts, given: argparse.Namespace) -> None:
    if given.act == "create":
        print(parts.tokens.create(given.id, given.scope, given.days, given.key))
    elif given.act == "revoke":
        parts.tokens.revoke(given.id)
        print(f"revoked  {given.id}")
    else:
        for one in parts.tokens.list():
            print(one["id"], one["state"], ",".join(one["scopes"]), one["key"], sep="  ")


def _revoke(parts: Parts, given: argparse.Namespace) -> None:
    digest = parts.catalogue.revoke(given.package, given.version, given.reason)
    print(f"revoked  {given.package} {given.version}  {digest}")


def _export(parts: Parts, given: argparse.Namespace) -> None:
    new = export(parts.catalogue, parts.key.public(), given.name, given.target)
    print(f"{given.target}  {new} new files")


def _key(parts: Parts, _given: argparse.Namespace) -> None:
    print(parts.key.public())


_COMMANDS: dict[str, Callable[[Parts, argparse.Namespace], None]] = {
    "token": _token,
    "revoke": _revoke,
    "export": _export,
    "key": _key,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "wfregistry", description="A registry of plugin packages.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--data", type=Path, default=Path("registry-data"), help="the directory of the registry"
    )
    parser.add_argument(
        "--database", default="", metavar="URL", help="a PostgreSQL database, instead of a file in --data"
    )
    parser.add_argument("--name", default="main", help="the name of the index, which clients ask for")
    parser.add_argument(
        "--validity", type=_days, default=7, metavar="DAYS", help="how long an edition of the index is valid"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve", help="serve until a signal comes")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument("--port", type=int, default=7234)
    server.add_argument("--threads", type=int, default=8)
    server.add_argument("--max-size", type=int, default=16, metavar="MIB", help="the largest package")
    token = commands.add_parser("token", help="publishers' tokens").add_subparsers(dest="act", required=True)
    create = token.add_parser("create", help="make one, shown once")
    create.add_argument("id")
    create.add_argument(
        "--scope", action="append", required=True, help="a namespace, NAMESPACE/NAME or *; repeatable"
    )
    create.add_argument("--days", type=int, default=90)
    create.add_argument("--key", default="", help="the public key that must sign what is published with it")
    token.add_parser("list", help="show all, without what they are")
    token.add_parser("revoke", help="end one").add_argument("id")
    revoke = commands.add_parser("revoke", help="forbid a version for ever, wherever it is installed")
    for name in ("package", "version", "reason"):
        revoke.add_argument(name)
    commands.add_parser("export", help="write the index as static files").add_argument("target", type=Path)
    commands.add_parser("key", help="show the public key of the index")
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 365:
        raise argparse.ArgumentTypeError("1 to 365 days")
    return days


if __name__ == "__main__":
    sys.exit(main())
