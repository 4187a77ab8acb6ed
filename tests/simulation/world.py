"""The simulated world: a clock, chance, servers that die, clients that ask; one seed, one history."""

import random
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import accumulate

from tests.simulation import calm
from tests.simulation.historian import Historian
from tests.simulation.memory import Memory
from tests.simulation.server import SECOND, Died, Limits, Server
from tests.simulation.workloads import Shelf, random_workflow
from wfcore.engine import capacity, content, dispatch, owner, takeover
from wfcore.engine.dispatch import Request
from wfcore.engine.mail import Inbox, Offers, Room, Want
from wfcore.errors import Conflict, NotFound, Unavailable
from wfcore.model.execution import OPEN
from wfcore.model.records import Message, Tick
from wfsdk.contexts import ManualClock

#: What may go wrong. Each world has its own choice of these, and of how often (probability per occasion).
FAULTS = {
    "outage": 0.03,
    "late": 0.1,
    "bug": 0.02,
    "unknown": 0.03,
    "dies": 0.02,
    "dispatcher": 0.02,
    "twice": 0.05,
    "deaf": 0.08,
    "poison": 0.02,
    "clock": 0.02,
    "lease": 0.02,
    "sleep": 0.03,
}
BEHAVIOURS = (*["fine"] * 6, "retryable", "retryable", "terminal", "bug", "wait", "large")
WORK = {"turn": 30, "enter": 20, "leave": 20, "submit": 9, "jump": 4, "pass_time": 4, "start": 4, "hear": 2}
SHARED = {"beat": 4}
CONFUSION = {"cancel": 2, "post": 1, "trouble": 3, "crash": 1, "stop": 3, "lease": 1, "sleep": 2, "clock": 1}
HAPPENINGS = [*WORK, *CONFUSION, *SHARED]


class Gone(Exception):
    """The connection to a server broke while a client waited for its answer."""


