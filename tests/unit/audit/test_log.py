"""An act and its entry are written together or not at all."""

from threading import Thread

import pytest

from wfcore.audit import AuditLog
from wfcore.audit.chain import ORIGIN, digest, export
from wfcore.audit.throttle import WINDOW, WRITTEN
from wfcore.errors import Conflict, Forbidden, Unavailable
from wfcore.model.actor import LOCAL, Actor
from wfcore.service.trail import Trail
from wfsdk.contracts.storage_audit import token

OPS = Actor("token/ops", "operator", ("a",), "10.0.0.7")


def entries(storage):
    return storage.audit_chain("here:/data")


def test_an_act_leaves_an_entry(log, storage):
    with log.act(OPS, "token.create", "ci", {"role": "viewer"}):
        storage.put_token(token("ci"))
    (entry,) = entries(storage)
    assert (entry.seq, entry.actor, entry.remote) == (1, "token/ops", "10.0.0.7")
    assert (entry.action, entry.target, entry.result) == ("token.create", "ci", "ok")
    assert entry.detail == {"role": "viewer"}
    assert entry.previous == ORIGIN
    assert entry.digest == digest(export(entry))
    assert storage.tokens() == [token("ci")]


def test_entries_follow_each_other_also_after_a_restart(log, storage, clock):
    log.note(LOCAL, "a", "x", "ok")
    AuditLog(storage, clock, "here:/data").note(LOCAL, "b", "x", "ok")
    log._head = None
    log.note(LOCAL, "c", "x", "ok")
    first, second, third = entries(storage)
    assert [one.seq for one in (first, second, third)] == [1, 2, 3]
    assert (second.previous, third.previous) == (first.digest, second.digest)
    assert Trail(storage).verify()["valid"]


def test_what_cannot_be_recorded_is_not_done(log, storage, monkeypatch):
    def full(_record):
        raise Unavailable("the disk is full")

    monkeypatch.setattr(storage, "append_audit", full)
    with pytest.raises(Unavailable), log.act(LOCAL, "token.create", "ci"):
        storage.put_token(token("ci"))
    assert storage.tokens() == []
    monkeypatch.undo()
    with log.act(LOCAL, "token.create", "ci"):
        storage.put_token(token("ci"))
    assert [one.seq for one in entries(storage)] == [1]


def test_what_is_refused_is_recorded_and_not_done(log, storage):
    with pytest.raises(Conflict), log.act(OPS, "token.create", "ci", {"role": "viewer"}):
        storage.put_token(token("ci"))
        raise Conflict("there is one")
    (entry,) = entries(storage)
    assert (entry.action, entry.result) == ("token.create", "conflict")
    assert entry.detail == {"role": "viewer", "error": "there is one"}
    assert storage.tokens() == []


def test_a_bug_in_an_act_leaves_nothing(log, storage):
    with pytest.raises(ZeroDivisionError), log.act(LOCAL, "token.create", "ci"):
        storage.put_token(token("ci"))
        1 / 0  # noqa: B018
    assert entries(storage) == []
    assert storage.tokens() == []


def test_two_logs_of_one_name_do_not_fork_the_chain(log, storage, clock):
    """Such as a command beside a server that begins: the act is refused, and may be tried again."""
    log.note(LOCAL, "a", "x", "ok")
    other = AuditLog(storage, clock, "here:/data")
    other.note(LOCAL, "b", "x", "ok")
    with pytest.raises(Conflict), log.act(LOCAL, "token.create", "ci"):
        storage.put_token(token("ci"))
    assert storage.tokens() == []
    other.note(LOCAL, "c", "x", "ok")
    log.note(LOCAL, "d", "x", "ok")
    told = [(one.action, one.result) for one in entries(storage)]
    assert told == [("a", "ok"), ("b", "ok"), ("token.create", "conflict"), ("c", "ok"), ("d", "ok")]
    assert Trail(storage).verify()["valid"]


def test_threads_write_one_chain(log, storage):
    def write():
        for number in range(20):
            log.note(LOCAL, "act", str(number), "ok")

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.seq for one in entries(storage)] == list(range(1, 81))
    assert Trail(storage).verify()["valid"]


def test_time_does_not_go_back_in_it(log, storage, clock):
    log.note(LOCAL, "a", "x", "ok")
    clock.at -= 500_000
    log.note(LOCAL, "b", "x", "ok")
    first, second = entries(storage)
    assert second.at >= first.at


def test_texts_from_outside_are_lines_of_bounded_length(log, storage):
    hostile = "x\n\x1b[31m\0\u2028\ud800" + "y" * 10_000
    log.note(Actor(hostile, "viewer", remote=hostile), "a", hostile, "ok", {hostile: [hostile, 1, None]})
    (entry,) = entries(storage)
    texts = [entry.actor, entry.remote, entry.target, *entry.detail, entry.detail[entry.target][0]]
    for text in texts:
        assert len(text) == 500
        assert text.isprintable()
    assert Trail(storage).verify()["valid"]


def test_known_secrets_are_no_part_of_it(storage, clock):
    log = AuditLog(storage, clock, "here:/data", lambda text: text.replace("s3cret", "***"))
    log.note(
        Actor("as3cret", "viewer", remote="s3cret"), "a", "x" * 495 + "s3cret", "ok", {"s3cret": ["s3cret"]}
    )
    (entry,) = entries(storage)
    assert "s3cret" not in str(entry)
    assert "s3" not in entry.target, "masked before it is cut"


def test_a_flood_of_refusals_does_not_fill_the_log(log, storage, clock):
    nobody = Actor("anonymous", "viewer", remote="10.0.0.1")
    for _ in range(WRITTEN + 500):
        log.refused(nobody, "request.deny", "GET /x", Forbidden("no"))
    assert len(entries(storage)) == WRITTEN
    log.refused(Actor("anonymous", "viewer", remote="10.0.0.2"), "request.deny", "GET /x", Forbidden("no"))
    assert len(entries(storage)) == WRITTEN + 1
    clock.seconds += WINDOW
    log.refused(nobody, "request.deny", "GET /x", Forbidden("no"))
    assert entries(storage)[-1].detail == {"error": "no", "unwritten": 500}


def test_a_flood_from_everywhere_does_not_fill_it_either(log, storage):
    for number in range(3000):
        nobody = Actor("anonymous", "viewer", remote=f"10.0.{number >> 8}.{number & 255}")
        log.denied(nobody, "request.deny", "GET /x", "unauthorized", {})
    assert len(entries(storage)) <= 1000 + WRITTEN
    assert len(log._throttle._seen) <= 1001


def test_a_refusal_stands_when_it_cannot_be_recorded(log, storage, caplog):
    storage.stop(1)
    log.refused(OPS, "workflow.apply", "b/flow", Forbidden("no"))
    assert "b/flow by token/ops was refused, and not recorded" in caplog.text
    storage.start()


def test_old_entries_go_and_what_is_left_can_be_verified(log, storage, clock):
    for number in range(5):
        log.note(LOCAL, "act", str(number), "ok")
    AuditLog(storage, clock, "gone:/data").note(LOCAL, "act", "x", "ok")
    assert log.prune(clock.at - 100_000) == 0
    kept = entries(storage)[3]
    assert log.prune(kept.at) == 3
    assert [one.seq for one in entries(storage)] == [4, 5, 6]
    assert entries(storage)[-1].action == "audit.prune"
    assert Trail(storage).verify()["valid"]
    assert log.prune(clock.at + 1) == 2, "the last entry of each log stays"
    assert [one.seq for one in entries(storage)] == [6, 7]
    assert Trail(storage).verify()["valid"]
