"""What is in the storage of a configuration, read beside whoever owns it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wfcore.config import Config
from wfcore.errors import NotFound, Unavailable
from wfcore.plugins.catalog import Catalog
from wfcore.plugins.driver import Clock, Context
from wfcore.plugins.drivers import construct, load
from wfcore.plugins.kinds import STORAGE, Kind
from wfcore.service import packaged

if TYPE_CHECKING:
    from wfcore.plugins.storage import Storage

log = logging.getLogger("workflow.plugins")


def opened(
    installed: Catalog,
    config: Config,
    context: Callable[[Kind, str], Context],
    start: Callable[[Storage], Any],
) -> Storage | None:
    """The storage, begun by ``start``; who calls stops it.

    None when its driver cannot be read beside its owner, or there is nothing in it yet. Raises
    PluginError, InvalidConfig.
    """
    name = config["storage"]["type"]
    entry = installed.find(STORAGE, name)
    driver = load(entry)
    if "readOnly" not in driver.schema:  # type: ignore[attr-defined]
        return None
    section = {**config["storage"], "readOnly": True}
    storage: Storage = construct(entry, driver, {"storage": section}, context(STORAGE, name))
    try:
        start(storage)
    except (NotFound, Unavailable) as error:
        log.info("no installed packages can be read: %s", error)
        return None
    return storage


def packages(installed: Catalog, config: Config, clock: Clock) -> list[dict[str, Any]]:
    """The installed packages, as ``packaged.rows``; soon read, without the rest of an installation."""

    def context(kind: Kind, name: str) -> Context:
        return Context(name, logging.getLogger(f"workflow.{kind.name}.{name}"), clock, config.data_dir)

    storage = opened(installed, config, context, lambda made: made.start())
    if storage is None:
        return []
    try:
        return packaged.rows(storage, storage.packages())
    finally:
        storage.stop(1.0)
