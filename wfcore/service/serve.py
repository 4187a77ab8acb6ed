"""The server process: one lock, one application, waitress in front, and a stop that loses nothing."""

from __future__ import annotations

import gc
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from wfcore import __version__
from wfcore.config import Config
from wfcore.errors import Conflict, InvalidConfig
from wfcore.model.actor import LOCAL
from wfcore.service.app import App, open_app
from wfcore.service.auth import Tokens, admin_token
from wfcore.service.bell import Bell, hear_signals
from wfcore.service.http import build_app
from wfcore.service.lock import ServerLock
from wfcore.service.logging import setup_logging
from wfcore.service.private import keep_private
from wfcore.service.site import Parking, Site
from wfcore.service.wire import Listener

if TYPE_CHECKING:
    from wfcore.service.tls import Certificate, TlsFront

#: How long answers that are already written may take to leave, in seconds.
_FLUSH: Final = 2.0
#: How often connections are looked over, in seconds, and the limits of a request's head and of the queue.
_CLEANUP: Final = 5
_MAX_HEAD: Final = 64 * 1024
_BACKLOG: Final = 1024
#: So many files may be open besides the connections: databases, outgoing requests, sandbox processes.
_OTHER_FILES: Final = 512
#: The collector looks at new objects when there are so many.
_GARBAGE: Final = 5_000
_log = logging.getLogger("workflow.server")


def serve(config: Config) -> int:
    """Serve until SIGTERM, SIGINT or ``POST /api/v1/server/stop``; 0 after the graceful stop.

    A second signal ends the process at once. Raises Conflict when another server has the data
    directory or the port, InvalidConfig for an address that cannot be bound.
    """
    keep_private()
    setup_logging(config["logging"])
    with ServerLock(config.data_dir) as lock, hear_signals() as bell:
        admin_token(config.data_dir)  # made before the other servers are told of it
        _serve(config, lock, bell)
    _log.info("stopped")
    return 0


def _serve(config: Config, lock: ServerLock, bell: Bell) -> None:
    section = config["server"]
    certificate = _certificate(section)
    with (
        listen(section, secure=certificate is not None) as (listening, address),
        _plain(listening, address, certificate) as (inner, local),
        open_app(config, address=address) as app,
    ):
        door = Door(inner, make_site(app, address, bell.ring), section)
        if certificate is not None:
            door.secure(listening, certificate)
        door.open()
        lock.announce(local)
        _log.info("listening on %s, data directory %s", address, config.data_dir)
        if certificate is None:
            _warn_of_plain_text(section, listening)
        app.audit.note(LOCAL, "server.start", address, "ok", {"node": app.node, "version": __version__})
        app.hooks.emit("wf_server_started", {"node": app.node, "address": address})
        _spare_the_collector()
        reason = bell.wait()
        _log.info("stopping: %s", reason)
        app.hooks.emit("wf_server_stopping", {"node": app.node})
        door.close(app.grace.left())


