"""``workflow server``: this machine's server."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Answer, Line, Styled
from wfcore.cli.session import Session
from wfcore.errors import Conflict, Forbidden, Unavailable, Unreachable, WorkflowError

if TYPE_CHECKING:
    import subprocess

    from wfcore.config import Config
    from wfcore.service.copies import Inventory

#: Seconds that a server may take to be ready.
_READY = 10.0
#: Seconds beyond ``server.stopGrace`` that a server may take to be gone.
_GONE = 10.0
_LOOK = 0.02


def start(
    session: Session,
    *,
    detach: bool = False,
    host: str | None = None,
    port: int | None = None,
    role: str | None = None,
) -> Answer | int:
    """Start the server, in the foreground unless --detach.

    It stops on Ctrl-C or SIGTERM, after what runs has ended or server.stopGrace is over; a second
    signal ends it at once.

    Args:
        detach: Return when the server is ready; it goes on in the background and logs to server.log.
        host (ADDRESS): The address to listen on, instead of server.host.
        port (NUMBER): The port to listen on, instead of server.port; 0 takes a free one.
        role (ROLE): What it does among several servers, instead of server.role: all, api or worker.
    """
    given = {"server.host": host, "server.port": None if port is None else str(port), "server.role": role}
    config = session.configured({key: value for key, value in given.items() if value is not None})
    if detach:
        return _detached(
            session, config, [f"--{key[7:]}={value}" for key, value in given.items() if value is not None]
        )
    from wfcore.service.serve import serve

    return serve(config)


def stop(session: Session) -> Answer:
    """Stop the server and wait until it is gone.

    With --server or WORKFLOW_SERVER that server is asked; else the one on this machine's data directory.
    """
    if session.server or os.environ.get("WORKFLOW_SERVER"):
        session.client.post("/api/v1/server/stop")
        return Answer({"stopping": session.client.address}, [f"stopping  {session.client.address}"])
    from wfcore.service.lock import read_lock

    config = session.config
    running = _await_pid(config)
    try:  # its process may be numbered otherwise here than where it runs, so it is asked itself first
        session.client.post("/api/v1/server/stop")
    except (Unreachable, Unavailable):
        _terminate(running)
    deadline = time.monotonic() + config["server"]["stopGrace"] + _GONE
    while (now := read_lock(config.data_dir)) is not None and now.pid == running:
        if time.monotonic() > deadline:
            raise Unavailable(f"the server (process {running}) is still stopping", remedy="look into its log")
        time.sleep(_LOOK)
    return Answer({"stopped": running}, [f"stopped  process {running}"])


def status(session: Session) -> Answer:
    """Show how the server is; the exit code is 6 when none answers."""
    from wfcore.cli.text import moment

    found = session.client.get("/api/v1/server")
    counts = ", ".join(f"{count} {state}" for state, count in found["executions"].items() if count) or "none"
    rows = [
        ("server", f"{found['address']}, version {found['version']}, process {found['pid']}"),
        ("storage", found["storage"]),
        ("executions", counts),
        ("tasks", f"{found['running_tasks']} running"),
    ]
    lines: list[Line] = [[Styled(f"{name:12}", "dim"), value] for name, value in rows]
    for node in found["nodes"]:
        mine = " (this one)" if node["node"] == found["node"] else ""
        about = f"{node['address']}, role {node['role']}, version {node['version']}"
        text = f"{about}, last heard of {moment(node['heartbeat_at'])}{mine}"
        lines.append([Styled(f"{'node':12}", "dim"), text])
        if node["differs"]:
            lines.append([Styled(f"{'':12}its settings differ: {', '.join(node['differs'])}", "red")])
    for driver, fault in found["health"].items():
        if fault:
            lines.append([Styled(f"{'unwell':12}", "red"), f"{driver}: {fault}"])
    return Answer(found, lines)


def backup(session: Session, path: str) -> Answer:
    """Copy everything into a new directory, also while the server runs.

    The directory gets the database, the content that is kept in files, app.sqlite and the administrator's
    token, checked and synced to disk. Keep it as secret as the data directory.

    Args:
        path (PATH): The directory to make; nothing may be there.
    """
    from wfcore.service import copies

    place = Path(path).absolute()
    copies.backup(session.config, place)
    return Answer({"backup": str(place)}, [f"backed up  {place}"])


def restore(session: Session, path: str, *, force: bool = False) -> Answer:
    """Put a backup in the place of what is there, wholly or not at all.

    The server must be stopped. What is interrupted is done when the server starts, or did not happen.

    Args:
        path (PATH): A directory that workflow server backup made.
        force: Also when there is data; it is kept beside the new.
    """
    from wfcore.service import copies

    config = session.config
    kept = copies.restore(config, Path(path), force=force)
    lines: list[Line] = [f"restored  {config['storage']['path']}"]
    if kept:
        lines.append(Styled(f"what was there is in {kept}", "dim"))
    return Answer({"restored": config["storage"]["path"], "kept": str(kept) if kept else None}, lines)


def migrate(session: Session, *, check: bool = False, to: str | None = None) -> Answer | int:
    """Bring the schema up to date, or move everything to another database.

    With --to, the other database must be empty, and gets everything or nothing; what arrived is compared
    with what was sent. The present one stays as it is. The server must be stopped. With --check nothing is
    changed at either place, and the exit code is 10 when there would be something to do.

    Args:
        check: Only say what would be done.
        to (PLACE): The URL of a PostgreSQL database, as postgres://USER@HOST/DATABASE, or a SQLite file.
    """
    from wfcore.service import copies

    config = session.config
    if to is None:
        names = copies.migrate(config, check=check)
        word = "pending" if check else "applied"
        lines = [f"{word}  {name}" for name in names] or ["the schema is up to date"]
        session.out.answer(Answer({word: names}, lines))
        return 10 if check and names else 0
    if check:
        session.out.answer(_inventory(copies.survey(config, to), "to move"))
        return 10
    found = copies.move(config, to)
    answer, lines = _inventory(found, "moved"), ["name the new place in `storage`, then start the server"]
    if files := copies.left_behind(config, to, found):
        needed, place = " and ".join(map(str, files)), copies.elsewhere(config, to).data_dir
        lines.insert(0, f"copy {needed} to {place}: the tokens of webhooks and the secrets need them")
    return Answer(answer.data, [*answer.lines, *lines])


def _inventory(found: Inventory, word: str) -> Answer:
    counts = {table: count for table, count in found.counts.items() if count}
    lines: list[Line] = [f"{word}  {count} {table}" for table, count in counts.items()]
    return Answer({"counts": dict(found.counts), "digest": found.digest}, lines or [f"{word}  nothing"])


def _detached(session: Session, config: Config, options: list[str]) -> Answer:
    import subprocess
    import sys

    from wfcore.service.lock import prepare, read_lock
    from wfcore.service.private import keep_private

    keep_private()  # the server must be able to open what is made here, whatever the shell's umask
    if (other := read_lock(config.data_dir)) is not None:
        where = f" at {other.address}" if other.address else ""
        raise Conflict(
            f"a server (process {other.pid}) already runs{where} on the data directory {config.data_dir}",
            remedy="stop it with `workflow server stop`",
        )
    log = config.data_dir / "server.log"
    if session.config_file:
        options = [*options, f"--config={session.config_file.absolute()}"]
    handle = prepare(config.data_dir, log.name, os.O_WRONLY | os.O_APPEND)
    before = os.fstat(handle).st_size
    child = subprocess.Popen(  # noqa: S603  (our own interpreter and program)
        [sys.executable, "-m", "wfcore", "server", "start", "--json", *options],
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=handle,
        start_new_session=True,
    )
    os.close(handle)
    address = _await_ready(child, config, log, before)
    data = {"address": address, "pid": child.pid, "log": str(log)}
    return Answer(data, [f"ready  {address}  process {child.pid}, log {log}"])


def _await_ready(child: subprocess.Popen[bytes], config: Config, log: Path, before: int) -> str:
    from wfcore.service.lock import read_lock

    deadline = time.monotonic() + _READY
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _reason(log, before)
        running = read_lock(config.data_dir)
        if running is not None and running.pid == child.pid and running.address:
            return running.address
        time.sleep(_LOOK)
    child.terminate()
    raise Unavailable(f"the server was not ready within {_READY:.0f} s and was stopped", remedy=f"see {log}")


def _reason(log: Path, before: int) -> WorkflowError:
    """Why the server ended, as it said itself: its last line is the error as JSON."""
    import json

    from wfcore.cli.client import error_of

    with log.open("rb") as file:
        file.seek(before)
        lines = file.read().decode("utf-8", "replace").splitlines() or ["it said nothing"]
    try:
        told: dict[str, Any] = json.loads(lines[-1])["error"]
        return error_of(told)
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"the server did not start: {lines[-1]}", remedy=f"see {log}")


def _await_pid(config: Config) -> int:
    """The process of the server; one that has only just begun gets a moment to write it down."""
    from wfcore.service.lock import read_lock

    deadline = time.monotonic() + 1.0
    while (running := read_lock(config.data_dir)) is not None:
        if running.pid:
            return running.pid
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK)
    raise Unreachable(
        f"no server is running on the data directory {config.data_dir}",
        remedy="nothing is to be done, or name its data directory by --config",
    )


def _terminate(pid: int) -> None:
    import signal

    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise Forbidden(
            f"the server (process {pid}) is another user's", remedy="stop it as that user"
        ) from error
