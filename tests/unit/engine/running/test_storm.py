"""Everything at once: many random executions, cancels, failing commits; then nothing is left over."""

import os
import random
import time

import pytest

from wfcore.errors import Conflict, NotFound, Unavailable

BODIES = (
    "type: witness/effect",
    "type: witness/effect, inputs: {seconds: 0.01}",
    "type: core/set, if: 1 > 2",
    "type: witness/effect, enabled: false",
    "type: witness/flaky, retry: {max: 2, delay: 10ms, jitter: 0.5}, inputs: {times: 2}",
    "type: witness/flaky, retry: {max: 1, delay: 5ms}, inputs: {times: 9}, continue_on_error: true",
    "type: core/fail, inputs: {message: no}",
    "type: core/wait, inputs: {for: 30ms}",
    "type: witness/gate, timeout: 40ms, inputs: {gate: never}",
    "type: witness/big, inputs: {size: 70000}",
    "type: core/log, inputs: {message: hello}",
)


def random_workflow(chance, id):
    names = [f"t{number}" for number in range(chance.randint(1, 6))]
    lines = [f"id: {id}", "tasks:"]
    for position, name in enumerate(names):
        needs = chance.sample(names[:position], chance.randint(0, min(2, position)))
        lines.append(f"  {name}: {{{chance.choice(BODIES)}, needs: [{', '.join(needs)}]}}")
    if chance.random() < 0.3:
        lines.append("timeout: 60ms")
    for part in ("on_failure", "finally"):
        if chance.random() < 0.5:
            lines += [f"{part}:", f"  {part[0]}1: {{{chance.choice(BODIES[:8])}}}"]
    if chance.random() < 0.3:
        lines.append("outputs: {done: true}")
    return "\n".join(lines)


def storm(installation, chance, executions, trouble):
    app = installation.app
    installation.apply(*(random_workflow(chance, f"w{number}") for number in range(12)))
    commit = app.storage.commit

    def unreliable(steps, *notify):
        if chance.random() < trouble:
            raise Unavailable("the disk is full") if chance.random() < 0.7 else RuntimeError("a bug")
        return commit(steps, *notify)

    app.storage.commit = unreliable
    ids = {}
    while len(ids) < executions:
        number = len(ids)
        try:
            ids[number] = installation.submit(f"w{chance.randrange(12)}", key=f"k{number}")
            if chance.random() < 0.2:
                time.sleep(chance.uniform(0, 0.02))
                app.executions.cancel(chance.choice(list(ids.values())))
        except (Unavailable, Conflict, NotFound):
            continue
    for id in ids.values():
        installation.end(id, 30)
    app.storage.commit = commit
    return ids


def check_nothing_is_left(installation):
    owner = installation.owner()
    installation.until(lambda: not owner._ledger.attempts)
    installation.end(installation.submit("w0"), 10)  # one more turn, after everything
    installation.until(lambda: not owner._ledger.runs)
    assert owner._capacity.admitted == set()
    assert owner._capacity.busy == 0
    assert owner._capacity.next_execution() is None
    assert owner._timers.next_at() is None
    assert owner._takeover.condemned == {}


@pytest.mark.parametrize("trouble", [0.0, 0.1])
def test_a_storm(installation, trouble):
    seed = int(os.environ.get("WORKFLOW_TEST_SEED") or random.randrange(10**6))
    print(f"WORKFLOW_TEST_SEED={seed}")
    with installation.open(maxConcurrentTasks=5, maxConcurrentWorkflows=7):
        ids = storm(installation, random.Random(seed), 60, trouble)
        assert installation.check_history() == len(ids)
        assert installation.stage.peak <= 5
        assert installation.stage.most <= 7
        for id in ids.values():
            for task in installation.app.storage.tasks(id):
                assert task.losses == 0, "no attempt was lost, the process lives"
        check_nothing_is_left(installation)
