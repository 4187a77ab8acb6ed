"""The door through which executions begin: checked, admitted, and durable before the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from wfcore.audit import AuditLog
from wfcore.engine.content import pack
from wfcore.engine.ids import Ids
from wfcore.engine.library import Library, Revision
from wfcore.engine.limits import recorded
from wfcore.engine.mail import CancelRequest, Submission
from wfcore.engine.owner import Owner
from wfcore.errors import Conflict, NotFound, Unavailable
from wfcore.language.inputs import coerce
from wfcore.model.actor import LOCAL, Actor
from wfcore.model.execution import OPEN, ExecutionRecord
from wfcore.model.records import Message, Tick
from wfcore.model.values import Scope
from wfcore.plugins.contracts import Clock, Storage

#: Seconds after which the owner is taken to be stuck.
PATIENCE = 30.0
_T = TypeVar("_T")


class Admission(Protocol):
    """The plugins' say about new executions."""

    def admit(self, *, workflow: str, trigger: str, inputs: Mapping[str, Any]) -> None:
        """Raises Forbidden when one objects."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked to run. ``trigger`` is the kind, ``name`` which of the workflow's triggers,
    ``payload`` what expressions see as ``trigger.*``. ``key`` makes it unique per workflow.
    ``execution`` is the id it gets, if the caller has made one."""

    namespace: str
    id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    trigger: str = "manual"
    name: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    tick: Tick | None = None
    execution: str | None = None


