"""The end of a history: nothing goes wrong any more, everything comes to rest, and is looked at."""

from tests.simulation.memory import due
from wfcore.engine.mail import Inbox
from wfcore.model.execution import OPEN, RUNNING

#: A world comes to rest within so many steps.
ENOUGH = 3000


def settle(world):
    """Those that sleep wake up, those that stop are gone, and what the dead left is taken over."""
    world.settling, world.broken = True, False
    for server in list(world.servers):
        server.sleeping, server.next_turn = False, 0
        if server.leaving:
            world.bury(server)
    owners = {server.name for server in world.servers}
    if world.memory.shared:
        owners.add(None)
    if not world.servers or any(row.owner not in owners for row in open_rows(world)):
        world.most += 1
        world.start()
    for server in world.servers:
        if world.memory.shared:
            server.beat()
        hear(server)
    for _ in range(30):  # a poisoned neighbour may spoil some
        for number, request in list(world.asked.items()):
            world.ask(world.chance.choice(world.servers), number, request)
    assert not world.asked, "a client is never answered"
    for _ in range(ENOUGH):
        if is_calm(world):
            return
        step(world)
    raise AssertionError(f"these never end: {[(row.id, row.state, row.owner) for row in open_rows(world)]}")


def open_rows(world):
    return [row for row in world.memory.rows.values() if row.state in OPEN]


def hear(server):
    """Who is told that there are messages has dealt with them, and with all else, when it has no mail."""
    server.owner.send(Inbox())
    for _ in range(ENOUGH):
        if not server.has_mail and server.storage.inbox(server.name):
            server.owner.send(Inbox())  # it has claimed an execution that has some
        if not server.has_mail:
            break
        server.next_turn = 0
        server.turn()
    assert not server.has_mail, f"{server.name} does not come to an end"
    assert not server.storage.inbox(server.name), f"{server.name} does not read its inbox"
    assert all(reply.done() for reply in server.replies), f"{server.name} does not answer"


def step(world):
    """Everybody does what there is to do; if that is nothing, time passes."""
    busy = False
    for server in list(world.servers):
        busy = busy or (server.has_mail and world.clock.now() >= server.next_turn)
        for job in [job for job in server.jobs.values() if not keeps_on(world, job)]:
            busy = True
            server.enter(job) if job.outcome is None else server.leave(job)
        server.turn()
    if not busy:
        for server in world.servers if world.memory.shared else ():
            server.beat()
        world.jump()
    world.clock.advance(0.001)
    if world.wrong:
        raise world.wrong[0]


def keeps_on(world, job):
    """Whether a deaf attempt stays: until nobody waits for it."""
    row = world.memory.task_rows[job.attempt.job.execution][job.attempt.job.path]
    awaited = (row.state, row.attempt) == (RUNNING, job.attempt.job.attempt)
    return job.deaf and job.attempt.stopped.is_set() and awaited


def is_calm(world):
    return not open_rows(world) and not any(
        server.jobs or server.owner._timers.next_at() or server.has_mail for server in world.servers
    )


def check(world):
    """What was promised has been kept, and nothing is left over."""
    memory = world.memory
    assert world.accepted <= memory.rows.keys(), "an accepted execution is lost"
    assert all(due(tick) in memory.ticks for tick in world.ticks), "a tick is lost"
    world.historian.rest()
    for id, row in memory.rows.items():
        given_up = row.error is not None and '"type": "bug"' in row.error and '"task": ""' in row.error
        assert not given_up or id in world.poisoned, f"{id} was given up: {row.error}"
        if not given_up and row.started_at is not None:
            flow = world.shelf.current("default", row.workflow).workflow
            wanted = {*flow.tasks.tasks, *(f"@finally/{name}" for name in flow.finally_.tasks)}
            assert wanted <= memory.task_rows[id].keys(), f"{id} ended without {wanted}"
    for server in world.servers:
        server.check_nothing_is_left()
