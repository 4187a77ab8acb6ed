"""Watches every write and every effect, and knows what must never be."""

from collections import Counter, defaultdict
from dataclasses import replace

from tests.moves import EXECUTION_REACH, TASK_REACH
from tests.simulation.memory import copied
from wfcore.model.execution import (
    FAILED,
    OPEN,
    PENDING,
    RUNNING,
    SUCCESS,
    TERMINAL,
)

#: What may have been told last of a task when this is told of it; "" is nothing.
STORY = {
    "task.started": {"", "task.limited", "task.lost", "task.retrying", "task.released"},
    "task.limited": {"", "task.limited", "task.retrying"},
    "task.lost": {"task.started"},
    "task.retrying": {"task.started"},
    "task.released": {"task.started"},
    "task.waiting": {"task.started"},
    "task.finished": {"task.started", "task.waiting", "task.lost"},
    "task.skipped": {"", "task.started", "task.limited", "task.lost", "task.retrying", "task.released"},
    "task.cancelled": {
        "", "task.started", "task.waiting", "task.limited", "task.lost", "task.retrying", "task.released"
    },
}  # fmt: skip
#: What is told when an attempt has come back.
NEWS = {"task.retrying", "task.waiting", "task.finished"}
#: How the lines begin that the engine itself writes.
OWN = ("waits for the limit ", "no server ")


