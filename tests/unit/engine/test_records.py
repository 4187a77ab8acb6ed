"""Durable records as their users have them."""

import pytest

from wfcore.engine.records import StoredRecords


class Storage:
    def __init__(self):
        self.kept = {}

    def set_record(self, namespace, key, value, expires_at):
        self.kept[namespace, key] = value, expires_at


class Clock:
    def now(self):
        return 1_000_000


@pytest.mark.parametrize(
    ("ttl", "expires_at"), [(None, None), (2, 3_000_000), (1e300, None), (1e308, None), (10**400, None)]
)
def test_how_long_a_record_is_kept(ttl, expires_at):
    """Sandboxed code says any number: none is a bug, or more than a database can take."""
    storage = Storage()
    StoredRecords(storage, Clock(), "kv:team").set("key", [1], ttl=ttl)
    assert storage.kept == {("kv:team", "key"): ("[1]", expires_at)}