#: What is to begin, or what its key has begun before.
Prepared = Submission | ExecutionRecord


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Submits and cancels executions on behalf of the API, the triggers and the command line.

    ``tell`` lets the other servers know (see ``Pulse``); ``limits`` are those of the installation, by name.
    """

    storage: Storage
    library: Library
    owner: Owner
    node: str
    clock: Clock
    hooks: Admission
    ids: Ids
    tell: Callable[..., None]
    audit: AuditLog
    limits: Mapping[str, int] = field(default_factory=dict)

    def prepare(self, request: Request) -> Prepared:
        """Check what is asked for, without recording it: what ``begin`` takes.

        Raises NotFound, Conflict (disabled), InvalidInput, Forbidden.
        """
        revision = self.library.current(request.namespace, request.id)
        if not revision.enabled:
            remedy = f"enable it: workflow workflow enable {request.namespace}/{request.id}"
            raise Conflict(f"workflow {request.namespace}/{request.id} is disabled", remedy=remedy)
        earlier = self._earlier(request.namespace, request.id, request.key)
        return self._submission(request, revision) if earlier is None else earlier

    def begin(self, prepared: Sequence[Prepared]) -> list[tuple[ExecutionRecord, bool]]:
        """Create executions durably, in as few commits as the owner needs. For each (record, True), or
        the one that its key or tick made before and False. Raises Unavailable.
        """
        submissions = [one for one in prepared if isinstance(one, Submission)]
        for submission in submissions:
            self.owner.send(submission)
        try:
            return [self._begun(one) if isinstance(one, Submission) else (one, False) for one in prepared]
        except BaseException as error:
            for submission in submissions:
                submission.reply.cancel()
            if isinstance(error, Unavailable) and len(submissions) > 1:
                raise _partly(error, submissions) from error
            raise

    def submit(self, request: Request) -> tuple[ExecutionRecord, bool]:
        """Prepare and begin one execution. Raises as both do."""
        return self.begin([self.prepare(request)])[0]

    def cancel(self, execution: str, reason: str, by: Actor = LOCAL) -> None:
        """Ask the owner of an execution to cancel it; durable on return. Raises NotFound, Conflict."""
        record = self.storage.execution(execution)
        if record is None:
            raise NotFound(
                f"there is no execution {execution}", remedy="see `workflow execution list` for what is there"
            )
        if record.state in OPEN:
            address = f"{record.namespace}/{record.workflow}"
            with self.audit.act(by, "execution.cancel", execution, {"workflow": address, "reason": reason}):
                self.storage.post(Message(execution, "cancel", body={"reason": reason}))
            if record.owner in (self.node, None):
                done = self._cancel_ours(execution)
            else:
                self.tell("inbox", record.owner)
                return
            if done is None:  # it has come to another server
                self._tell_owner(execution)
            if done is not False or self.storage.facts(execution, record.seq, 1, "execution.cancelling"):
                return  # the second: its owner had read the message before it was asked
        raise Conflict(
            f"execution {execution} has already ended", remedy="see how: workflow execution inspect ID"
        )

    def holds(self, execution: str) -> bool:
        """Whether this execution is open here, and its end yet to be told to who follows it."""
        return self.owner.holds(execution)

    def _tell_owner(self, execution: str) -> None:
        record = self.storage.execution(execution)
        if record is not None and record.owner is not None:
            self.tell("inbox", record.owner)

    def _cancel_ours(self, execution: str) -> bool | None:
        """Whether it has been cancelled, or will be: the message stays until it is taken. None: not by us."""
        request = CancelRequest(execution, Future())
        self.owner.send(request)
        try:
            return request.reply.result(PATIENCE)
        except TimeoutError:
            return True

    def _begun(self, submission: Submission) -> tuple[ExecutionRecord, bool]:
        record = _answer(submission.reply)
        if record is not None:
            return record, True
        asked = submission.record
        return self._earlier(asked.namespace, asked.workflow, asked.key) or asked, False

    def _earlier(self, namespace: str, id: str, key: str | None) -> ExecutionRecord | None:
        return None if key is None else self.storage.execution_by_key(namespace, id, key)

    def _submission(self, request: Request, revision: Revision) -> Submission:
        workflow, now = revision.workflow, self.clock.now()
        inputs = coerce(workflow.inputs, request.inputs)
        self.hooks.admit(workflow=workflow.address, trigger=request.trigger, inputs=inputs)
        trigger = {**request.payload, "kind": request.trigger, "name": request.name or request.trigger}
        stored_inputs, blobs = pack(inputs, self.storage)
        stored_trigger, more = pack(trigger, self.storage)
        record = ExecutionRecord(
            id=request.execution or self.ids.make(now),
            namespace=workflow.namespace,
            workflow=workflow.id,
            revision=revision.record.revision,
            trigger_kind=request.trigger,
            trigger=stored_trigger,
            inputs=stored_inputs,
            labels={**workflow.labels, **request.labels},
            key=request.key,
            limits=self._limits(revision, inputs, trigger, now),
        )
        return Submission(record, workflow, revision.plan, request.tick, blobs + more, Future())

    def _limits(
        self, revision: Revision, inputs: Mapping[str, Any], trigger: Mapping[str, Any], now: int
    ) -> Mapping[str, tuple[str, int]]:
        if not revision.plan.limited:
            return {}
        flow = revision.workflow
        about = {
            "id": flow.id,
            "namespace": flow.namespace,
            "revision": revision.record.revision,
            "labels": dict(flow.labels),
        }
        scope = Scope({"inputs": inputs, "trigger": trigger, "workflow": about}, now)
        return recorded(revision.plan, scope, self.limits)


def _partly(error: Unavailable, submissions: Sequence[Submission]) -> Unavailable:
    """What came between: some of the others may have begun."""
    remedy = "look what has begun before you repeat it; with a `key` for each, none would begin twice"
    if all(submission.record.key is not None for submission in submissions):
        remedy = "repeat it with the same keys: what has begun does not begin again"
    return Unavailable(f"not all executions could be recorded: {error.message}", remedy=remedy)


def _answer(reply: Future[_T]) -> _T:
    """What the owner says. Raises Unavailable, and then, if it does not say otherwise, nothing was done."""
    try:
        return reply.result(PATIENCE)
    except TimeoutError:
        if reply.cancel():
            raise Unavailable("the server could not record this in time", remedy="try again later") from None
    try:
        return reply.result(PATIENCE)  # the owner is at it just now
    except TimeoutError:
        remedy = "look whether it was, or repeat it with the same Idempotency-Key"
        raise Unavailable("the server does not answer in time; this may yet be done", remedy=remedy) from None
