"""A server of the simulation: the real owner, dispatch and worker, without threads, over a bad connection."""

from dataclasses import dataclass
from functools import partial

from tests.simulation.workloads import as_stored
from wfcore.audit import AuditLog
from wfcore.engine.capacity import Capacity
from wfcore.engine.dispatch import Dispatch
from wfcore.engine.exchange import Exchange, NoExchange
from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import Adopt, Drain, Ended, Inbox, Line, Offers, Reload, Room
from wfcore.engine.owner import Owner
from wfcore.engine.slots import OwnSlots, SharedSlots
from wfcore.engine.worker import Worker
from wfcore.errors import RetryableError, TerminalError, Unavailable
from wfcore.model.execution import LIMIT, OPEN, RUNNING, TERMINAL, WAITING
from wfcore.model.outcome import Cancelled
from wfcore.plugins.contracts import Action, Result

SECOND = 1_000_000


class Died(BaseException):
    """This server's process is gone; nothing of it goes on."""


@dataclass(frozen=True)
class Limits:
    workflows: int
    tasks: int
    labels: tuple = ()


class Connection:
    """One server's way to the storage; the world decides what happens on it."""

    def __init__(self, world, server):
        self._world, self._server = world, server

    def commit(self, steps, notify=()):
        world, server = self._world, self._server
        fault = world.fault_of_commit(server, steps)
        if fault == "late":
            world.interlude(server)
        if fault == "refused":
            raise Unavailable("the simulated disk is full")
        if fault == "bug":
            raise ValueError("the simulated driver has a bug")
        if fault == "dies before":
            raise Died
        with world.judging():
            refused = world.historian.commit(server, steps, notify)
        for text in (*notify, *world.memory.permit_table.told):
            world.tell(None, *text.split())
        if fault == "dies after":
            raise Died
        if fault == "unknown":
            world.historian.unsure = True
            raise Unavailable("whether it was written is not known")
        if fault == "late":
            world.interlude(server)
        return refused

    def __getattr__(self, verb):
        call = getattr(self._world.memory, verb)

        def checked(*arguments):
            if self._world.fails(self._server):
                raise Unavailable(f"the simulated {verb} fails")
            return call(*arguments)

        return checked


class Door:
    """The owner as its Dispatch sees it: who asks waits for the answer, and the world goes on."""

    def __init__(self, world, server):
        self._world, self._server = world, server

    def send(self, mail):
        self._server.owner.send(mail)
        self._server.replies.append(mail.reply)
        self._world.wait_for(mail.reply, self._server)


@dataclass
class Job:
    """An attempt in a worker's hands. ``outcome`` is there once its action has had its effect."""

    attempt: object
    outcome: object = None
    deaf: bool = False
    start: str = ""


