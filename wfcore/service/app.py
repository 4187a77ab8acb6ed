"""The composition root: the one place where everything is built and handed what it needs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wfcore import __version__
from wfcore.audit import AuditLog
from wfcore.config import Config
from wfcore.engine.clock import SystemClock
from wfcore.engine.engine import Engine, Parts
from wfcore.engine.ids import Ids
from wfcore.engine.library import Library
from wfcore.engine.ticker import fired
from wfcore.errors import InvalidConfig, NotFound
from wfcore.hooks.calls import Hooks
from wfcore.model.execution import ExecutionRecord
from wfcore.model.nodes import NodeRecord
from wfcore.model.records import TriggerRecord
from wfcore.plugins.contracts import (
    Clock,
    Courier,
    Dispatcher,
    KeyedTrigger,
    SharedStorage,
    Storage,
    WebRequest,
)
from wfcore.plugins.host import Host
from wfcore.plugins.kinds import DISPATCHERS, SECRETS, TRIGGERS
from wfcore.service import terms
from wfcore.service.executions import Executions
from wfcore.service.grace import Grace
from wfcore.service.installed import Installed
from wfcore.service.loader import Loader
from wfcore.service.logging import masked_logs
from wfcore.service.packages import Packages
from wfcore.service.secrets import Secrets
from wfcore.service.workflows import Workflows

#: Seconds that storage gets to close, even when the others have used up the time.
LEAST = 1.0


@dataclass(frozen=True, slots=True)
class App:
    """A running application; ``node`` is the id under which it owns executions."""

    config: Config
    node: str
    clock: Clock
    installed: Installed
    storage: Storage
    engine: Engine
    workflows: Workflows
    executions: Executions
    packages: Packages
    secrets: Secrets
    library: Library
    grace: Grace
    audit: AuditLog

    @property
    def hooks(self) -> Hooks:
        """The door to the hook plugins."""
        return self.installed.hooks

    @property
    def host(self) -> Host:
        """The live drivers."""
        return self.installed.host

    @property
    def data_dir(self) -> Path:
        """Where everything is kept."""
        return self.config.data_dir

    def health(self) -> dict[str, str]:
        """What is wrong with the engine and each live driver; empty texts when all is well."""
        return {"engine": self.engine.health(), **self.host.health()}

    def plugins(self) -> list[dict[str, Any]]:
        """Every installed plugin with its state."""
        return self.installed.listing()

    def hooked(self, row: TriggerRecord, request: WebRequest) -> tuple[ExecutionRecord | None, str]:
        """What a request to a webhook starts (None: its ``if`` does not hold), and how to answer it.

        Raises what the trigger refuses it with, and the errors of a submission.
        """
        workflow = self.library.current(row.namespace, row.workflow).workflow
        trigger = next((t for t in workflow.triggers if t.name == row.name), None)
        if trigger is None:
            raise NotFound(f"workflow {workflow.address} has no trigger {row.name}")
        driver = self.installed.live(TRIGGERS, row.kind)
        payload = driver.accept(trigger.spec, request)
        own = driver.key(trigger.spec, request) if isinstance(driver, KeyedTrigger) else None
        given = own or request.headers.get("idempotency-key")
        key = f"{row.kind}/{row.name}:{given}" if given else None  # nobody's but this trigger's
        now = self.clock.now()
        submission = fired(self.library, row, trigger, payload, now, self.engine.env, key=key)
        if submission is None:
            return None, "ack"
        record, _ = self.engine.dispatch.submit(submission)
        return record, trigger.spec.get("respond", "ack")


@contextmanager
def open_app(
    config: Config, *, timers: bool = True, packages: Config | None = None, address: str = ""
) -> Iterator[App]:
    """Build and start everything, and stop it on the way out. ``address`` is what other servers see of it.

    ``timers=False`` leaves out triggers and chores, for a single run in process; ``packages`` is the
    configuration whose storage has the installed packages, if it is another. Raises PluginError and
    InvalidConfig when something named cannot be had, Forbidden for files that are not this user's.
    """
    clock = SystemClock()
    node = f"node-{Ids().make(clock.now())}"
    with ExitStack() as stack:
        installed = Installed(config, clock)
        stack.enter_context(masked_logs(installed.known.mask))
        stack.callback(installed.egress.close)
        grace = Grace(config["server"]["stopGrace"])
        stack.callback(lambda: installed.host.stop(max(LEAST, grace.left())))
        storage = installed.use_storage()
        if packages is not None:
            installed.read_packages(packages)
        for provider in config["secrets"]["providers"]:
            installed.live(SECRETS, provider)
        installed.listen()
        loader = installed.loader()
        library = Library(storage, loader.revision)
        audit = AuditLog(storage, clock, place(config), installed.known.mask)
        installed.use_audit(audit)
        engine = _engine(installed, storage, library, node, address, audit)
        installed.run(DISPATCHERS, *_dispatcher(installed, engine))
        workflows = _workflows(installed, storage, library, loader, engine, audit)
        executions = Executions(storage, engine.dispatch, engine.watch)
        shelf = _packages(installed, storage, library, engine, audit)
        engine.chores.add(config["plugins"]["refresh"], shelf.supply.refresh)
        secrets = installed.secrets(audit, lambda: max(1, len(engine.nodes())))
        stack.callback(lambda: engine.stop(grace.left()))
        engine.start(timers=timers and config["server"]["role"] != "worker")
        yield App(
            config,
            node,
            clock,
            installed,
            storage,
            engine,
            workflows,
            executions,
            shelf,
            secrets,
            library,
            grace,
            audit,
        )


def _workflows(
    installed: Installed, storage: Storage, library: Library, loader: Loader, engine: Engine, audit: AuditLog
) -> Workflows:
    actions = installed.actions
    return Workflows(
        storage,
        library,
        loader,
        installed.clock,
        engine.workflow_changed,
        actions.pins,
        actions.reach,
        audit,
    )


def _packages(
    installed: Installed, storage: Storage, library: Library, engine: Engine, audit: AuditLog
) -> Packages:
    return Packages(
        storage,
        installed.shelf,
        installed.packs,
        installed.runtime,
        library,
        installed.clock,
        installed.hooks,
        engine.packages_changed,
        partial(installed.supply, storage),
        audit,
    )


def place(config: Config) -> str:
    """Where a server keeps its files: what it is called among servers that share a storage."""
    return f"{socket.gethostname()}:{config.data_dir.absolute()}"


def _engine(
    installed: Installed,
    storage: Storage,
    library: Library,
    node: str,
    address: str,
    audit: AuditLog,
) -> Engine:
    config, environment = installed.config, os.environ
    limits: Mapping[str, Any] = config["execution"]
    parts = Parts(
        storage=storage,
        library=library,
        dispatcher=_dispatcher_of(installed, storage),
        actions=installed.actions,
        triggers=lambda kind: installed.live(TRIGGERS, kind),
        hooks=installed.hooks,
        egress=installed.egress,
        records=installed.records,
        clock=installed.clock,
        node=_node(installed, storage, node, address),
        env={name: environment[name] for name in config["expressions"]["env"] if name in environment},
        workflows=limits["maxConcurrentWorkflows"],
        labels=limits["labels"],
        retention=limits["retention"],
        remembrance=config["audit"]["retention"],
        lease=limits["lease"],
        reread_packages=installed.shelf.forget,
        secrets=installed.desk(),
        audit=audit,
        limits=limits.get("limits", {}),
    )
    return Engine(parts)


def _node(installed: Installed, storage: Storage, id: str, address: str) -> NodeRecord:
    config = installed.config
    role = _role(config, storage)
    return NodeRecord(
        id,
        place(config),
        address,
        __version__,
        role=role,
        tasks=0 if role == "api" else config["execution"]["maxConcurrentTasks"],
        terms=terms.of(config, installed.masters) if isinstance(storage, SharedStorage) else "",
    )


def _role(config: Config, storage: Storage) -> str:
    role: str = config["server"]["role"]
    if role != "all" and not isinstance(storage, SharedStorage):
        raise InvalidConfig(
            f"server.role: {role!r} is one of several servers, but the storage"
            f" {config['storage']['type']!r} belongs to one alone",
            remedy="share a database (storage.type: postgres), or let the server have all roles",
        )
    return role


def _dispatcher_of(installed: Installed, storage: Storage) -> Dispatcher:
    name = installed.config["execution"]["dispatcher"]
    dispatcher: Dispatcher = installed.build(DISPATCHERS, name)
    if isinstance(dispatcher, Courier) and not isinstance(storage, SharedStorage):
        raise InvalidConfig(
            f"execution.dispatcher: {name!r} brings tasks to other servers, but the storage"
            f" {installed.config['storage']['type']!r} belongs to one alone",
            remedy="share a database (storage.type: postgres), or take the dispatcher `local`",
        )
    return dispatcher


def _dispatcher(installed: Installed, engine: Engine) -> tuple[str, Any]:
    return installed.config["execution"]["dispatcher"], engine.dispatcher