class Historian:
    """``see`` is told of each accepted step before and after it is written, ``effect`` of each effect."""

    def __init__(self, memory, shelf):
        self.memory = memory
        self.shelf, self.told = shelf, defaultdict(lambda: ("", 0))
        self.begun, self.counts, self.stopped = {}, Counter(), set()
        self.started, self.effects = Counter(), Counter()
        self.keys, self.outputs = {}, {}
        self.sent, self.lines, self.back = Counter(), defaultdict(list), {}
        self.set_back = self.unsure = False

    def commit(self, server, steps, notify=()):
        """Write the steps of a server and hold what changes to the rules; what was refused."""
        memory = self.memory
        before = {}
        for step in steps:
            id = step.execution.id
            row = memory.rows.get(id)
            before[id] = (
                row and copied(row),
                memory.task_rows.get(id, {}),
                len(memory.fact_rows.get(id, ())),
            )
        messages = {message.id: message for message in memory.messages}
        refused = memory.commit(steps, notify)
        risen = False
        for step in steps:
            if step.execution.id not in refused:
                risen |= self._check(server, step, *before[step.execution.id])
                for number in step.taken:
                    if number in messages and messages[number].kind == "cancel":  # a permit may be withdrawn
                        kinds = [fact.kind for fact in step.facts]
                        assert "execution.cancelling" in kinds, "a cancel was swallowed"
        memory.permit_table.check()
        if risen:
            mine = [
                row.id for row in memory.rows.values() if row.owner == server.name and row.state == RUNNING
            ]
            if memory.shared:
                mine = [row.id for row in memory.rows.values() if row.state == RUNNING]
            assert len(mine) <= server.limits.workflows, f"{len(mine)} executions run at once: {mine}"
        return refused

    def _check(self, server, step, row, tasks, length):
        """One written step; whether its execution has begun to run by it."""
        record = step.execution
        queued = self.memory.shared and row is None and record.owner is None and record.state == PENDING
        assert queued or record.owner == server.name, f"{server.name} writes what is {record.owner}'s"
        epoch = (record.owner, row.epoch) if row else (record.owner, 0 if queued else 1)
        assert (record.owner, record.epoch) == epoch, "fenced"
        state = row.state if row else None
        if row is not None and state != record.state:
            assert record.state in EXECUTION_REACH[state], f"execution: {state} -> {record.state}"
        assert state not in TERMINAL, f"{record.id} is written after its end"
        if row is not None and not step.moved:
            assert replace(record, seq=row.seq) == row, f"a step of {record.id} moves more than it says"
        for task in step.tasks:
            self._check_task(record, task, tasks.get(task.path))
        self._check_facts(server, record, step.facts, length)
        if record.state in TERMINAL:
            left = {
                p: t.state for p, t in self.memory.task_rows[record.id].items() if t.state not in TERMINAL
            }
            assert not left, f"{record.id} ended before {left}"
        return record.state == RUNNING and state != RUNNING

    def _check_task(self, record, task, before):
        state = before.state if before else None
        assert state not in TERMINAL, f"{task.path} was {state} and is written again"
        assert task.state == state or task.state in TASK_REACH[state], f"{task.path}: {state} -> {task.state}"
        if before is not None:
            assert task.attempt >= before.attempt - 1
            assert task.losses >= before.losses
        if task.state == SUCCESS and not task.path.startswith("@outputs"):
            output = self.outputs.get((record.id, task.path, task.attempt), ())
            assert task.output in output, f"{task.path} got {task.output}, its attempt gave {output}"

    def _check_facts(self, server, record, facts, length):
        written = self.memory.fact_rows[record.id]
        assert len(written) == record.seq, f"{record.id} has {len(written)} facts, its row says {record.seq}"
        last = written[length - 1] if length else None
        for fact in facts:
            assert fact.seq == (last.seq if last else 0) + 1, "facts have gaps"
            assert last is None or fact.at >= last.at or self.set_back, "time runs backwards"
            assert last is None or last.kind != "execution.finished", f"{fact.kind} after the end"
            self._check_story(server, record, fact)
            last = fact
        if last is not None and record.state in TERMINAL:
            assert last.kind == "execution.finished"

    def _check_story(self, server, record, fact):
        id, kind, at = record.id, fact.kind, (record.id, fact.path)
        self.counts[*at, kind] += 1
        if kind == "log":
            self._check_line(fact)
        elif kind in ("execution.cancelling", "execution.timeout"):
            self.stopped.add(id)
        if kind not in STORY:
            return
        was, attempt = self.told[at]
        assert was in STORY[kind], f"{fact.path}: {kind} after {was}"
        assert fact.attempt == attempt + (kind == "task.started"), f"{fact.path}: {fact} after {attempt}"
        self.told[at] = (kind, fact.attempt - (kind == "task.released"))
        if kind == "task.started":
            self.started[at] += 1
            self.begun[at] = record.epoch
        elif kind == "task.lost":
            missed = (*at, fact.attempt) in self.memory.missed
            assert record.epoch > self.begun[at] or self.unsure or missed, (
                f"{fact.path} was lost, but its server was not"
            )
        elif fact.body.get("state") == FAILED and id not in self.stopped:
            self._check_failure(record, fact)
        given_up = "does not react" in fact.body.get("error", {}).get("message", "")
        if (start := self.back.get((server.name, *at, fact.attempt))) and kind in NEWS and not given_up:
            assert set(self.lines[start]) == set(range(self.sent[start])), (
                f"{fact.path} of {start} has lost lines: {self.lines[start]} of {self.sent[start]}, {fact}"
            )

    def _check_line(self, fact):
        """Lines of one start of an attempt come in order and once."""
        if fact.body["message"].startswith(OWN):
            return
        start, number = fact.body["message"].split()
        lines = self.lines[start]
        assert int(number) == len(lines) or self.unsure, f"line {number} of {fact.path} follows {lines}"
        lines.append(int(number))

    def _check_failure(self, record, fact):
        """A task fails for good when its retries are used up, or it was lost three times."""
        at, error = (record.id, fact.path), fact.body["error"]
        if error["type"] == "lost":
            assert self.counts[*at, "task.lost"] == 3, f"{fact.path} was given up too early"
        if error["type"] == "passing":
            retry = self.shelf.revision("default", record.workflow, 1)[1].task(fact.path).retry
            assert self.counts[*at, "task.retrying"] == retry.max, f"{fact.path} has retries left"

    def dispatched(self, server, attempt):
        """The owner hands an attempt to a worker."""
        if not attempt.guest:
            self._check_recorded(server, attempt.record.epoch, attempt.job)

    def effect(self, server, context):
        """An attempt's action begins to have its effect in the world."""
        at = context.execution, context.task
        self.effects[at] += 1
        assert self.effects[at] <= self.started[at], f"{at} ran more often than was recorded"
        assert self.keys.setdefault(at, context.key) == context.key, f"{at} has another key"
        key = (*at, context.attempt)
        if (
            key in server.ledger.guests
        ):  # its owner may have given it up, and this server not have heard of it
            return
        attempt = server.ledger.attempts[key]
        self._check_recorded(server, attempt.record.epoch, attempt.job)

    def _check_recorded(self, server, epoch, job):
        """Whoever still owns an execution runs what is recorded as running, and nothing else.

        But for what a stop leaves behind: it was released for the next server, in a process about to end.
        """
        row, task = self.memory.rows[job.execution], self.memory.task_rows[job.execution].get(job.path)
        if server.leaving == 3:
            return
        if (row.owner, row.epoch) == (server.name, epoch) and row.state in OPEN:
            assert task is not None, f"{job} was never recorded"
            assert (task.state, task.attempt) == (RUNNING, job.attempt), f"{job} runs, but it is {task}"

    def rest(self):
        """Everything has come to its end."""
        assert not self.memory.permit_table.rows, f"permits are left: {self.memory.permit_table.rows}"
        for id, row in self.memory.rows.items():
            assert row.state in TERMINAL, f"{id} is {row.state}"
            assert (row.state == SUCCESS) == (row.error is None)
            assert row.deadline is None
        keys = list(self.keys.values())
        assert len(keys) == len(set(keys)), "two tasks share a key"