class Server:
    """``jobs`` are the attempts in its workers' hands; ``sleeping`` is a process that gets no time."""

    def __init__(self, world, number, limits):
        self.world, self.name, self.limits = world, f"s{number}", limits
        self.storage = Connection(world, self)
        self.capacity = Capacity(limits.workflows, limits.tasks)
        self.ledger = Ledger(self.storage, world.shelf, self.name, self.capacity)
        self.slots = OwnSlots(self.capacity)
        if world.memory.shared:
            tell = partial(world.tell, self)
            self.slots = SharedSlots(
                self.capacity, self.storage, self.name, limits.workflows, tell, self._enter
            )
        self.exchange = NoExchange()
        if world.memory.shared:
            self.ledger.offers = self.storage.offers
            self.exchange = Exchange(
                self.storage, self.ledger, self.capacity, limits.labels, partial(world.tell, self)
            )
        self.owner = Owner(self.storage, self.ledger, self.slots, self.exchange, world.clock, self)
        self.worker = Worker(self, self.storage, None, world.clock, None, {}, self, self._line, None)
        audit = AuditLog(self.storage, world.clock, self.name)
        door = Door(world, self)
        self.dispatch = Dispatch(
            self.storage,
            world.shelf,
            door,
            self.name,
            world.clock,
            self,
            None,
            partial(world.tell, self),
            audit,
            world.named,
        )
        self.jobs, self.replies = {}, []
        self.dead = self.sleeping = self.turning = False
        self.leaving = 0
        self.next_turn = 0
        self._deaf, self._acting = False, ""

    def start(self):
        self.turning = True
        self.owner.take_over(self._dispatch)
        self.turning = False

    def beat(self):
        """It renews its lease, or enters again, and hears what there is to do."""
        memory = self.world.memory
        if self.sleeping or self.leaving:
            return
        if self.name not in memory.alive:
            self.owner.send(Reload())
        living = {None, *memory.alive}
        if any(row.state in OPEN and row.owner not in living for row in memory.rows.values()):
            self.owner.send(Adopt())
        if memory.inbox(self.name):
            self.owner.send(Inbox())
        self.owner.send(Room(bool(memory.queue())))
        self.owner.send(Offers(memory.has_offers(self.name), len(memory.alive - {self.name})))

    def _enter(self):
        if not self.leaving and self in self.world.servers:
            self.world.memory.join(self.name)

    def committed(self, steps):
        """Nobody here listens."""

    def moved(self):
        """Nobody here follows an execution."""

    def admit(self, **_):
        """All are let in."""

    def retry_delay(self, **_):
        """No opinion."""

    def turn(self):
        """One turn of the owner, if it would take one: there is mail or time, and it does not pause."""
        if self.turning or self.sleeping or self.world.clock.now() < self.next_turn or not self.is_called:
            return
        self.turning = True
        self.owner.turn(wait=False)
        self.turning = False
        self.next_turn = self.world.clock.now() + round(self.owner.pause * SECOND)
        if not self.owner._recovery.stale:
            with self.world.judging():
                self._check_timers()

    @property
    def has_mail(self):
        """Whether a turn has something to do."""
        return bool(self.owner._recovery._again) or not self.owner._mail.empty() or self.owner._recovery.stale

    @property
    def is_called(self):
        """Whether the thread of a real owner would wake up."""
        at = self.owner._timers.next_at()
        return self.has_mail or (at is not None and at <= self.world.clock.now())

    def _check_timers(self):
        """After a turn there is a timer for all that waits for a time, and none for what has ended."""
        memory, live = self.world.memory, self.owner._timers._live
        for id, row in memory.rows.items():
            if row.owner != self.name or self.leaving:
                continue
            begun = any(task.state == RUNNING for task in memory.task_rows[id].values())
            wanted = [("deadline", id, "", 0, False)] if begun and row.deadline is not None else []
            if row.state == WAITING and id not in self.capacity._again:
                waiting = [
                    t for t in memory.task_rows[id].values() if t.state == WAITING and t.waiting != LIMIT
                ]
                wanted += [("due", id, task.path, 0, False) for task in waiting]
            assert live.keys() >= set(wanted), f"no timer for {set(wanted) - live.keys()}"
            if row.state in TERMINAL:
                left = [key for key in live if key[1] == id and key[0] in ("deadline", "due")]
                assert not left, f"{left} for what has ended"
        for attempt in (*self.ledger.attempts.values(), *self.ledger.guests.values()):
            if not attempt.reason and attempt.expires_at is not None:
                assert ("expire", *attempt.place) in live, f"no timer for the timeout of {attempt.place}"

    def find(self, type, pins):
        """The one action there is."""
        return Action("act", self._act)

    def _dispatch(self, job):
        if self.world.draws("dispatcher"):
            raise RuntimeError("the simulated dispatcher is broken")
        attempt = self.ledger.attempt(job)
        self.jobs[id(attempt)] = Job(attempt)
        with self.world.judging():
            assert len(self.jobs) <= self.limits.tasks, "more attempts than maxConcurrentTasks"
            self.world.historian.dispatched(self, attempt)

    def enter(self, job):
        """A worker begins with an attempt: its action has its effect, and it is settled how it will end."""
        self._deaf, self._acting = False, ""
        job.outcome = self.worker.run(job.attempt)
        job.deaf, job.start = self._deaf, self._acting

    def leave(self, job):
        """The attempt comes back; one that was told to stop does as it was told, unless it is deaf."""
        if job.attempt.stopped.is_set() and not job.deaf:
            job.outcome = self.worker.run(job.attempt)
        del self.jobs[id(job.attempt)]
        key = (self.name, job.attempt.job.execution, job.attempt.job.path, job.attempt.job.attempt)
        self.world.historian.back[key] = job.start
        for _ in range(1 + self.world.draws("twice")):
            self.owner.send(Ended(job.attempt, job.outcome))

    def _line(self, attempt, level, message):
        self.owner.send(Line(attempt, level, message))

    def _act(self, inputs, context):
        """What every task does: its effect, lines, and what chance wants."""
        world, chance = self.world, self.world.chance
        with world.judging():
            world.historian.effect(self, context)
            self._check_inputs(context, inputs)
        world.starts += 1
        self._acting = str(world.starts)
        for number in range(chance.choice((0, 0, 0, 1, 3))):
            world.historian.sent[self._acting] += 1
            context.log(f"{self._acting} {number}")
        self._deaf = world.draws("deaf")
        what = world.behaviour()
        if what == "retryable":
            raise RetryableError("not now", kind="passing", retry_after=chance.choice((None, None, 0, 7)))
        if what == "terminal":
            raise TerminalError("never", kind="broken")
        if what == "bug":
            raise KeyError("a bug of the action")
        value = {"start": world.starts, "poison": what == "poison"}
        if what == "large":
            value["large"] = "x" * 70_000
        produced = world.historian.outputs.setdefault((context.execution, context.task, context.attempt), [])
        produced.append(as_stored(value) if what != "large" else world.digest_of(value))
        if what == "poison":
            world.poisoned.add(context.execution)
        if what == "wait":
            pause = chance.choice((0, 1, 4, 6, 60, 2000)) * SECOND
            return Result(value, wait_until=world.clock.now() + pause)
        return value

    def _check_inputs(self, context, inputs):
        """What a task reads is what the tasks before it gave."""
        rows = self.world.memory.task_rows[context.execution]
        prefix = context.task.rpartition("/")[0]
        prefix = prefix and prefix + "/"
        for name, value in inputs.items():
            if rows[prefix + name].output is not None:
                assert value is not None and "start" in value, f"{name} gave {value}"

    def begin_to_leave(self):
        """The three steps of a stop: no new attempts, stop those that run, leave the deaf ones behind."""
        self.leaving += 1
        if self.leaving == 1:
            self.owner.send(Drain())
        elif self.leaving == 2:
            self.owner.send(Drain(hard=True))
        else:
            for attempt in (*self.ledger.attempts.values(), *self.ledger.guests.values()):
                if not attempt.offered:
                    self.owner.send(Ended(attempt, Cancelled()))

    def check_nothing_is_left(self):
        """A server at rest holds nothing."""
        left = {
            "runs": self.ledger.runs,
            "attempts": self.ledger.attempts,
            "guests": self.ledger.guests,
            "offered": self.capacity.offered,
            "admitted": self.capacity.admitted,
            "busy": self.capacity.busy,
            "queues": [*self.capacity._again, *self.capacity._new, *self.capacity._ready],
            "withdrawn": self.capacity._withdrawn,
            "timers": self.owner._timers._live,
            "condemned": self.owner._takeover.condemned,
        }
        left = {what: held for what, held in left.items() if held}
        assert not left, f"{self.name} still holds {left}"
