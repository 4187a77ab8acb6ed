"""The one table of all configuration keys.

It drives what is accepted, the defaults, the names in the environment, ``config list`` and the docs.
In a path ``<name>`` stands for one word and ``<setting>`` for one or more that a driver defines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from wfcore.config.kinds import (
    Kind,
    address,
    anything,
    choice,
    duration,
    integer,
    optional,
    path,
    size,
    text,
    texts,
)

NAME: Final = "<name>"
SETTING: Final = "<setting>"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its dotted path, kind, default (None: none, or null) and one line of description.

    ``only`` is the ``storage.type`` that it belongs to, if it belongs to one.
    """

    name: str
    kind: Kind
    default: Any
    description: str
    only: str | None = None

    @property
    def path(self) -> Path:
        """The parts of the name."""
        return tuple(self.name.split("."))

    @property
    def environment(self) -> str:
        """The name of the environment variable."""
        return environment_name(self.path)


_WORD = text(r"[A-Za-z][A-Za-z0-9_-]*", "a name")
_LABEL = text(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "a label of letters, digits, _, . and -")
_VARIABLE = text(r"(?!WORKFLOW_)[A-Za-z_][A-Za-z0-9_]*", "the name of a variable outside WORKFLOW_*")

KEYS: Final[tuple[Key, ...]] = (
    Key(
        "dataDir",
        optional(path()),
        None,
        "The data directory; by default that of `storage.path`, else `./data`.",
    ),
    Key("server.host", text(), "127.0.0.1", "The address the server listens on."),
    Key("server.port", integer(0, 65535), 7233, "The port the server listens on; 0 takes a free one."),
    Key(
        "server.role",
        choice("all", "api", "worker"),
        "all",
        "What it does among several: `api` answers and fires triggers, `worker` runs executions and tasks.",
    ),
    Key(
        "server.threads",
        integer(2, 1024),
        16,
        "Threads that answer requests; half of them may be parked in streams.",
    ),
    Key("server.connections", integer(10, 100_000), 1000, "Connections that may be open at once."),
    Key(
        "server.channelTimeout",
        duration("1s"),
        "30s",
        "After this time without traffic a connection is closed.",
    ),
    Key("server.maxBody", size("1KiB"), "16MiB", "The largest request body."),
    Key(
        "server.trustedProxy",
        optional(address()),
        None,
        "The address of the reverse proxy whose X-Forwarded-* are believed.",
    ),
    Key(
        "server.tlsCertificate",
        optional(path()),
        None,
        "A PEM file with the certificate and its chain: the server speaks TLS; read again when it changes.",
    ),
    Key(
        "server.tlsKeyFile",
        optional(path()),
        None,
        "A PEM file with the certificate's key, if that is not in the same file.",
    ),
    Key(
        "server.stopGrace",
        duration(),
        "10s",
        "How long running tasks and requests may take to end when the server stops.",
    ),
    Key("storage.type", _WORD, "sqlite", "The storage driver."),
    Key(
        "storage.path",
        path(),
        "./data/db.sqlite",
        "The database file; its directory is the data directory.",
        "sqlite",
    ),
    Key(
        "storage.url",
        optional(text(r"postgres(ql)?://.+", "a URL like postgres://USER@HOST/DATABASE", secret=True)),
        None,
        "The database; needed.",
        "postgres",
    ),
    Key(
        "storage.passwordFile",
        optional(path()),
        None,
        "A file that holds the password of the database's user, instead of the URL.",
        "postgres",
    ),
    Key(
        "storage.poolSize",
        integer(2, 1000),
        10,
        "Connections to the database that this server may have open.",
        "postgres",
    ),
    Key("storage.<setting>", anything(), None, "A setting of the storage driver."),
    Key(
        "execution.maxConcurrentWorkflows",
        integer(1, 1_000_000),
        10,
        "Executions that may run at once, on all servers of the storage together.",
    ),
    Key(
        "execution.limits.<name>",
        integer(1, 1_000_000),
        None,
        "How many may run at once of what names this limit as its `concurrency`, on all servers together.",
    ),
    Key(
        "execution.maxConcurrentTasks", integer(1, 100_000), 50, "Tasks that may run at once on this server."
    ),
    Key(
        "execution.labels",
        texts(_LABEL, "labels"),
        [],
        "Labels of tasks (`runs_on`) that this server runs, besides those without one.",
    ),
    Key("execution.dispatcher", _WORD, "local", "The driver that runs the attempts of tasks."),
    Key(
        "execution.lease",
        duration("1s"),
        "15s",
        "After this time without a sign of life a server's executions go to the others.",
    ),
    Key("execution.retention", duration("1s"), "30d", "How long ended executions are kept."),
    Key("audit.retention", duration("1d"), "365d", "How long entries of the audit log are kept."),
    Key(
        "egress.default",
        choice("public", "none"),
        "public",
        "Where actions may connect to: public addresses, or nowhere.",
    ),
    Key(
        "egress.allow",
        texts(text(like="a rule"), "rules"),
        [],
        "What they may reach besides, such as `10.0.0.0/8`.",
    ),
    Key(
        "egress.caFile",
        optional(path()),
        None,
        "Certificates (PEM) that are trusted instead of the system's.",
    ),
    Key(
        "connections.<name>.url",
        text(r"[a-z][a-z0-9+]*:.+", "a URL", secret=True),
        None,
        "A database that `core/db` knows by this name.",
    ),
    Key(
        "expressions.env",
        texts(_VARIABLE, "variables outside `WORKFLOW_*`"),
        [],
        "Environment variables that expressions may read as `env.NAME`.",
    ),
    Key(
        "secrets.providers",
        texts(_WORD, "names"),
        ["env", "local"],
        "Where secrets are looked for, in this order; the first hit wins.",
    ),
    Key(
        "secrets.masterKeyPlace",
        choice("auto", "keyring"),
        "auto",
        "Where the master key of stored secrets is, unless the environment names its place.",
    ),
    Key("secrets.<name>.<setting>", anything(), None, "A setting of a provider of secrets."),
    Key("triggers.<name>.<setting>", anything(), None, "A setting of a trigger driver."),
    Key("actions.<name>.<setting>", anything(), None, "A setting of a pack of actions."),
    Key("runtimes.<name>.<setting>", anything(), None, "A setting of a runtime for plugins."),
    Key(
        "dispatchers.celery.broker",
        optional(
            text(r"[a-z][a-z0-9+]*://.+", "a URL like redis://HOST:6379/0 or amqp://USER@HOST//", secret=True)
        ),
        None,
        "The broker that brings tasks to the servers which run them.",
    ),
    Key("dispatchers.<name>.<setting>", anything(), None, "A setting of a dispatcher."),
    Key("registries.<name>.<setting>", anything(), None, "A setting of a registry of plugins."),
    Key("hooks.<name>.<setting>", anything(), None, "A setting of a hook plugin."),
    Key(
        "plugins.disabled",
        texts(text(like="a name"), "names"),
        [],
        "Hook plugins that are not loaded, by entry point name.",
    ),
    Key(
        "plugins.registries",
        texts(_WORD, "names"),
        ["http"],
        "The registries in which a package like `community/slack` is looked for, in this order.",
    ),
    Key(
        "plugins.signatures",
        choice("require", "warn", "off"),
        "warn",
        "Whether packages must be signed by a key of their namespace.",
    ),
    Key(
        "plugins.keys.<name>",
        texts(text(like="a public key of minisign"), "public keys"),
        None,
        "The keys that may sign the packages of this namespace.",
    ),
    Key(
        "plugins.refresh",
        duration("1m"),
        "1h",
        "How often a server asks the registries which packages are revoked.",
    ),
    Key("logging.format", choice("text", "json"), "text", "The form of the server's own log lines."),
    Key(
        "logging.level",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "The least level that is logged.",
    ),
    Key("logging.file", optional(path()), None, "Where the server logs to instead of its standard error."),
)


