"""Which PostgreSQL database: its URL, what is added to that, and what may be said about it aloud."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn

from wfcore.api import InvalidConfig, PluginError

_OLDEST: Final = 13
#: What the URL does not say. A server that is gone without a word is noticed within a minute.
_DEFAULTS: Final[Mapping[str, Any]] = {
    "application_name": "workflow",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_REMEDY: Final = (
    "write postgres://USER@HOST:PORT/DATABASE; special characters in it are percent-encoded (%40 for @),"
    " and the password is better kept in `storage.passwordFile`"
)


class Target:
    """One database. Its text is what errors and logs show: never the user's password.

    ``password_file`` is read at each connection, so that a new password needs no restart. What neither says
    comes from the environment variables of libpq (``PGPASSWORD``, ``PGSSLMODE`` …).
    """

    def __init__(self, url: str | None, password_file: str | None = None, *, read_only: bool = False) -> None:
        """Raises InvalidConfig; its text has nothing of the URL."""
        options = _parse(url)
        if password_file and "password" in options:
            raise InvalidConfig(
                "storage.url has a password, and there is storage.passwordFile", remedy="keep one of the two"
            )
        self._password_file = Path(password_file) if password_file else None
        self._dsn = make_dsn(**{**_DEFAULTS, **options, "client_encoding": "UTF8"})
        self._read_only = read_only
        place = options.get("host", "")
        port = f":{options['port']}" if "port" in options else ""
        self._text = f"{options.get('dbname') or 'of the user'} at {place or 'the default host'}{port}"

    def __str__(self) -> str:
        return self._text

    def connect(self) -> Connection:
        """A new connection that commits by itself. Raises psycopg2.Error and PluginError."""
        dsn = self._dsn if self._password_file is None else make_dsn(self._dsn, password=self._password())
        connection: Connection = psycopg2.connect(dsn)
        try:
            self._check(connection)
            connection.set_session("READ COMMITTED", readonly=self._read_only or None, autocommit=True)
        except BaseException:
            connection.close()
            raise
        return connection

    def _password(self) -> str:
        assert self._password_file is not None
        try:
            return self._password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else "it is no text"
            raise PluginError(
                f"the password of the database {self} cannot be read from {self._password_file}: {what}",
                remedy="correct `storage.passwordFile`, or the permissions of that file",
            ) from None

    def _check(self, connection: Connection) -> None:
        if connection.server_version < _OLDEST * 10_000:
            version = connection.info.parameter_status("server_version")
            raise PluginError(
                f"the database {self} is PostgreSQL {version}: {_OLDEST} or newer is needed",
                remedy="use a newer server",
            )
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise PluginError(
                f"the database {self} has the encoding {encoding}, which cannot hold every text",
                remedy="create it with `createdb --encoding=UTF8 --template=template0`",
            )


def _parse(url: str | None) -> dict[str, Any]:
    if not url:
        raise InvalidConfig("storage.url is missing: it says where PostgreSQL is", remedy=_REMEDY)
    if not re.match(r"postgres(ql)?://", url):
        raise InvalidConfig("storage.url is no URL of PostgreSQL", remedy=_REMEDY)
    try:
        options: dict[str, Any] = parse_dsn(url)
    except psycopg2.Error:  # its text has pieces of the URL
        raise InvalidConfig("storage.url is no URL that PostgreSQL understands", remedy=_REMEDY) from None
    for option, fits in _FITTING.items():
        if not fits(options.get(option, "")):
            raise InvalidConfig(f"storage.url: its {option} is none", remedy=_REMEDY)
    return options


#: What a password that is not encoded turns into, when it has a / or an @ or a colon.
_FITTING: Final[Mapping[str, Callable[[str], bool]]] = {
    "port": lambda text: re.fullmatch(r"[0-9,]*", text) is not None,
    "host": lambda text: "@" not in text or text.startswith("@"),
    "dbname": lambda text: "@" not in text,
}
