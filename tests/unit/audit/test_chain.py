"""Whatever is done to the log behind its back shows."""

import hashlib
import json

import pytest

from wfcore.audit import AuditLog
from wfcore.audit.chain import digest, export
from wfcore.model.actor import LOCAL
from wfcore.service.trail import Trail


@pytest.fixture
def filled(log, storage, clock):
    for number in range(1, 6):
        log.note(LOCAL, "act", str(number), "ok", {"n": number, "ü": None})
    AuditLog(storage, clock, "other:/data").note(LOCAL, "act", "x", "ok")
    return Trail(storage)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update audit set actor = 'nobody' where seq = 3", "entry 3 was changed"),
        ("update audit set detail = '{}' where seq = 3", "entry 3 was changed"),
        ("update audit set at = at + 1 where seq = 5", "entry 5 was changed"),
        ("delete from audit where seq = 3", "between the entries 2 and 4 some are missing"),
        ("delete from audit where seq < 3 and server = 'here:/data'", "what was before entry 3 is missing"),
        ("update audit set seq = seq + 10 where seq = 5", "between the entries 4 and 15 some are missing"),
    ],
)
def test_a_change_shows(filled, tamper, statement, fault):
    assert filled.verify() == {"valid": True, "servers": filled.verify()["servers"]}
    tamper.sql(statement)
    found = filled.verify()
    assert not found["valid"]
    here = next(one for one in found["servers"] if one["server"] == "here:/data")
    assert fault in here["faults"]


def test_an_entry_that_was_written_anew_with_its_digest_shows(filled, storage, tamper):
    third = export(storage.audit_chain("here:/data")[2])
    changed = digest({**third, "actor": "nobody"})
    tamper.sql(f"update audit set actor = 'nobody', digest = '{changed}' where seq = 3")
    (fault,) = next(one for one in filled.verify()["servers"] if one["server"] == "here:/data")["faults"]
    assert fault == "entry 4 does not follow from entry 3"


def test_each_log_has_its_end_to_remember(filled, storage):
    heads = {one.server: (one.seq, one.digest) for one in storage.audit_heads()}
    found = filled.verify()["servers"]
    assert {one["server"]: (one["last"], one["digest"]) for one in found} == heads
    assert {one["server"]: one["first"] for one in found} == {"here:/data": 1, "other:/data": 1}


def test_the_digest_is_what_the_documentation_says(filled, storage):
    entry = export(storage.audit_chain("here:/data")[1])
    given = entry.pop("digest")
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == given


def test_many_faults_are_named_up_to_a_number(log, storage, tamper):
    for number in range(100):
        log.note(LOCAL, "act", str(number), "ok")
    tamper.sql("update audit set actor = 'nobody'")
    (one,) = Trail(storage).verify()["servers"]
    assert len(one["faults"]) == 20
