"""A real RabbitMQ on loopback: the program of the system, with a directory, ports and a name of its own."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import amqp

from tests.server.test_tls import Authority

USER, PASSWORD = "workflow", "s3cret"
#: Debian's are not on everybody's path.
PLACES = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"])
LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"

_queues = itertools.count(1)


def executable(name="rabbitmq-server"):
    """Where a program of RabbitMQ is, or None.

    What Debian has in /usr/sbin wants to be root and to use /var/lib; what stands beside its target does not.
    """
    found = shutil.which(name, path=PLACES)
    return found and Path(found).resolve().parent / name


class Rabbit:
    """A node, and the ``epmd`` that it needs; ``start``, ``kill`` and start again."""

    def __init__(self, directory):
        self._directory = directory
        with contextlib.ExitStack() as free:
            sockets = [free.enter_context(socket.socket()) for _ in range(4)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            self.port, self.secure_port, distribution, names = (one.getsockname()[1] for one in sockets)
        # As root it would have what it must not need; ``nobody`` is everywhere.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        config = directory / "rabbitmq.conf"
        self.authority = Authority(directory)
        certificate, _ = self.authority.issue()
        config.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndefault_user = {USER}\ndefault_pass = {PASSWORD}\n"
            # The certificate is for one of the two.
            f"listeners.ssl.1 = 127.0.0.1:{self.secure_port}\n"
            f"listeners.ssl.2 = 127.0.0.2:{self.secure_port}\n"
            f"ssl_options.cacertfile = {self.authority.file}\nssl_options.certfile = {certificate}\n"
            f"ssl_options.keyfile = {certificate}\n"
        )
        if self._user:
            for made in (directory, *directory.iterdir()):
                os.chown(made, self._user.pw_uid, self._user.pw_gid)
        self._environ = {
            "PATH": PLACES,
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"workflow{self.port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_DIST_PORT": str(distribution),
            # It looks at consumer_timeout at each tick of a channel: once a minute, if nobody says otherwise.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{LOOPBACK} -rabbit channel_tick_interval 1000",
            "RABBITMQ_CTL_ERL_ARGS": LOOPBACK,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
        }
        self._names = self._popen(["epmd"])
        self._process = None

    @property
    def url(self):
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}//"

    @property
    def secure_url(self):
        return f"amqps://{USER}:{PASSWORD}@127.0.0.1:{self.secure_port}//"

    def start(self):
        if self._process is None:
            self._process = self._popen([executable()])
        deadline = time.monotonic() + 90
        while not self._answers():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.1)

    def kill(self):
        """The node and what it has started, at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self):
        self.kill()
        self._names.kill()
        self._names.wait()

    def control(self, *words):
        """The output of rabbitmqctl."""
        command = [executable("rabbitmqctl"), "--quiet", *words]
        done = subprocess.run(command, **self._apart(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout.strip()

    def set_consumer_timeout(self, seconds):
        """For the channels that are opened from now on."""
        self.control("eval", f"application:set_env(rabbit, consumer_timeout, {int(1000 * seconds)}).")

    @contextlib.contextmanager
    def channel(self):
        with amqp.Connection(f"127.0.0.1:{self.port}", USER, PASSWORD) as connection:
            yield connection.channel()

    def _answers(self):
        with contextlib.suppress(OSError, amqp.exceptions.AMQPError), self.channel():
            return True
        return False

    def _log(self):
        return (self._directory / "out").read_text()[-3000:]

    def _popen(self, command):
        with (self._directory / "out").open("a") as out:
            return subprocess.Popen(
                command,
                **self._apart(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _apart(self):
        apart = {"env": self._environ, "cwd": self._directory}
        if self._user:
            apart |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return apart


class Queues:
    """A RabbitMQ as one test sees it, with queues that no other test has."""

    kind = "rabbitmq"

    def __init__(self, node):
        self.node = node
        self.queue = f"workflow{next(_queues)}"
        self.url, self.start, self.kill = node.url, node.start, node.kill

    def waiting(self, queue):
        """How many messages wait in a queue for somebody to take them."""
        with self.node.channel() as channel, contextlib.suppress(amqp.exceptions.NotFound):
            return channel.queue_declare(queue, passive=True).message_count
        return 0

    def held(self):
        """How many messages somebody has and has not acknowledged."""
        rows = self.node.control("list_queues", "--no-table-headers", "name", "messages_unacknowledged")
        return dict(row.split("\t") for row in rows.splitlines())[self.queue]

    def empty(self):
        """As if the disk of the broker had been lost."""
        with self.node.channel() as channel:
            channel.queue_delete(self.queue)


@contextlib.contextmanager
def rabbit():
    """A node that runs while inside."""
    with tempfile.TemporaryDirectory(prefix="rabbit-", ignore_cleanup_errors=True) as directory:
        node = Rabbit(Path(directory))
        try:
            node.start()
            yield node
        finally:
            node.close()
