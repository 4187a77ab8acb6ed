"""The expression cases of the security corpus, against their limits of time, memory and output."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from wfcore.errors import ExpressionError
from wfcore.language.evaluation import Evaluation
from wfcore.language.expression import compile
from wfcore.language.render import to_json
from wfcore.model.secret import Secret
from wfcore.model.values import Scope

FILE = Path(__file__).parents[4] / "shared" / "corpus" / "security" / "expr.jsonl"
LINES = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []
CASES = LINES[1:]


@pytest.mark.skipif(not LINES, reason="the security corpus is not beside this checkout")
def test_the_corpus_is_here():
    assert len(CASES) > 40


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case, capfd):
    context = dict(LINES[0]["context"])
    context["secrets"] = {name: Secret(value) for name, value in context["secrets"].items()}
    tracemalloc.start()
    started = time.thread_time()
    try:
        outcome, value = "value", compile(case["template"]).evaluate(Scope(context))
        shown = to_json(Evaluation(Scope({})), value)
    except ExpressionError as error:
        outcome, value, shown = "denied", None, error.message
    seconds, (_, peak) = time.thread_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    limits = case["limits"]
    assert seconds < limits["time_s"]
    assert peak < limits["rss_mb"] * 2**20
    assert len(shown.encode()) <= limits["out_bytes"]
    for forbidden in case.get("never_contains", ()):
        assert forbidden not in shown
    assert "\n" not in shown
    assert capfd.readouterr() == ("", "")
    match case["expect"]:
        case "value":
            assert (outcome, value) == ("value", case["value"])
        case "literal":
            assert (outcome, value) == ("value", case["template"])
        case "denied":
            assert outcome == "denied"
        case expected:
            assert expected == "denied_or_value"
