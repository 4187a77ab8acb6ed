"""The `celery` dispatcher: a broker of Celery brings attempts to the servers that run them.

A message has only the name of an attempt. What is to be done, and who does it, is in the shared storage; so a
message that comes twice, late or never does no harm.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, ClassVar, Final

from wfcore.api import Context, Job, PluginError, parse_duration

#: The name of the task in Celery.
TASK: Final = "workflow.attempt"
#: Seconds between tries to send while the broker is away.
_PAUSE: Final = 1.0
#: Seconds that one try may take.
_PATIENCE: Final = 5.0
#: Seconds without a sign of life after which a worker and a broker of AMQP take each other for dead.
_HEARTBEAT: Final = 20


class CeleryDispatcher:
    """Messages go to the queue ``queue``, those of tasks with a label to ``queue.LABEL``.

    A worker of Celery runs in a server that works: on threads of this process, with late acknowledgement.
    """

    contract: ClassVar[int] = 1
    schema: ClassVar[Mapping[str, Any]] = {
        "broker": {"type": "string", "nullable": True},
        "queue": {"type": "string", "regex": "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "default": "workflow"},
        "resend": {"type": "string", "default": "30s"},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._broker: str = config.get("broker") or ""
        self._queue: str = config.get("queue", "workflow")
        self.resend = _seconds(config.get("resend", "30s"))
        self._log: logging.Logger = context.logger
        self._run: Callable[[Job], None]
        self._room = threading.BoundedSemaphore()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._sender = threading.Thread(target=self._send_all, name="celery-sender", daemon=True)
        self._stopped = threading.Event()
        self._fault = ""
        self._app: Any = None
        self._working: threading.Thread | None = None

    def attach(self, run: Callable[[Job], None]) -> None:
        """Receive the function that runs an attempt which a message has brought, if it is to be had."""
        self._run = run

    def start(self) -> None:
        """Begin to send. A broker that is not there yet is waited for.

        Raises PluginError when Celery is not installed, the broker's URL is none, or the broker refuses it.
        """
        if not self._broker:
            raise PluginError(
                "the dispatcher `celery` has no broker",
                remedy="set dispatchers.celery.broker to a URL like redis://HOST:6379/0 or amqp://USER@HOST//",
            )
        self._app = _application(self._broker)
        _prove(self._app)
        self._app.task(self._attempt, name=TASK, shared=False, acks_late=True, ignore_result=True)
        self._sender.start()

    def stop(self, deadline: float) -> None:
        """Send and receive no more; what was not acknowledged comes again elsewhere."""
        self._stopped.set()
        self._jobs.put(None)
        for thread in (self._working, self._sender):
            if thread is not None and thread.ident is not None:
                thread.join(deadline / 2)
        if self._app is not None:
            self._app.close()

    def health(self) -> str:
        """Empty, or why nothing can be sent just now."""
        return self._fault

    def dispatch(self, job: Job) -> None:
        """Send the attempt's name soon, as soon as the broker is there; returns at once."""
        self._jobs.put(job)

    def work(self, tasks: int, labels: Sequence[str]) -> None:
        """Run what is in the queues of these labels."""
        self._room = threading.BoundedSemaphore(tasks)
        queues = [self._queue, *(f"{self._queue}.{label}" for label in labels)]
        self._working = threading.Thread(
            target=self._keep_working, args=(tasks, queues), name="celery-keeper", daemon=True
        )
        self._working.start()

    def _keep_working(self, tasks: int, queues: Sequence[str]) -> None:
        """A worker that ends by itself, as on some losses of its connection, is followed by another one.

        It is not waited for: its threads may be in tasks for hours, and these go on. They keep their room, so
        that all workers together never run more than one may.
        """
        while not self._stopped.is_set():
            worker = _worker(self._app, tasks, queues)
            thread = threading.Thread(target=self._work, args=(worker,), name="celery-worker", daemon=True)
            thread.start()
            while thread.is_alive() and not _is_ending(worker):
                if self._stopped.wait(_PAUSE):
                    _end()
                    thread.join(_PATIENCE)
                    return
            self._log.warning("the worker of Celery has ended, another one begins")
            self._stopped.wait(_PAUSE)

    def _work(self, worker: Any) -> None:
        try:
            worker.start()
        except Exception as error:
            self._log.warning("the worker of Celery: %s", error)

    def _attempt(self, execution: str, path: str, attempt: int, key: str, label: str) -> None:
        while not self._room.acquire(timeout=_PAUSE):
            if self._stopped.is_set():
                return
        try:
            self._run(Job(execution, path, attempt, key, label))
        finally:
            self._room.release()

    def _send_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            while not self._stopped.is_set() and not self._send(job):
                self._stopped.wait(_PAUSE)

    def _send(self, job: Job) -> bool:
        queue = f"{self._queue}.{job.label}" if job.label else self._queue
        names = (job.execution, job.path, job.attempt, job.key, job.label)
        try:
            self._app.send_task(TASK, names, queue=queue, retry=False, expires=None)
        except Exception as error:
            if not self._fault:
                self._log.warning("the broker cannot be used, trying on: %s", error)
            self._fault = f"the broker cannot be used: {error}"
            return False
        self._fault = ""
        return True


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise PluginError(f"dispatchers.celery.resend: {error}", remedy="write one like 30s") from None


