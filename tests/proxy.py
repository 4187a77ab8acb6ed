"""A proxy in front of PostgreSQL that loses connections at the moment that a test chooses."""

import contextlib
import socket
import struct
import threading
from urllib.parse import parse_qs, urlsplit


class Proxy:
    """Forwards loopback TCP to the server's socket. ``seen`` are the texts of all queries that came in.

    ``lose(word, how)``: the next query that contains the word is lost together with its connection:
    ``unsent`` before the server has it, ``unanswered`` when its answer comes, ``half`` in the middle of it,
    and then the server's side stays open. ``refuse`` lets no new connection through.
    """

    def __init__(self, url):
        parts = urlsplit(url)
        self._upstream = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable&gssencmode=disable"
        self.seen = []
        self.refuse = threading.Event()
        self.lost = 0
        self._plans = []
        self._open = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, word, how):
        with self._lock:
            self._plans.append((word, how))

    def close(self):
        # A thread in accept() is woken by a shutdown, not by a close.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            _close(one)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.refuse.is_set():
                    _close(client)
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._upstream)
                self._open += [client, server]
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client, server):
        answers = threading.Thread(target=self._answer, args=(client, server, hold := [False]), daemon=True)
        kept = False
        try:
            server.sendall(_exactly(client, struct.unpack("!I", head := _exactly(client, 4))[0] - 4, head))
            answers.start()
            while True:
                message = self._message(client)
                how = self._plan(message)
                if how == "unanswered":
                    hold[0] = True
                    server.sendall(message)
                    answers.join()
                elif how == "half":
                    server.sendall(message[: len(message) // 2])
                    kept = True
                if how is not None:
                    self.lost += 1
                    return
                server.sendall(message)
        except OSError:
            pass
        finally:
            _close(client)
            if not kept:
                _close(server)

    def _message(self, client):
        head = _exactly(client, 5)
        message = _exactly(client, struct.unpack("!I", head[1:])[0] - 4, head)
        if message[:1] == b"Q":
            self.seen.append(message[5:-1].decode())
        return message

    def _plan(self, message):
        with self._lock:
            if self._plans and message[:1] == b"Q" and self._plans[0][0].encode() in message:
                return self._plans.pop(0)[1]
        return None

    def _answer(self, client, server, hold):
        with contextlib.suppress(OSError):
            while (data := server.recv(65536)) and not hold[0]:
                client.sendall(data)
        if not hold[0]:
            _close(client)


def _exactly(sock, count, before=b""):
    parts = [before]
    while count:
        data = sock.recv(count)
        if not data:
            raise ConnectionResetError
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


def _close(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
