"""Permits of limits in the simulated storage, and what must never be about them."""

from collections import Counter
from dataclasses import dataclass, replace

from wfcore.model.execution import OPEN, PENDING, RUNNING, WAITING
from wfcore.model.records import Message, Permit

#: Somebody was told to give way to a newer one.
GONE = "gone"


@dataclass
class Row:
    name: str
    most: int
    manner: str
    held: bool = False


class Permits:
    """``rows`` by (execution, path); ``told`` are the notifications of the last commit."""

    def __init__(self, memory):
        self.memory, self.rows, self.told = memory, {}, []

    def write(self, drafts):
        """What the drafts of a commit give back and ask for."""
        self.told = []
        frees = {(id, path): free for id, draft in drafts.items() for path, free in draft.frees.items()}
        asks = {(id, path): ask for id, draft in drafts.items() for path, ask in draft.asks.items()}
        for key in frees:
            self.rows.pop(key, None)
            self.memory.messages = [
                m for m in self.memory.messages if (m.execution, m.path, m.kind) != (*key, "permit")
            ]
        for key, ask in asks.items():
            row = self.rows.setdefault(key, Row(ask.limit, ask.most, ask.manner))
            row.most = ask.most
        for ask in asks.values():
            if ask.manner == "cancel_oldest":
                self._replace(ask)
        for name in {each.limit for each in (*frees.values(), *asks.values())}:
            self._hand_out(name)
        for key, ask in asks.items():
            if ask.manner in ("skip", "fail") and not self.rows[key].held:
                self.memory.post(Message(key[0], "denied"))

    def of(self, name):
        return sorted((key, row) for key, row in self.rows.items() if row.name == name)

    def _replace(self, ask):
        for key, row in self.of(ask.limit)[: -ask.most]:
            if row.manner != GONE:
                row.manner = GONE
                self.memory.post(Message(key[0], "cancel", body={"reason": "a newer one"}))
                self._tell(key[0])

    def _hand_out(self, name):
        rows = [row for _, row in self.of(name)]
        waiting = [(key, row) for key, row in self.of(name) if not row.held and row.manner != GONE]
        room = waiting[-1][1].most - sum(row.held for row in rows) if waiting else 0
        for key, row in waiting[: max(0, room)]:
            row.held = True
            self.memory.post(Message(key[0], "permit", key[1]))
            self._tell(key[0])

    def _tell(self, execution):
        owner = self.memory.rows[execution].owner
        if self.memory.shared and owner:
            self.told.append(f"inbox {owner}")

    def check(self):
        """Never more hold a permit than may, and who acts as if it had one has it."""
        held = Counter(row.name for row in self.rows.values() if row.held)
        for row in self.rows.values():
            assert held[row.name] <= row.most, f"{held[row.name]} hold {row.name}, {row.most} may"
        acting = Counter()
        for id, execution in self.memory.rows.items():
            if not execution.limits or execution.state not in OPEN:
                continue
            for path, (name, most) in execution.limits.items():
                if self._acts(execution, path):
                    acting[name] += 1
                    assert self.rows[id, path].held, f"{path!r} of {id} goes on without a permit"
                    assert acting[name] <= most, f"{acting[name]} act under {name}, {most} may"

    def _acts(self, execution, path):
        if not path:
            return execution.state in (RUNNING, WAITING) or execution.waiting is None
        task = self.memory.task_rows[execution.id].get(path)
        return task is not None and task.state in (PENDING, RUNNING)

    def read(self, execution):
        """The permits of an execution, as the contract has them."""
        mine = [(path, row) for (id, path), row in sorted(self.rows.items()) if id == execution]
        found = [Permit(row.name, row.most, path, held=row.held) for path, row in mine]
        return [replace(p, in_use=sum(r.held for _, r in self.of(p.limit))) for p in found]
