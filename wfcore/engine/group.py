"""What one turn of the owner has to commit, and what follows once that is durable."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from wfcore.engine.attempt import Attempt
from wfcore.engine.mail import Ended, Line, Submission
from wfcore.engine.run import Run
from wfcore.engine.timers import Timer
from wfcore.model.execution import ExecutionRecord
from wfcore.model.records import Step


@dataclass(slots=True)
class Group:
    """``touched`` runs are stepped; ``created`` are the submissions among them, by execution id;
    ``back`` are the attempts that have come back, ``letters`` the messages that are consumed, ``returned``
    executions that have not begun and are nobody's from now on.

    Only after the commit: ``replies`` (execution, where to, what) are given, ``starting`` attempts
    are dispatched, ``of_guests`` is told to their owners, ``stopping`` ones are told why, ``timers`` are set;
    ``reads_inbox``: what was claimed may have been sent messages while it was nobody's.
    """

    touched: dict[str, Run] = field(default_factory=dict)
    created: dict[str, Submission] = field(default_factory=dict)
    back: list[Attempt] = field(default_factory=list)
    starting: list[Attempt] = field(default_factory=list)
    stopping: list[tuple[Attempt, str]] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    letters: list[int] = field(default_factory=list)
    returned: list[ExecutionRecord] = field(default_factory=list)
    of_guests: list[Ended | Line] = field(default_factory=list)
    replies: list[tuple[str, Future[Any], Any]] = field(default_factory=list)
    has_read_inbox: bool = False
    reads_inbox: bool = False

    def touch(self, run: Run) -> Run:
        """This run has something to commit."""
        self.touched[run.record.id] = run
        return run

    def refuse(self, execution: str) -> None:
        """Who asked for something of this execution asked in vain: the reply is None."""
        self.replies = [(id, reply, None if id == execution else value) for id, reply, value in self.replies]

    def withdraw(self, reply: Future[Any]) -> None:
        """This one is answered by somebody else."""
        self.replies = [each for each in self.replies if each[1] is not reply]

    def answer(self) -> None:
        """Give every reply; records as they are now, since the owner goes on changing them."""
        for _, reply, value in self.replies:
            reply.set_result(value.copy() if isinstance(value, ExecutionRecord) else value)

    @property
    def queued(self) -> bool:
        """Whether something waits for any server; to be asked before the steps are made."""
        new = any(mail.record.owner is None for mail in self.created.values())
        return new or bool(self.returned) or any(run.queues for run in self.touched.values())

    def steps(self) -> list[Step]:
        """The steps of all runs that changed, in order of execution id, after what is returned."""
        steps = [Step(record, queues=True, moved=False) for record in self.returned]
        for id in sorted(self.touched):
            run, submission = self.touched[id], self.created.get(id)
            if submission is not None:
                steps.append(run.take_step(create=True, tick=submission.tick))
            elif run.dirty:
                steps.append(run.take_step())
        return steps