def _spare_the_collector() -> None:
    """What is here now stays: the garbage collector need not look at it again and again.

    Of what comes and goes with each execution next to nothing is in a circle, so it need not look often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE, *gc.get_threshold()[1:])


def _certificate(section: Mapping[str, Any]) -> Certificate | None:
    """What TLS is spoken with, if it is. Raises InvalidConfig."""
    if section["tlsCertificate"] is None:
        if section["tlsKeyFile"] is not None:
            raise InvalidConfig(
                "server.tlsKeyFile: there is a key for TLS, and no certificate",
                remedy="name the certificate too in server.tlsCertificate, or leave the key out",
            )
        return None
    from wfcore.service.tls import Certificate  # brings asyncio, which nobody else needs

    return Certificate(section)


def _warn_of_plain_text(section: Mapping[str, Any], listening: socket.socket) -> None:
    """A token that crosses a network in plain text can be read there."""
    if section["trustedProxy"] is None and not ip_address(listening.getsockname()[0]).is_loopback:
        _log.warning(
            "the server listens beyond this machine without TLS: tokens and data can be read on their way;"
            " set server.tlsCertificate, or let it listen on 127.0.0.1, or name the proxy with TLS in"
            " server.trustedProxy"
        )


def make_site(app: App, address: str, shut: Callable[[], None]) -> Site:
    """What the resources share; makes the administrator's token at the first start. Raises Forbidden."""
    section = app.config["server"]
    return Site(
        app=app,
        tokens=Tokens(admin_token(app.data_dir), app.storage.token, app.clock.now),
        parking=Parking(section["threads"] // 2),
        address=address,
        started_at=app.clock.now(),
        shut=shut,
        max_body=section["maxBody"],
        description=_description,
    )


def _description() -> dict[str, Any]:
    from wfcore.service.openapi import document  # only when it is asked for

    return document()


class Door:
    """Waitress on a listening socket. It has no graceful stop of its own, hence ``close``."""

    def __init__(self, listening: socket.socket, site: Site, section: Mapping[str, Any]) -> None:
        self._site = site
        self._workers = ThreadedTaskDispatcher()
        self._workers.set_thread_count(section["threads"])
        connections = _allow_files(section["connections"])
        name = listening.getsockname()
        self._server = Listener(
            build_app(site),
            map={},
            _sock=listening,
            dispatcher=self._workers,
            adj=Adjustments(sockets=[listening], connection_limit=connections, **_adjustments(section)),
            sockinfo=(listening.family, listening.type, listening.proto, name),
            bind_socket=False,
        )
        self._server.client_gone = site.app.engine.wake_followers
        self._loop = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._front: TlsFront | None = None

    def secure(self, listening: socket.socket, certificate: Certificate) -> None:
        """Answer there too, by TLS."""
        from wfcore.service.tls import TlsFront

        limits = self._server.adj.connection_limit, self._server.adj.channel_timeout
        self._front = TlsFront(listening, certificate, self._server.adopt, *limits)

    def open(self) -> None:
        """Begin to answer."""
        self._loop.start()
        if self._front is not None:
            self._front.open()

    def close(self, grace: float) -> None:
        """End streams at once, give requests ``grace`` seconds, let what is written leave, then close."""
        self._site.stopping.set()
        self._site.app.engine.wake_followers()
        self._server.accepting = False
        if self._front is not None:
            self._front.halt()
        self._workers.shutdown(cancel_pending=True, timeout=grace)
        deadline = time.monotonic() + _FLUSH
        while self._unsent() and time.monotonic() < deadline:
            time.sleep(0.01)
        # In the loop's own thread: closing the sockets it polls from another would be EBADF there. And not
        # before the trigger has been pulled, which the loop, woken by something else, could overtake.
        pulled = threading.Event()
        self._server.trigger.pull_trigger(
            lambda: pulled.wait(_FLUSH) and wasyncore.close_all(self._server._map)
        )
        pulled.set()
        self._loop.join(_FLUSH)
        if self._front is not None:
            self._front.close(_FLUSH)

    def _unsent(self) -> bool:
        return any(channel.total_outbufs_len for channel in list(self._server.active_channels.values()))


def _adjustments(section: Mapping[str, Any]) -> dict[str, Any]:
    proxy, patience = section["trustedProxy"], section["channelTimeout"]
    often = min(_CLEANUP, max(1, round(patience / 2)))
    headers = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
    return {
        "threads": section["threads"],
        "channel_timeout": max(1, round(patience)),
        "cleanup_interval": often,
        "asyncore_loop_timeout": often,  # how long the idle loop sleeps
        "asyncore_use_poll": True,  # select() ends at 1024 files
        "max_request_body_size": section["maxBody"] + 1,
        "max_request_header_size": _MAX_HEAD,
        "backlog": _BACKLOG,
        "channel_request_lookahead": 1,  # so that a client's leaving is seen while it is served
        "ident": None,
        "log_socket_errors": False,
        "clear_untrusted_proxy_headers": True,
        **({"trusted_proxy": proxy, "trusted_proxy_headers": headers} if proxy else {}),
    }


@contextmanager
def _plain(
    listening: socket.socket, address: str, certificate: Certificate | None
) -> Iterator[tuple[socket.socket, str]]:
    """Where waitress listens: behind TLS at a port of this machine's own, which its commands use."""
    if certificate is None:
        yield listening, address
    else:
        with listen({"host": "127.0.0.1", "port": 0}) as made:
            yield made


@contextmanager
def listen(section: Mapping[str, Any], *, secure: bool = False) -> Iterator[tuple[socket.socket, str]]:
    """The bound socket and its URL; bound before anything starts, so that a taken port costs nothing.

    Raises InvalidConfig, Conflict.
    """
    host, port = section["host"], section["port"]
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InvalidConfig(
            f"server.host: {host!r} is no address: {error}", remedy="write one of this machine"
        ) from error
    with socket.socket(family, kind, protocol) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(where)
        except OSError as error:
            raise Conflict(
                f"the server cannot listen on {host}:{port}: {error.strerror}",
                remedy="stop what listens there, or choose another server.host or server.port",
            ) from error
        yield made, _url(made, "https" if secure else "http")


def _url(listening: socket.socket, scheme: str) -> str:
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # what a client on this machine should call
        host = "127.0.0.1" if listening.family == socket.AF_INET else "::1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _allow_files(connections: int) -> int:
    """Raise the limit of open files so that the connections, not the files, are what runs out.

    How many connections may be open then: fewer when the limit cannot be raised so far.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    possible = min(connections, max(limit - _OTHER_FILES, limit // 4))
    if possible < connections:
        _log.warning(
            "at most %d files may be open, so %d connections are served at once instead of %d;"
            " raise the limit: `ulimit -n`, or LimitNOFILE= of the unit",
            limit, possible, connections,
        )  # fmt: skip
    return possible
