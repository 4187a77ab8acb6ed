"""One call: sent to a process, its questions answered, stopped in time, begun anew if that is lost."""

from __future__ import annotations

import queue
import time
from typing import Any, Final, NoReturn

from wfcore.api import Call, Cancel, Host, RetryableError, TaskContext, TerminalError
from wfcore_plugins.runtimes.wasm import values
from wfcore_plugins.runtimes.wasm.answers import Answers
from wfcore_plugins.runtimes.wasm.compiling import Ready
from wfcore_plugins.runtimes.wasm.failures import failure
from wfcore_plugins.runtimes.wasm.frames import Frame
from wfcore_plugins.runtimes.wasm.limits import MAX_TEXT
from wfcore_plugins.runtimes.wasm.modules import Modules
from wfcore_plugins.runtimes.wasm.pool import Closed, Pool, TooLarge
from wfcore_plugins.runtimes.wasm.worker import Lost, Seat

#: Seconds that a process has to begin a call: its own start, on a computer that is busy.
_START: Final = 30.0
#: Seconds that a call has beyond its time, and after it was told to stop, before its process is killed.
_GRACE: Final = 1.0
_STOP: Final = 0.3
#: A call may lose so many processes when no other call was to blame, and so many in all.
_CHARGED: Final = 2
_LOST: Final = 8
#: Comes between the frames of a process when the task is cancelled; known by its identity, since a process
#: could say the same words.
_CANCELLED: Final[Frame] = ({"is": "cancelled"}, b"")


class Calling:
    """``host`` decides and answers; what it raises is told to the code, but for Cancel."""

    def __init__(self, call: Call, modules: Modules, host: Host, task: TaskContext) -> None:
        self._call = call
        self._modules = modules
        self._answers = Answers(host, call.limits.calls)
        self._task = task
        self._request = _request(call)
        self._charged = self._lost = 0

    def run(self, pool: Pool) -> Any:
        """The result. Raises as ``Runtime.invoke``, and PluginError for a module that cannot run."""
        while True:
            ready = self._modules.ready(self._call.module)
            seat = self._take(pool)
            try:
                return self._attempt(pool, seat, ready)
            except Lost as lost:
                self._bear(lost, ready)
            finally:
                pool.leave(seat)

    def _take(self, pool: Pool) -> Seat:
        memory, check = self._call.limits.memory, self._task.check
        try:
            return pool.take(memory, check, nested=self._task.depth > 0, alone=self._charged > 0)
        except Closed:
            self._task.check()
            raise Cancel("the sandbox is stopping") from None
        except TooLarge:
            raise TerminalError(
                f"the code may use {memory} bytes, which is more than a sandbox process has",
                kind="memory",
                remedy="raise memory of the runtime wasm in the configuration, or lower that of the code",
            ) from None
        except OSError as error:
            raise RetryableError(f"no sandbox process can be started: {error}", kind="sandbox") from None

    def _bear(self, lost: Lost, ready: Ready) -> None:
        """Let the call begin anew, alone if it may itself be what ends processes. Raises when it may not."""
        self._task.check()
        self._lost += 1
        self._charged += lost.charged
        if lost.refused:
            self._modules.forget(ready)
        if self._charged >= _CHARGED:
            why = lost.why or "the code may need more memory than there is"
            raise TerminalError(f"its sandbox process has ended: {why}", kind="sandbox")
        if self._lost >= _LOST or not self._answers.can_repeat:
            raise RetryableError("its sandbox process has ended", kind="sandbox")

    def _attempt(self, pool: Pool, seat: Seat, ready: Ready) -> Any:
        call, limits = self._call, self._call.limits
        self._answers.rewind()
        seconds = max(0.001, self._task.remaining(limits.timeout))
        head = {
            "module": ready.module, "code": ready.code, "now": call.now, "seed": call.seed,
            "timeout": seconds, "memory": limits.memory, "output": min(limits.output, MAX_TEXT),
        }  # fmt: skip
        with self._task.on_cancel(lambda: seat.frames.put(_CANCELLED)):
            self._task.check()
            seat.begin(ready, head, self._request)
            return self._converse(pool, seat, ready, seconds)

    def _converse(self, pool: Pool, seat: Seat, ready: Ready, seconds: float) -> Any:
        """Answer until the call has ended; its time runs from when it has begun."""
        until, began = time.monotonic() + _START, False
        while True:
            frame = self._next(seat, until, began)
            if frame is _CANCELLED:
                self._halt(seat)
                self._task.check()
                raise Cancel("stopped")
            head, body = frame
            match head.get("is"):
                case "began" if not began:
                    until, began = time.monotonic() + seconds + _GRACE, True
                case "ask" if began:
                    with pool.waiting(seat):
                        answer = self._answer(seat, body)
                    seat.send({"is": "answer"}, answer)
                case "end" if began:
                    return self._result(str(head.get("kind")), str(head.get("message")), body, ready)
                case _:
                    seat.worker.condemn(seat)

    def _next(self, seat: Seat, until: float, began: bool) -> Frame:
        try:
            return seat.next(until - time.monotonic())
        except queue.Empty:
            seat.worker.condemn(seat)
        if began:
            self._fail_late()
        raise RetryableError(f"the sandbox process does not begin within {_START:g} s", kind="sandbox")

    def _answer(self, seat: Seat, question: bytes) -> bytes:
        try:
            return self._answers.to(question)
        except BaseException:
            self._halt(seat)
            raise

    def _halt(self, seat: Seat) -> None:
        """Have the call stopped, by force if need be."""
        until = time.monotonic() + _STOP
        try:
            seat.send({"is": "stop"})
            while seat.next(until - time.monotonic())[0].get("is") != "end":
                continue
        except queue.Empty:
            seat.worker.condemn(seat)
        except Lost:
            return

    def _result(self, kind: str, message: str, body: bytes, ready: Ready) -> Any:
        if kind == "ok":
            try:
                return values.decode(body)
            except ValueError as error:
                raise TerminalError(f"the result is malformed: {error}", kind="output") from None
        self._task.check()
        if kind == "timeout":
            self._fail_late()
        raise failure(kind, message, body, ready.map, self._task)

    def _fail_late(self) -> NoReturn:
        if self._task.remaining(_GRACE) < _GRACE / 2:  # it is the task's time that is over: let that say so
            self._task.sleep(_GRACE)
        self._task.check()
        raise TerminalError(f"the code takes longer than {self._call.limits.timeout:g} s", kind="timeout")


def _request(call: Call) -> bytes:
    try:
        text = values.encode({"action": call.action, "inputs": call.inputs, "context": call.context})
    except ValueError as error:
        raise TerminalError(
            f"the inputs cannot be given to the code: {error}", kind="invalid_input"
        ) from None
    if len(text) > MAX_TEXT:
        raise TerminalError(
            f"the inputs have {len(text)} bytes as JSON; code gets at most {MAX_TEXT}", kind="invalid_input"
        )
    return text
