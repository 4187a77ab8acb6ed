"""A process that code has taken over says what it likes: the server stays well, and its other calls too."""

import threading
import time

import pytest

from wfcore.api import RetryableError, TerminalError
from wfcore_plugins.runtimes.wasm import process

#: In place of a sandbox process: ready at once, then it says these frames as soon as a call comes.
IMPOSTOR = """
import socket, struct, sys, time
sys.path.insert(0, sys.argv.pop(1))
from wfcore_plugins.runtimes.wasm.frames import Channel
bare = socket.socket(fileno=int(sys.argv[1]))
channel = Channel(bare, 1 << 30)
ready = {"is": "ready", "measures": ["seccomp"]}
began, end = {"is": "began", "call": 0}, {"is": "end", "call": 0, "kind": "ok", "message": ""}
ask = {"is": "ask", "call": 0}

def say(head, body=b""):
    channel.send({**head, "call": call} if "call" in head else head, body)

def wait():
    while (frame := channel.receive())[0]["is"] != "call":
        pass
    return frame[0]["call"]

if not SILENT:
    channel.send(ready)
call = wait()
SAYS
time.sleep(60)
"""
SAYS = {
    "too much at once": "bare.sendall(struct.pack('!II', 2, 1 << 31))",
    "a head without an end": "bare.sendall(struct.pack('!II', 1 << 31, 0))",
    "no frame": "bare.sendall(b'HTTP/1.1 200 OK' * 100)",
    "half a frame": "bare.sendall(struct.pack('!II', 2, 100) + b'{}'); bare.close()",
    "a head that is no object": "bare.sendall(struct.pack('!II', 1, 0) + b'7')",
    "an end before the beginning": "say(end, b'1')",
    "two beginnings": "say(began); say(began)",
    "an unknown word": "say(began); say({'is': 'obey', 'call': 0})",
    "no word": "say(began); say({'call': 0})",
    "a word that is no text": "say(began); say({'is': ['end'], 'call': 0})",
    "a call that is no number": "say(began); channel.send({'is': 'end', 'call': {}})",
    "a wish to stop": "say(began); say({'is': 'cancelled', 'call': 0})",
    "readiness again": "say(began); say(ready)",
    "measures that are none": "say({'is': 'ready', 'measures': 5}); say(began); say({'is': 'x', 'call': 0})",
    "questions without waiting": "say(began); [say(ask, b'{}') for _ in range(100_000)]",
    "brokenness": "say({'is': 'broken', 'message': 'x' * 50_000})",
}


def take_over(monkeypatch, says, silent=False):
    code = IMPOSTOR.replace("SAYS", says).replace("SILENT", str(silent))
    monkeypatch.setattr(process, "_BOOT", code)


@pytest.mark.parametrize("name", SAYS)
def test_what_has_no_place_ends_the_process_and_fails_the_call(fresh, monkeypatch, eventually, name):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    before = {thread.ident for thread in threading.enumerate()}
    with monkeypatch.context() as patch:
        take_over(patch, SAYS[name], name == "measures that are none")
        began = time.monotonic()
        with pytest.raises((TerminalError, RetryableError)) as caught:
            bench.invoke(compiled, timeout=20)
        assert caught.value.kind == "sandbox"
        assert len(caught.value.message) < 1000
        assert time.monotonic() - began < 15
    assert bench.invoke(compiled) == 1
    bench.driver.stop(5)
    eventually(lambda: {thread.ident for thread in threading.enumerate()} <= before)


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ("say(began); say(end, b'[1')", "output"),
        ("say(began); say({**end, 'kind': 'error'}, b'{}')", "trap"),
        ("say(began); say({**end, 'kind': ['ok'], 'message': 7})", "trap"),
        ("say(began)", "timeout"),
        ("say(began); say(ask, b'\\xff'); say(end, b'1'[:0])", "output"),
    ],
)
def test_an_end_that_is_none_is_an_error_of_the_call(fresh, monkeypatch, says, kind):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    take_over(monkeypatch, says)
    with pytest.raises(TerminalError) as caught:
        bench.invoke(compiled, timeout=0.2)
    assert caught.value.kind == kind


def test_questions_of_a_process_are_counted_as_those_of_code(fresh, monkeypatch):
    bench, asked = fresh(processes=1), []
    compiled = bench.js("export default () => 1")
    take_over(monkeypatch, "say(began)\nwhile True: say(ask, b'{}'); channel.receive()")
    with pytest.raises(TerminalError) as caught:
        bench.invoke(compiled, host=asked.append, calls=50)
    assert caught.value.kind == "host_calls"
    assert len(asked) == 50


def test_a_call_with_another_s_number_reaches_nobody_of_another_process(fresh, monkeypatch):
    bench = fresh(processes=2)
    compiled, entered, leave = bench.js("export default (d, ctx) => ctx.kv.get('k')"), threading.Event(), []

    def host(request):
        entered.set()
        while not leave:
            time.sleep(0.01)
        return "mine"

    results = []
    honest = threading.Thread(target=lambda: results.append(bench.invoke(compiled, host=host)))
    honest.start()
    assert entered.wait(20)
    others = "[channel.send({**end, 'call': n}, b'9') for n in range(call)]"
    take_over(monkeypatch, f"say(began); {others}; say(end, b'1')")
    assert bench.invoke(compiled) == 1
    leave.append(True)
    honest.join(20)
    assert results == ["mine"]
