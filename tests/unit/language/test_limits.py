"""What an evaluation may cost."""

import math
import time

import pytest

from wfcore.errors import ExpressionError
from wfcore.language.evaluation import MAX_STEPS, MAX_TEXT
from wfcore.language.expression import compile, compile_tree
from wfcore.model.values import Scope


@pytest.mark.parametrize(
    "expression",
    [
        f"1 .. {MAX_STEPS + 1}",
        "1 .. 99999999999999999999",
        f"range({MAX_STEPS + 1})",
        "range(0, 9007199254740992)",
        "(1..150000) == (1..150000)",
        "1..190000 | sort",
        "1..100000 | map('x')",
        "text ~ text ~ text",
        "text + text + text",
        "text[:] ~ text[:]",
        "text | replace('a', 'aaaa')",
        "text | indent(100) ~ text | indent(100)",
        "text | split('a')",
        "text | lines | join('x')",
        "['', text, text] | join(text)",
        "text | regex_replace('', 'ab')",
        "text | regex_find_all('')",
        "text | regex_find_all('a')",
        "text | regex_replace('aa', '\\\\0\\\\0\\\\0')",
        "text | regex_find_all('(?:[ab]*c|a)')",
        "text | regex_find('(x*y*a*){900}z')",
        "text | json | json",
        "[text, text] | json",
        "[text, text] | yaml",
        "[[text, text]] | csv",
        "text | hex",
        "text | url_encode ~ text",
        "text | slug ~ text | slug ~ text | slug",
        "'a' | pad(99999999)",
        "big | sum",
        "big | map('x') ?? 1",
        "big | unique",
        "big | chunk(1)",
        "big | jmespath('[*]')",
        "big | jmespath('[?@ > `0`]')",
        "text | jmespath('[@,@,@,@] | [@,@,@,@] | [@,@,@,@] | [@,@,@,@]')",
        "[text] | jmespath('join(@[0], [@[0], @[0], @[0]])')",
        "deep | json",
        "deep == deep2",
        "deep | flatten(99)",
        "'[' | pad(10000, '[') | from_json",
    ],
)
def test_what_would_cost_too_much_is_refused_soon(expression):
    deep, deep2 = [], []
    for _ in range(50_000):
        deep, deep2 = [deep], [deep2]
    roots = {"text": "a" * 600_000, "big": list(range(MAX_STEPS + 1)), "deep": deep, "deep2": deep2}
    started = time.thread_time()
    with pytest.raises(ExpressionError):
        compile("{{ " + expression + " }}").evaluate(Scope(roots))
    assert time.thread_time() - started < 3


def test_limits_hold_for_a_whole_tree():
    scope = Scope({"text": "a" * (MAX_TEXT // 4)})
    tree = compile_tree({f"k{i}": "{{ text ~ '' }}" for i in range(5)})
    with pytest.raises(ExpressionError, match="k4: '~': makes more than 1048576 characters"):
        tree.evaluate(scope)
    assert compile_tree({f"k{i}": "{{ text ~ '' }}" for i in range(4)}).evaluate(scope)


def test_large_values_pass_by_reference_at_no_cost():
    large = [{"x": "a" * 1000} for _ in range(50_000)]
    template = compile("{{ tasks.a.output }}")
    scope = Scope({"tasks": {"a": {"output": large}}})
    started = time.perf_counter()
    assert template.evaluate(scope) is large
    assert compile("{{ tasks.a.output[4].x | upper }}").evaluate(scope) == "A" * 1000
    assert compile("{{ tasks.a.output | length }}").evaluate(scope) == 50_000
    assert time.perf_counter() - started < 1


def test_evaluation_is_quick():
    template = compile("{{ tasks.a.output.x }}")
    scope = Scope({"tasks": {"a": {"output": {"x": 1}}}})
    count = 2000
    best = math.inf
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(count):
            template.evaluate(scope)
        best = min(best, time.perf_counter() - started)
    assert best / count < 5e-6
