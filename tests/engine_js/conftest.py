"""The two engine files, each compiled once, and a fresh instance for whatever is asked of them."""

import json

import pytest

from .host import Machine


@pytest.fixture(scope="session")
def machine():
    return Machine("quickjs.wasm")


@pytest.fixture(scope="session")
def stripper():
    return Machine("typescript.wasm")


@pytest.fixture
def run(machine):
    """``run(source, inputs, …)``: (0, output) or (1, error) of a module's action in a new instance.

    ``answer`` is the host; ``run.requests`` is what it was last asked.
    """

    def call(source, inputs=None, answer=None, memory=64 << 20, **more):
        instance = machine.fresh(answer, memory)
        call.requests = instance.requests
        seeds = {name: more[name] for name in ("now", "seed") if name in more}
        status, text = instance.load(source, **seeds)
        return (status, json.loads(text)) if status else instance.invoke(inputs, **more)

    call.requests = []
    return call


@pytest.fixture
def value(run):
    """The value of an expression of ``input`` and ``ctx``."""

    def evaluated(expression, inputs=None, **more):
        status, output = run(f"export default async (input, ctx) => ({expression})", inputs, **more)
        assert status == 0, output
        return output

    return evaluated


@pytest.fixture
def error(run):
    """The error of an action with this body."""

    def failed(body, inputs=None, **more):
        status, output = run(f"export default async (input, ctx) => {{ {body} }}", inputs, **more)
        assert status == 1, output
        return output

    return failed
