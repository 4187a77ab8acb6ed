"""A storage with something of everything in it, odd texts included."""

import json

from wfcore.api import (
    Fact,
    Message,
    PackageRecord,
    Permit,
    SecretRecord,
    Step,
    TaskRecord,
    Tick,
    TriggerRecord,
    WorkflowRecord,
)
from wfsdk.contracts.storage_audit import entry, token
from wfsdk.contracts.storage_executions import running

ODD = 'ünï\n"\\u0000" \U0001f600'


def fill(storage, executions=450):
    """More executions than are moved at once; the digests of the content."""
    blobs = [storage.put_blob(bytes([number]) * 70_000) for number in range(3)]
    module = storage.put_blob(b"\0asm module")
    storage.put_package(
        PackageRecord(
            "d" * 64, "community/hi", "1.0.0", "plugin: 1", module, {"env": ["A"]}, {"S": "t"}, 5, True
        )
    )
    triggers = [
        TriggerRecord("default", "w1", "cron", "cron", None, 100),
        TriggerRecord("default", "w1", "hook", "webhook", "POST /x", None),
    ]
    for revision in (1, 2):
        files = {"file": "w.yaml", "files": {"a.ts": ODD}, "plugins": {"community/hi": "d" * 64}}
        record = WorkflowRecord(
            "default", "w1", revision, f"# {ODD}", f"{revision}" * 64, True, 1, 2, **files
        )
        storage.put_workflow(record, triggers)
    storage.put_workflow(WorkflowRecord("other", "gone", 1, "x", "0" * 64), [])
    storage.delete_workflow("other", "gone")
    steps = []
    for number in range(executions):
        state = ("RUNNING", "SUCCESS", "WAITING", "PENDING")[number % 4]
        record = running(
            f"{number:06}", workflow="w1", state=state, seq=2, labels={"team": ODD}, key=f"k{number}",
            ended_at=number if state == "SUCCESS" else None, inputs=json.dumps({"a": [1.5, ODD]}),
        )  # fmt: skip
        tasks = [
            TaskRecord("a", "SUCCESS", output='"x"'),
            TaskRecord("b", "WAITING", waiting="timer", due_at=9),
        ]
        facts = [Fact(1, 1, "execution.created"), Fact(2, 2, "log", "a", 1, {"message": ODD})]
        tick = Tick("default", "w1", "cron", number, number + 1) if number % 10 == 0 else None
        refer = (blobs[number % 3],) if number % 5 == 0 else ()
        steps.append(Step(record, True, tick, tasks, facts, refer))
    assert not storage.commit(steps)
    waits = {"state": "WAITING", "workflow": "w1", "limits": {"a": [ODD, 1]}, "seq": 2}
    limited = [running(f"limit{number}", key=f"kl{number}", **waits) for number in range(3)]
    assert not storage.commit([Step(each, True, asks=[Permit(ODD, 1, "a")]) for each in limited])
    storage.post(Message("000000", "cancel", body={"reason": ODD}))
    storage.post(Message("000002", "cancel"))
    for number in (1, 2, 3):
        storage.append_audit(entry(number, target=ODD))
    storage.append_audit(entry(1, "b:/data"))
    storage.put_token(token())
    storage.put_token(token("ever", namespaces=(), expires_at=None))
    storage.put_secret(SecretRecord("ops", "TOKEN", 1, "m1", "AQ==", 1, 2))
    storage.set_record("kv", ODD, '"v"', None)
    storage.set_record("kv", "soon", "1", 10**18)
    return [*blobs, module]


def seen(storage, digests):
    """What a storage tells of all that, by the verbs of its contract."""
    from wfcore.api import ExecutionQuery

    records = storage.executions(ExecutionQuery(limit=10_000))
    return {
        "executions": records,
        "tasks": {one.id: storage.tasks(one.id) for one in records[:20]},
        "facts": {one.id: storage.facts(one.id) for one in records[:20]},
        "workflows": storage.workflows(),
        "revisions": [storage.revisions(*address) for address in (("default", "w1"), ("other", "gone"))],
        "triggers": [storage.triggers(), storage.trigger_at("POST /x")],
        "packages": storage.packages(),
        "secrets": storage.secrets(),
        "audit": [storage.audit_chain("a:/data"), storage.audit_heads()],
        "tokens": storage.tokens(),
        "records": [storage.get_record("kv", key, 0) for key in (ODD, "soon")],
        "inbox": [(one.execution, one.kind, dict(one.body)) for one in storage.inbox("me")],
        "content": [storage.get_blob(digest) for digest in digests],
    }  # fmt: skip
