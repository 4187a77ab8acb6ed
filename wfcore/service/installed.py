"""The plugins of this process: what is installed, and the drivers that live, each built when first named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wfcore.audit import AuditLog
from wfcore.audit.tasks import deny
from wfcore.config import Config
from wfcore.egress.guard import Guard
from wfcore.engine.records import StoredRecords
from wfcore.errors import InvalidWorkflow
from wfcore.hooks.calls import Hooks
from wfcore.model.workflow import Workflow
from wfcore.packages import trust as trusted
from wfcore.packages.catalogue import Catalogue
from wfcore.packages.sandbox import CodeSandbox
from wfcore.packages.shelf import Shelf
from wfcore.plugins import catalog, listeners, listing
from wfcore.plugins.contracts import Clock, Context, Records, Revocation, Runtime, Storage, TaskContext
from wfcore.plugins.drivers import Drivers
from wfcore.plugins.host import Host, Live
from wfcore.plugins.kinds import ACTIONS, HOOKS, REGISTRIES, RUNTIMES, SECRETS, STORAGE, TRIGGERS, Kind
from wfcore.plugins.packs import Packs
from wfcore.secrets.desk import Desk
from wfcore.secrets.masks import Masks
from wfcore.secrets.sealer import Sealer
from wfcore.secrets.strongbox import Strongbox
from wfcore.service import reading
from wfcore.service.keys import master_keys
from wfcore.service.loader import Loader
from wfcore.service.secrets import Secrets
from wfcore.service.supply import Supply

log = logging.getLogger("workflow.plugins")


class Installed:
    """Builds and starts drivers for one configuration; ``host`` stops them.

    Without ``use_storage`` there is no database, and drivers get no records: enough to check workflows.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.catalog = catalog.read()
        self.hooks = Hooks()
        self.host = Host(self.hooks)
        self.egress = Guard(
            config["egress"]["allow"],
            default=config["egress"]["default"],
            ca_file=config["egress"]["caFile"],
        )
        self.packs = Packs(lambda name: self.live(ACTIONS, name), self._names(ACTIONS))
        self.shelf = Shelf()
        self.actions = Catalogue(self.packs, self.shelf, self.runtime, self.secret, self._denied)
        self.sandbox = CodeSandbox(self.runtime, self.secret, self.actions.call, self._denied)
        self._audit: AuditLog | None = None
        self.known = Masks()
        self.masters = master_keys(config)
        self.sealer = Sealer(Strongbox(lambda: self._storage, self.masters, clock.now))
        self._elsewhere: Callable[[], Storage | None] | None = None
        self.box = Strongbox(self._secret_rows, self.masters, clock.now)
        self._drivers = Drivers(self.catalog, config.tree, self._context)
        self._live: dict[tuple[str, str], Any] = {}
        self._storage: Storage | None = None
        self._lock = threading.RLock()

    def build(self, kind: Kind, name: str) -> Any:
        """A driver that is not started yet. Raises PluginError, InvalidConfig."""
        return self._drivers.build(kind, name)

    def run(self, kind: Kind, name: str, driver: Any) -> Any:
        """Start a driver that was built; the host stops it."""
        self.host.add(Live(kind, name, driver))
        self._live[kind.name, name] = driver
        return driver

    def live(self, kind: Kind, name: str) -> Any:
        """The started driver of that name, built at its first use. Raises PluginError, InvalidConfig."""
        found = self._live.get((kind.name, name))
        if found is None:
            with self._lock:
                found = self._live.get((kind.name, name))
                if found is None:
                    found = self.run(kind, name, self.build(kind, name))
        return found

    def use_storage(self) -> Storage:
        """Start the configured storage driver; drivers that are built later may keep records."""
        name = self.config["storage"]["type"]
        storage: Storage = self.run(STORAGE, name, self.build(STORAGE, name))
        self._storage = storage
        self.shelf.use(lambda: storage)
        return storage

    def use_audit(self, audit: AuditLog) -> None:
        """From now on what sandboxed code is refused goes into this log."""
        self._audit = audit

    def read_packages(self, config: Config) -> None:
        """Look for packages and secrets in the storage of ``config``, which a server may have, when asked."""
        found: list[Storage | None] = []

        def rows() -> Storage | None:
            with self._lock:
                if not found:
                    found.append(self.reader(config))
                return found[0]

        self.shelf.use(rows)
        self._elsewhere = rows

    def reader(self, config: Config) -> Storage | None:
        """The storage of ``config``, for reading.

        None when its driver cannot be read beside its owner, or there is nothing in it yet.
        """
        name = config["storage"]["type"]

        def start(storage: Storage) -> None:
            self.host.add(Live(STORAGE, f"{name} (packages)", storage))

        return reading.opened(self.catalog, config, self._context, start)

    def listen(self) -> None:
        """Bring in all hook plugins but the disabled ones."""
        for live in listeners.load(self._drivers, self.hooks, self.config["plugins"]["disabled"]):
            self.run(HOOKS, live.name, live.driver)

    def loader(self) -> Loader:
        """Loads workflows with the triggers, actions, filters and policies that are installed."""
        from wfcore.language.filters import table

        functions = self.hooks.functions(table({}))
        return Loader(
            self.actions,
            lambda kind: self.live(TRIGGERS, kind),
            self._names(TRIGGERS),
            functions,
            self._check,
            self.sandbox.check,
            self.config["execution"].get("limits", ()),
        )

    def runtime(self, name: str = "wasm") -> Runtime:
        """The started runtime of that name. Raises PluginError, InvalidConfig."""
        runtime: Runtime = self.live(RUNTIMES, name)
        return runtime

    def secret(self, name: str, workflow: str = "") -> str | None:
        """A secret's value from the first provider that knows it, as a workflow's address has it."""
        scopes = [workflow, workflow.partition("/")[0], ""] if workflow else [""]
        for provider in self.config["secrets"]["providers"]:
            driver = self.live(SECRETS, provider)
            for scope in scopes:
                value: str | None = driver.get(name, scope)
                if value is not None:
                    self.known.note(value)
                    return value
        return None

    def supply(self, storage: Storage, heed: Callable[[Sequence[Revocation]], int]) -> Supply:
        """The way of packages into this installation. Raises InvalidConfig for keys that are none."""
        section = self.config["plugins"]
        trust = trusted.of(section["signatures"], section.get("keys", {}))
        order = tuple(section["registries"])
        return Supply(storage, lambda name: self.live(REGISTRIES, name), order, trust, heed)

    def secrets(self, audit: AuditLog, nodes: Callable[[], int]) -> Secrets:
        """Secrets as operators see them; ``nodes`` says how many servers share the storage."""
        providers = self.config["secrets"]["providers"]
        return Secrets(providers, lambda name: self.live(SECRETS, name), self.box, self.sealer, audit, nodes)

    def desk(self) -> Desk:
        """What the engine asks of secrets."""
        return Desk(self.secret, self.sealer)

    def records(self, namespace: str) -> Records:
        """Durable key/value pairs of one namespace."""
        assert self._storage is not None, "records need the storage"
        return StoredRecords(self._storage, self.clock, namespace)

    def _secret_rows(self) -> Storage | None:
        return self._elsewhere() if self._elsewhere else self._storage

    def listing(self) -> list[dict[str, Any]]:
        """Every installed plugin: kind, name, distribution, version, entry_point, state, error."""
        return listing.rows(self.catalog, self._live)

    def _denied(self, name: str, action: str, message: str, task: TaskContext) -> None:
        if self._audit is not None:
            deny(self._audit, "permission.deny", task, {"code": name, "action": action, "error": message})

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.name for entry in self.catalog.of(kind)))

    def _check(self, workflow: Workflow) -> None:
        found = self.hooks.checks(workflow)
        if found:
            raise InvalidWorkflow(found)

    def _build(self, folder: Path) -> bytes:
        from wfcore.packages.project import build

        return build(folder, self.runtime).archive

    def _context(self, kind: Kind, name: str) -> Context:
        bare = kind is STORAGE
        records: Callable[[str], Records] | None = None if self._storage is None else self.records
        connections: Mapping[str, Mapping[str, Any]] = self.config["connections"]
        return Context(
            name=name,
            logger=logging.getLogger(f"workflow.{kind.name}.{name}"),
            clock=self.clock,
            data_dir=self.config.data_dir,
            secrets=None if bare else _Secrets(self.secret),
            records=records,
            egress=None if bare else self.egress,
            connections=connections,
            sandbox=None if bare else self.sandbox,
            build=None if bare else self._build,
            strongbox=None if bare else self.box,
        )


class _Secrets:
    """The SecretReader of the contracts."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[str, str], str | None]) -> None:
        self._read = read

    def get(self, name: str, workflow: str = "") -> str | None:
        """The secret's value as a workflow has it, or None."""
        return self._read(name, workflow)