def environment_name(path: Path) -> str:
    """``("execution", "maxConcurrentTasks")`` -> ``WORKFLOW_EXECUTION_MAX_CONCURRENT_TASKS``."""
    words = (re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", part) for part in path)
    return "WORKFLOW_" + re.sub(r"[^A-Z0-9<>]", "_", "_".join(words).upper())


def find(path: Path, storage: str) -> Key | None:
    """The key that ``path`` is a value of, under this ``storage.type``."""
    return next((key for key in KEYS if key.only in (None, storage) and _fits(key.path, path)), None)


def is_section(path: Path) -> bool:
    """Whether keys lie below ``path``."""
    longer = (key.path for key in KEYS if len(key.path) > len(path))
    return any(all(a in (NAME, b) for a, b in zip(p, path, strict=False)) for p in longer)


def siblings(path: Path) -> list[str]:
    """The words that may stand where the last word of ``path`` stands."""
    above = path[:-1]
    near = (key.path for key in KEYS if len(key.path) > len(above))
    found = (p[len(above)] for p in near if all(a in (NAME, b) for a, b in zip(p, above, strict=False)))
    return [word for word in dict.fromkeys(found) if not word.startswith("<")]


def _fits(pattern: Path, path: Path) -> bool:
    if pattern[-1] == SETTING:
        head = pattern[:-1]
        return len(path) > len(head) and _fits(head, path[: len(head)]) if head else True
    return len(pattern) == len(path) and all(a in (NAME, b) for a, b in zip(pattern, path, strict=True))