class World:
    """``run`` plays one history and raises AssertionError for what must never be."""

    def __init__(self, seed, servers=1):
        self.chance = random.Random(seed)
        self.clock = ManualClock()
        self.memory = Memory()
        self.memory.shared = servers > 1
        self.shelf = Shelf([random_workflow(self.chance, f"w{n}") for n in range(self.chance.randint(1, 3))])
        self.historian = Historian(self.memory, self.shelf)
        self.most = servers
        self.faults = {what: rate for what, rate in FAULTS.items() if self.chance.random() < 0.4}
        weights = [weight * self.chance.choice((0.5, 1, 2)) for weight in WORK.values()]
        weights += [weight * self.chance.choice((0, 0.3, 1, 2)) for weight in CONFUSION.values()]
        weights += [weight * (servers > 1) for weight in SHARED.values()]
        self.weights = list(accumulate(weights))
        self.servers, self.story, self.wrong = [], [], []
        self.accepted, self.poisoned, self.asked = set(), set(), {}
        self.ticks = []
        self.settling = self.broken = False
        self.limit = self.chance.choice((1, 3, 8, 12))
        self.named = {name: self.chance.randint(1, 3) for name in ("flows", "pay", "mail")}
        self.starts = self.made = self.waiting = self.numbered = 0
        self._tune()

    def _tune(self):
        """Small pages and groups, so that a small world meets their edges."""
        owner.GROUP = self.chance.choice((1, 2, 512))
        takeover.PAGE = self.chance.choice((1, 2, 500))
        capacity.ROWS_IN_MEMORY = self.chance.choice((1, 1000))
        dispatch.PATIENCE = 0
        self.limits = Limits(self.chance.randint(1, 3), self.chance.randint(1, 4))

    def run(self):
        """Some confusion, then calm; everything must come to a good end."""
        self.start()
        for _ in range(self.chance.randint(30, 300)):
            self.step()
        calm.settle(self)
        calm.check(self)
        return self.story, self.memory.fact_rows

    def step(self):
        """Something happens."""
        what = self.chance.choices(HAPPENINGS, cum_weights=self.weights)[0]
        server = self.chance.choice(self.servers) if self.servers else None
        self.clock.advance(self.chance.random() * 0.02)
        self.story.append((what, server and server.name, self.clock.now()))
        if server is None and what not in ("jump", "pass_time", "clock"):
            what = "start"
        try:
            getattr(self, f"_{what}")(server)
        except Died:
            self.bury(server)
        if self.wrong:
            raise self.wrong[0]

    @contextmanager
    def judging(self):
        """What is wrong is remembered, since the engine survives what its parts raise."""
        try:
            yield
        except AssertionError as error:
            self.wrong.append(error)
            raise Died from error

    def _turn(self, server):
        server.turn()

    def _enter(self, server):
        new = [job for job in server.jobs.values() if job.outcome is None]
        if new and not server.sleeping:
            server.enter(self.chance.choice(new))

    def _leave(self, server):
        done = [job for job in server.jobs.values() if job.outcome is not None]
        if done and not server.sleeping:
            job = self.chance.choice(done)
            if not (job.deaf and self.chance.random() < 0.9):
                server.leave(job)

    def _submit(self, server):
        """A new execution, or the repetition of one whose answer did not come."""
        if self.waiting >= 3 or server.sleeping:
            return
        if self.made >= self.limit or (self.asked and self.chance.random() < 0.5):
            if self.asked:
                self.ask(server, *self.chance.choice(list(self.asked.items())))
            return
        self.made += 1
        flow, payload = self.chance.choice(self.shelf.ids), {"k": self.chance.choice("ab")}
        request = Request("default", flow, payload=payload, execution=f"e{self.made}")
        kind = self.chance.random()
        if kind < 0.5:
            request = replace(request, key=f"k{self.made}", execution=None)
        elif kind < 0.7:
            request = replace(request, tick=Tick("default", flow, "t", self.made, 0), execution=None)
        self.ask(server, self.made, request)

    def ask(self, server, number, request):
        """What has a key or a tick is asked for until there is an answer; else once is all."""
        again = request.key or request.tick
        if again:
            self.asked[number] = request
            self.numbered += 1
            request = replace(request, execution=f"e{number}-{self.numbered}")
        try:
            record, created = server.dispatch.submit(request)
        except (Unavailable, Gone):
            return
        self.asked.pop(number, None)
        if request.tick:
            self.ticks.append(request.tick)
        if created or request.key:
            self.accepted.add(record.id)
            assert record.id in self.memory.rows, "what is not durable was acknowledged"

    def _cancel(self, server):
        if self.waiting >= 3 or not self.memory.rows or server.sleeping:
            return
        id = self.chance.choice(list(self.memory.rows))
        with suppress(Unavailable, Gone, Conflict, NotFound):
            server.dispatch.cancel(id, "enough")
            kinds = [fact.kind for fact in self.memory.fact_rows[id]]
            posted = any(message.execution == id for message in self.memory.messages)
            ended = self.memory.rows[id].state not in OPEN  # before the message was read
            assert "execution.cancelling" in kinds or posted or ended, f"the cancel of {id} is lost"

    def _post(self, server):
        """A cancel from somebody else, delivered once or more."""
        if self.memory.rows:
            id = self.chance.choice(list(self.memory.rows))
            for _ in range(self.chance.randint(1, 2)):
                self.memory.post(Message(id, "cancel", body={"reason": "from afar"}))

    def _hear(self, server):
        server.owner.send(Inbox())

    def _beat(self, server):
        server.beat()

    def tell(self, server, what, *about):
        """The servers hear what one of them tells; some of it is lost."""
        for each in self.servers:
            if each is server or self.chance.random() < 0.2:
                continue
            if what == "queued":
                each.owner.send(Room(queued=True, slots=False))
            elif what == "room":
                each.owner.send(Room())
            elif what == "want":
                each.owner.send(Want(int(about[1]), int(about[2])))
            elif what == "offers":
                each.owner.send(Offers())
            elif what == "inbox" and about[0] == each.name:
                each.owner.send(Inbox())

    def _pass_time(self, _server):
        self.clock.advance(self.chance.choice((0.1, 1, 5, 30)))

    def _jump(self, _server):
        self.jump()

    def jump(self):
        """To the next thing that anybody waits for."""
        times = [s.owner._timers.next_at() for s in self.servers] + [s.next_turn for s in self.servers]
        later = [at for at in times if at is not None and at > self.clock.now()]
        if later:
            self.clock.advance((min(later) - self.clock.now()) / SECOND)

    def _trouble(self, _server):
        """Storage fails from now on, or works again."""
        self.broken = not self.broken and self.draws("outage", 20)

    def _crash(self, server):
        if self.chance.random() < 0.7:
            raise Died

    def _start(self, _server):
        self.start()

    def start(self):
        """A server begins, if there is room for one; with one at a time, all others are dead for it."""
        if len(self.servers) >= self.most:
            return
        self.numbered += 1
        server = Server(self, self.numbered, self.limits)
        self.servers.append(server)
        self.memory.join(server.name)
        try:
            server.start()
        except (Died, Unavailable, ValueError):
            self.bury(server)

    def _stop(self, server):
        """A step of an orderly end; after the third, it is over once the mail is dealt with."""
        if server.turning or server.sleeping:
            return
        if server.leaving < 3:
            server.begin_to_leave()
        elif not server.ledger.attempts:
            held = [t for id, r in self.memory.rows.items() if r.owner == server.name and r.state in OPEN
                    for t in self.memory.task_rows[id].values() if t.state == "RUNNING"]  # fmt: skip
            assert not held or server.has_mail, f"an orderly end left {held}"
            raise Died

    def _lease(self, server):
        """A server that lives is taken for dead."""
        if self.draws("lease", 20):
            self.memory.alive.discard(server.name)

    def _sleep(self, server):
        server.sleeping = not server.sleeping and self.draws("sleep", 20)

    def _clock(self, _server):
        if self.draws("clock", 20):
            self.clock.advance(-self.chance.choice((1, 60, 3600)))
            self.historian.set_back = True

    def bury(self, server):
        """Its process is gone, and its lease."""
        server.dead = True
        if server in self.servers:
            self.servers.remove(server)
        self.memory.alive.discard(server.name)

    def draws(self, fault, times=1):
        """Whether a fault happens on this occasion."""
        return not self.settling and self.chance.random() < self.faults.get(fault, 0) * times

    def fails(self, server):
        """Whether storage fails this server now. Raises Died when its process is gone."""
        if server.dead:
            raise Died
        return self.broken and self.chance.random() < 0.9

    def fault_of_commit(self, server, steps):
        """What happens to a commit; empty is nothing."""
        if server.dead:
            raise Died
        if self.poisoned and any('"poison":true' in (t.output or "") for step in steps for t in step.tasks):
            return "bug"
        if self.broken and self.chance.random() < 0.9:
            return "refused"
        for fault in ("late", "bug", "unknown"):
            if self.draws(fault):
                return fault
        if self.draws("dies"):
            return self.chance.choice(("dies before", "dies after"))
        return ""

    def interlude(self, server):
        """A commit takes its time, and the rest of the world takes no notice."""
        if self.waiting < 3:
            self.waiting += 1
            for _ in range(self.chance.randint(0, 5)):
                self.step()
            self.waiting -= 1
        if server.dead:
            raise Died

    def wait_for(self, reply, server):
        """A client waits for its answer, mostly until it comes."""
        self.waiting += 1
        patience = 500 if self.settling else self.chance.choice((3, 40, 40, 40))
        while not reply.done() and patience and not server.dead:
            patience -= 1
            calm.step(self) if self.settling else self.step()
        self.waiting -= 1
        if server.dead and (not reply.done() or self.chance.random() < 0.5):
            raise Gone

    def behaviour(self):
        """How an attempt ends that nobody stops."""
        if self.draws("poison"):
            return "poison"
        return self.chance.choice(BEHAVIOURS)

    def digest_of(self, value):
        """How a large value is stored."""
        return content.pack(value, self.memory)[0]


def play(seed, servers=1):
    """One history; what went wrong in it is told with its seed and its last steps."""
    world = World(seed, servers)
    try:
        return world.run()
    except BaseException as raised:
        error = world.wrong[0] if world.wrong else raised
        story = "\n".join(map(str, world.story[-30:]))
        raise AssertionError(
            f"WORKFLOW_TEST_SEED={seed} with {servers} servers:\n{story}\n{error!r}"
        ) from error
