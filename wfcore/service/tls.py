"""TLS in front of waitress, which has none: a connection is opened here and handed on as a plain socket."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from wfcore.errors import InvalidConfig

#: How long a client may take to agree on a key, in seconds.
_HANDSHAKE: Final = 10.0
_CHUNK: Final = 64 * 1024
#: How long to wait after a connection could not be accepted, in seconds.
_PAUSE: Final = 0.05
_log = logging.getLogger("workflow.server")

#: Takes the inner end of a connection, and the address of whoever is at its outer end.
Hand = Callable[[socket.socket, tuple[Any, ...]], None]


class Certificate:
    """The certificate of ``server.tlsCertificate``, read again when its file has changed."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Raises InvalidConfig for files that are not a certificate and its key."""
        self._file = Path(section["tlsCertificate"])
        self._key = Path(section["tlsKeyFile"] or self._file)
        try:
            self._context, self._read = self._load(), self._changed()
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise InvalidConfig(
                f"server.tlsCertificate: {self._file} and {self._key} are no certificate and key: {error}",
                remedy="name a PEM file with the certificate and its chain, and in server.tlsKeyFile its key,"
                " without a passphrase",
            ) from None

    def context(self) -> ssl.SSLContext:
        """The settings for a new connection. One that cannot be read any more leaves the old in use."""
        try:
            changed = self._changed()
            if changed != self._read:
                self._read = changed
                self._context = self._load()
                _log.info("the certificate %s was read again", self._file)
        except (OSError, ValueError) as error:
            _log.error("the certificate %s has changed and cannot be read: %s", self._file, error)
        return self._context

    def _changed(self) -> tuple[int, int]:
        return self._file.stat().st_mtime_ns, self._key.stat().st_mtime_ns

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._file, self._key, password=_no_passphrase)
        return context


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")


class TlsFront:
    """Accepts TLS on ``listening`` in a thread of its own, at most ``limit`` connections at once.

    Who does not take what is sent within ``patience`` seconds is hung up on.
    """

    def __init__(
        self, listening: socket.socket, certificate: Certificate, hand: Hand, limit: int, patience: float
    ) -> None:
        self._listening = listening
        self._certificate = certificate
        self._hand = hand
        self._limit = limit
        self._patience = patience
        self._loop = asyncio.new_event_loop()
        self._begun = threading.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._acceptor: asyncio.Task[None]
        self._ended: asyncio.Future[float]
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def open(self) -> None:
        """Begin to accept."""
        self._listening.setblocking(False)
        self._listening.listen()
        self._thread.start()
        self._begun.wait()

    def halt(self) -> None:
        """Accept nothing more; what is open goes on."""
        self._loop.call_soon_threadsafe(self._acceptor.cancel)

    def close(self, patience: float) -> None:
        """End what is open: when its output has gone, or after ``patience`` seconds."""
        self._loop.call_soon_threadsafe(self._ended.set_result, patience)
        self._thread.join(2 * patience)

    def _run(self) -> None:
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        self._ended = self._loop.create_future()
        self._acceptor = self._loop.create_task(self._accept())
        self._begun.set()
        patience = await self._ended
        self._acceptor.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=patience)
        for task in self._open:
            task.cancel()
        await asyncio.gather(self._acceptor, *self._open, return_exceptions=True)

    async def _accept(self) -> None:
        room = asyncio.Semaphore(self._limit)
        while True:
            await room.acquire()
            try:
                accepted, address = await self._loop.sock_accept(self._listening)
            except OSError:  # the client has gone already, or no file is left
                room.release()
                await asyncio.sleep(_PAUSE)
                continue
            task = self._loop.create_task(self._serve(accepted, address))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
            task.add_done_callback(lambda _: room.release())

    async def _serve(self, accepted: socket.socket, address: tuple[Any, ...]) -> None:
        reader = asyncio.StreamReader(_CHUNK)
        try:
            transport, protocol = await self._loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader),
                accepted,
                ssl=self._certificate.context(),
                ssl_handshake_timeout=_HANDSHAKE,
            )
        except OSError:  # whoever it was did not speak TLS, or not ours
            accepted.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        try:
            await self._join(reader, writer, address)
        except TimeoutError:  # what is left of the answer would wait for the client, and keep its place
            transport.abort()
        except OSError:  # one side broke off
            pass
        finally:
            writer.close()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: tuple[Any, ...]
    ) -> None:
        outer, inner = socket.socketpair()
        self._hand(inner, address)
        there, here = await asyncio.open_connection(sock=outer, limit=_CHUNK)
        requests = self._loop.create_task(_pump(reader, here))
        answers = self._loop.create_task(_pump(there, writer, self._patience))
        try:
            await asyncio.wait((requests, answers), return_when=asyncio.FIRST_COMPLETED)
            if not answers.done():
                here.write_eof()  # the client has said all; its last answer may be under way
            await answers
        finally:
            requests.cancel()
            answers.cancel()
            here.close()


async def _pump(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, patience: float | None = None
) -> None:
    """Everything from one side to the other; no more is read than the other side takes.

    Raises TimeoutError when that does not take it within ``patience`` seconds.
    """
    while data := await source.read(_CHUNK):
        target.write(data)
        async with asyncio.timeout(patience):
            await target.drain()
