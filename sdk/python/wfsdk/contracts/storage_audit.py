"""The part of the storage contract that is about the audit log, tokens, and what is written together."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread

import pytest

from wfcore.api import AuditQuery, AuditRecord, Conflict, Step, Storage, TokenRecord, Unavailable
from wfsdk.contracts.storage_executions import running
from wfsdk.contracts.storage_packages import package
from wfsdk.contracts.storage_workflows import revision


def entry(seq: int = 1, server: str = "a:/data", **changes: object) -> AuditRecord:
    """An entry of the audit log; ``at`` is 100 times its number."""
    known = AuditRecord(
        server, seq, seq * 100, "token/ops", "10.0.0.1", "workflow.apply", "default/flow", "ok",
        {"revision": seq, "note": "ü\n"}, f"{seq - 1:064}", f"{seq:064}",
    )  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


def token(name: str = "ops", **changes: object) -> TokenRecord:
    """A token; its digest tells its name."""
    digest = name.encode().hex().ljust(64, "0")
    known = TokenRecord(name, "operator", ("default", "team.a"), digest, 100, "admin", 900)
    return replace(known, **changes)  # type: ignore[arg-type]


class AuditContract:
    """Entries are only added, and removed from the front; acts are written with their entries or not."""

    def test_the_audit_log_of_a_server(self, storage: Storage) -> None:
        assert storage.audit_heads() == []
        assert storage.audit_chain("a:/data") == []
        entries = [entry(seq) for seq in range(1, 6)]
        for one in entries:
            storage.append_audit(one)
        storage.append_audit(entry(1, "b:/data", at=250))
        assert storage.audit_chain("a:/data") == entries
        assert storage.audit_chain("a:/data", after=2, limit=2) == entries[2:4]
        assert storage.audit_chain("none") == []
        assert storage.audit_heads() == [entries[-1], entry(1, "b:/data", at=250)]

    def test_an_entry_has_its_number_alone(self, storage: Storage) -> None:
        storage.append_audit(entry())
        with pytest.raises(Conflict):
            storage.append_audit(entry(actor="another"))
        assert storage.audit_chain("a:/data") == [entry()]

    def test_the_audit_log_newest_first(self, storage: Storage) -> None:
        mine = [entry(seq) for seq in range(1, 5)]
        others = [entry(seq, "b:/data") for seq in range(1, 3)]
        for one in (*mine, *others):
            storage.append_audit(one)
        newest_first = [mine[3], mine[2], others[1], mine[1], others[0], mine[0]]
        assert storage.audit(AuditQuery()) == newest_first
        assert storage.audit(AuditQuery(limit=3)) == newest_first[:3]
        assert storage.audit(AuditQuery(before=(200, "b:/data", 2))) == newest_first[3:]
        assert storage.audit(AuditQuery(since=200, until=400)) == newest_first[1:4]

    def test_the_audit_log_by_actor_and_action(self, storage: Storage) -> None:
        first = entry(1, action="token.create", actor="admin")
        second = entry(2, action="tokens.other")
        third = entry(3, action="token.revoke")
        for one in (first, second, third):
            storage.append_audit(one)
        assert storage.audit(AuditQuery(actor="admin")) == [first]
        assert storage.audit(AuditQuery(action="token")) == [third, first]
        assert storage.audit(AuditQuery(action="token.revoke")) == [third]
        assert storage.audit(AuditQuery(action="t%")) == []

    def test_old_entries_are_removed_from_the_front(self, storage: Storage) -> None:
        for seq in range(1, 5):
            storage.append_audit(entry(seq))
        storage.append_audit(entry(1, "b:/data"))
        assert storage.prune_audit("a:/data", 2) == 2
        assert storage.prune_audit("a:/data", 2) == 0
        assert storage.audit_chain("a:/data") == [entry(3), entry(4)]
        assert storage.audit_heads() == [entry(4), entry(1, "b:/data")]

    def test_tokens(self, storage: Storage) -> None:
        assert storage.tokens() == []
        assert storage.token(token().digest) is None
        ever = token("ever", namespaces=(), expires_at=None)
        for one in (token(), ever):
            storage.put_token(one)
        assert storage.tokens() == [ever, token()]
        assert storage.token(token().digest) == token()
        with pytest.raises(Conflict, match="ops"):
            storage.put_token(token(digest="e" * 64))
        assert storage.delete_token("ops")
        assert not storage.delete_token("ops")
        assert storage.token(token().digest) is None
        storage.put_token(token(role="viewer"))
        assert storage.tokens() == [ever, token(role="viewer")]

    def test_what_is_written_together(self, storage: Storage) -> None:
        with storage.transaction():
            storage.put_workflow(revision(1), [])
            storage.put_package(package())
            storage.append_audit(entry())
        assert storage.workflow("default", "flow") == revision(1)
        assert storage.packages() == [package()]
        assert storage.audit_chain("a:/data") == [entry()]
        with storage.transaction():
            assert storage.delete_workflow("default", "flow")
            assert storage.remove_package(package().digest)
            storage.put_token(token())
            storage.append_audit(entry(2))
        assert storage.workflows() == []
        assert storage.packages() == []
        assert storage.tokens() == [token()]
        assert len(storage.audit_chain("a:/data")) == 2

    def test_what_is_written_together_fails_together(self, storage: Storage) -> None:
        storage.append_audit(entry())
        with pytest.raises(Conflict), storage.transaction():
            storage.put_workflow(revision(1), [])
            storage.put_token(token())
            storage.append_audit(entry())
        assert storage.workflows() == []
        assert storage.tokens() == []
        with pytest.raises(Unavailable), storage.transaction():
            storage.put_token(token())
            raise Unavailable("no more")
        assert storage.tokens() == []
        storage.put_token(token())
        assert storage.tokens() == [token()]

    def test_others_write_meanwhile_or_after(self, storage: Storage) -> None:
        """What is written by other threads is not part of it, and goes on when it is over."""
        begun, storing = Event(), Event()

        def commit() -> None:
            begun.wait()
            storing.set()
            storage.commit([Step(running("0001"), create=True)])
            storage.put_token(token("other"))

        thread = Thread(target=commit)
        thread.start()
        with pytest.raises(Unavailable), storage.transaction():
            storage.put_token(token())
            begun.set()
            storing.wait()
            raise Unavailable("undone")
        thread.join()
        assert [one.name for one in storage.tokens()] == ["other"]
        assert storage.execution("0001") is not None

    def test_audit_log_and_tokens_are_there_after_a_restart(self, storage: Storage) -> None:
        storage.append_audit(entry())
        storage.put_token(token())
        storage.stop(5.0)
        storage.start()
        assert storage.audit_chain("a:/data") == [entry()]
        assert storage.tokens() == [token()]