def _application(broker: str) -> Any:
    try:
        from celery import Celery
    except ImportError:
        raise PluginError(
            "the dispatcher `celery` needs Celery, which is not installed",
            remedy="pip install 'workflow-engine[celery]'",
        ) from None
    app = Celery("workflow", broker=broker, set_as_current=False)
    app.conf.update(
        broker_connection_timeout=_PATIENCE,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # RabbitMQ closes a channel that has not acknowledged for `consumer_timeout`: another one is opened.
        broker_channel_error_retry=True,
        # It would ask AMQP something on a thread of a task, while another thread listens: both wait for ever.
        worker_enable_prefetch_count_reduction=False,
        broker_heartbeat=_HEARTBEAT,
        broker_use_ssl=_encryption(broker),
        broker_transport_options={"socket_timeout": 60, "socket_connect_timeout": _PATIENCE},
        task_serializer="json",
        accept_content=["json"],
        task_default_delivery_mode="persistent",
        task_acks_on_failure_or_timeout=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def _encryption(broker: str) -> Mapping[str, Any] | None:
    """Certificates are verified, and their names; kombu alone does not do both for either scheme."""
    scheme = broker.partition("://")[0]
    if scheme == "rediss":
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if scheme == "amqps":
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}  # the one in the URL
    return None


def _prove(app: Any) -> None:
    """Raises PluginError when no time will mend what is wrong with the broker, or with its URL."""
    try:
        options = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
        connection = app.connection_for_write(connect_timeout=_PATIENCE, transport_options=options)
    except Exception as error:
        raise _unusable(error) from None
    try:
        connection.ensure_connection(
            max_retries=1, interval_start=0, interval_step=0, reraise_as_library_errors=False
        )
    except connection.recoverable_connection_errors as error:
        refusals = _refusals()
        for cause in _causes(error):
            if isinstance(cause, refusals):
                raise _unusable(cause) from None
    except Exception as error:
        raise _unusable(error) from None
    finally:
        connection.release()


def _unusable(error: BaseException) -> PluginError:
    return PluginError(
        f"dispatchers.celery.broker cannot be used: {error}",
        remedy="write a URL like redis://HOST:6379/0 or amqp://USER:PASSWORD@HOST:5672//",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refusals() -> tuple[type[BaseException], ...]:
    """What a broker says that is there and does not let us in, or is not the one that it should be."""
    from amqp.exceptions import AccessRefused, NotAllowed

    try:
        from redis.exceptions import AuthenticationError
    except ImportError:
        return AccessRefused, NotAllowed, ssl.SSLCertVerificationError
    return AccessRefused, NotAllowed, ssl.SSLCertVerificationError, AuthenticationError


def _worker(app: Any, tasks: int, queues: Sequence[str]) -> Any:
    """The worker's name is its own: RabbitMQ has a queue for it that no other connection may use.

    Its event loop is its own, too: the worker before it closes the one that it has, when its tasks end.
    """
    from celery.app.trace import setup_worker_optimizations
    from celery.worker import WorkController, state
    from kombu.asynchronous import set_event_loop

    app.finalize()
    setup_worker_optimizations(app)
    state.should_stop = state.should_terminate = None
    set_event_loop(None)
    return WorkController(
        app=app,
        pool="threads",
        concurrency=tasks,
        queues=list(queues),
        hostname=f"workflow-{os.urandom(4).hex()}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
    )


def _is_ending(worker: Any) -> bool:
    from celery.bootsteps import CLOSE, TERMINATE

    return worker.blueprint.state in (CLOSE, TERMINATE)


def _end() -> None:
    """Let the loop of the worker end; it looks at this once a second."""
    from celery.worker import state

    state.should_stop = 0
