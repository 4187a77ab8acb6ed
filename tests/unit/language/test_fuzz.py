"""Any input gives a value or one of our errors, within limits, and never another exception."""

import json
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wfcore.errors import ExpressionError, InvalidInput, InvalidWorkflow
from wfcore.language import source
from wfcore.language.evaluation import Evaluation
from wfcore.language.expression import compile, compile_tree
from wfcore.language.filters import BUILTIN
from wfcore.language.inputs import check_action_inputs, coerce
from wfcore.language.load import load
from wfcore.language.render import to_json
from wfcore.language.schema import INPUT_TYPES, LATER, WORKFLOW
from wfcore.model.values import Scope
from wfcore.model.workflow import Input

RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
DOCS = Path(__file__).parents[3] / "docs" / "reference"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "a", "1", "2026-02-06", "1h", "{{ 1 }}", "a.b", "Europe/Paris", "%Y", "[a-z]+", "(", "@"]
    )
)
values = st.recursive(
    scalars,
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "key", "value", "kind", "0"]), below, max_size=4)
    ),
    max_leaves=12,
)

WORDS = [
    *BUILTIN, "default", "inputs", "tasks", "vars", "now", "true", "false", "null", "and", "or", "not", "in",
    "b",
    "a", "x", "output", "error", "secrets", "evaluation", "value",
]  # fmt: skip
SIGNS = "?? ?: == != < > <= >= .. + - * / % ~ . , : [ ] ( ) { } | ? = {{ }} ' \" \\ 1 0 2.5 1e9 99999999999 'a' \"b\" 'a.b' '%Y' \n é".split(" ")  # fmt: skip  # noqa: E501, SIM905
tokens = st.lists(st.sampled_from(WORDS) | st.sampled_from(SIGNS), max_size=25).map(" ".join)


def expressions():
    """Expressions that parse, mostly."""
    atoms = st.sampled_from(
        ["1", "0", "-2", "2.5", "'a'", "''", "'a,b'", "true", "null", "[]", "{}", "inputs.a", "inputs.b",
         "inputs", "now()",
         "inputs.q", "tasks.a", "tasks.a.output", "[1, 2]", "{a: 1}", "duration('1h')", "uuid()", "'[1]'",
         "10**9"]
    )  # fmt: skip
    infix = st.sampled_from(
        ["+", "-", "*", "/", "%", "~", "..", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or",
         "??", "?:"]
    )  # fmt: skip

    def compound(inner):
        arguments = st.lists(inner, max_size=3).map(", ".join)
        return (
            st.tuples(inner, infix, inner).map("({0[0]} {0[1]} {0[2]})".format)
            | st.tuples(inner, st.sampled_from([*BUILTIN]), arguments).map("({0[0]} | {0[1]}({0[2]}))".format)
            | st.tuples(inner, st.sampled_from([*BUILTIN])).map("({0[0]} | {0[1]})".format)
            | st.tuples(inner, inner).map("{0[0]}[{0[1]}]".format)
            | st.tuples(inner, inner, inner).map("{0[0]}[{0[1]}:{0[2]}]".format)
            | st.tuples(inner, inner, inner).map("({0[0]} ? {0[1]} : {0[2]})".format)
            | inner.map("not {}".format)
            | inner.map("-{}".format)
            | st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        )

    return st.recursive(atoms, compound, max_leaves=10)


def settled(text, context):
    """Compile and evaluate; whatever goes wrong has to be an ExpressionError with a place in the text."""
    scope = Scope(
        {"inputs": context, "tasks": {"a": {"output": context}}, "vars": {}}, 1_770_370_200_000_000, "s"
    )
    started = time.thread_time()
    try:
        value = compile(text).evaluate(scope)
        to_json(Evaluation(scope), value)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
        assert error.message
        assert "\n" not in error.message
    except Exception as error:
        # what has no JSON form is the business of whoever stores it
        assert "JSON" in str(error) or "characters of text" in str(error) or "steps" in str(error), error
        assert type(error).__name__ in ("ValueError", "Fault", "UnicodeDecodeError")
    assert time.thread_time() - started < 3


@RELAXED
@given(st.text(max_size=200))
def test_any_text_is_a_template_or_an_error(text):
    settled(text, {})
    settled("{{ " + text + " }}", {})


@RELAXED
@given(tokens, st.dictionaries(st.sampled_from(["a", "b", "x"]), values, max_size=3))
def test_any_tokens(text, context):
    settled("{{ " + text + " }}", context)


@settings(RELAXED, max_examples=600)
@given(expressions(), st.dictionaries(st.sampled_from(["a", "b"]), values, max_size=2))
def test_any_expression(text, context):
    settled("{{ " + text + " }}", context)


@settings(RELAXED, max_examples=800)
@given(st.sampled_from([*BUILTIN]), values, st.lists(values, max_size=3), st.booleans())
def test_any_filter_with_any_values(name, value, arguments, bytes_too):
    names = [f"arguments[{index}]" for index in range(len(arguments))]
    given = value.encode(errors="replace") if bytes_too and isinstance(value, str) else value
    scope = Scope({"value": given, "arguments": arguments}, 1_770_370_200_000_000, "s")
    try:
        compile(f"{{{{ value | {name}({', '.join(names)}) }}}}").evaluate(scope)
    except ExpressionError as error:
        assert (
            "<" not in error.message.split("(in {{")[0]
            or "<" in str((value, arguments))
            or "write (" in error.message
        )
        assert "Error)" not in error.message or "does not fit" not in error.message, error.message


@RELAXED
@given(values)
def test_a_tree_of_any_values_compiles_and_evaluates(value):
    try:
        tree = compile_tree(value)
    except ExpressionError:
        return
    found = tree.evaluate(Scope({}))
    assert found == (value if tree.constant else found)


yamlish = st.lists(
    st.sampled_from(
        ["a", "tasks", ":", ": ", "\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}", ",", "'", '"', "|", ">",
         "&x ", "*x",
         "<<: *x", "!t ", "#", "? ", "%", "---", "...", "1", "true", "null", "\t", "é", "\\", "{{ x }}",
         "\ufeff", "0x1", "-"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@settings(RELAXED, max_examples=500)
@given(st.binary(max_size=200) | st.text(max_size=200) | yamlish)
def test_any_bytes_are_a_document_or_located_problems(content):
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    try:
        document = source.read(content)
    except InvalidWorkflow as error:
        assert error.problems
        for problem in error.problems:
            assert 1 <= problem.line <= text.count("\n") + text.count("\r") + text.count("\u2028") + 50
            assert problem.column >= 1
            assert "\n" not in problem.message
    else:
        places(document, document.root.value, ())


def places(document, value, path):
    """Every place in every text is within the file."""
    if isinstance(value, str):
        for offset in (0, len(value) // 2, len(value)):
            at = document.problem(path, "", offset=offset)
            assert at.line >= 1
            assert at.column >= 1
    for key, below in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        places(document, below, (*path, key))


class Table:
    def rules(self, type):
        return {"core/a": {}, "core/b": {"x": {"type": "string", "required": True}}}.get(type)

    def names(self):
        return ["core/a", "core/b"]


class Anything:
    def check(self, spec):
        return spec


def checked(text):
    try:
        load(text, triggers={"manual": Anything(), "cron": Anything()}, actions=Table())
    except InvalidWorkflow as error:
        assert 0 < len(error.problems) <= 102
        assert list(error.problems) == sorted(error.problems)
        for problem in error.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert "\n" not in problem.message


KEYS = [
    *WORKFLOW,
    *WORKFLOW["tasks"]["valuesrules"]["schema"],
    *LATER["task"],
    "cron",
    "manual",
    "a",
    "b",
    "max",
    "x",
]
documents = st.recursive(
    scalars
    | st.sampled_from(
        ["core/a", "core/b", "{{ tasks.a.output }}", "{{ inputs.a }}", "tasks.b.state", *INPUT_TYPES]
    ),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=5),
    max_leaves=25,
)


@settings(RELAXED, max_examples=400)
@given(st.dictionaries(st.sampled_from([*WORKFLOW, "extra"]), documents, max_size=6))
def test_any_document_is_a_workflow_or_problems(document):
    checked(json.dumps(document))


EXAMPLES = [
    block.partition("\n")[2]
    for page in ("language.md", "expressions.md")
    for block in (DOCS / page).read_text().split("```")
    if block.startswith("yaml")
]


@settings(RELAXED, max_examples=400)
@given(st.data())
def test_damaged_examples_are_a_workflow_or_problems(data):
    text = data.draw(st.sampled_from(EXAMPLES))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 8)))
        new = data.draw(
            st.sampled_from(
                ["", " ", "\n", ":", "{", "}}", "'", '"', "-", "[", "x", "*", "&a ", "\t", "1", "|", "🙂"]
            )
        )
        text = text[:start] + new + text[end:]
    checked(text)


@RELAXED
@given(
    st.sampled_from(INPUT_TYPES),
    values | st.floats() | st.binary(max_size=5) | st.datetimes() | st.timedeltas(),
    st.booleans(),
)
def test_any_input_is_taken_or_refused(type, value, required):
    try:
        found = coerce({"x": Input("x", type, required)}, {"x": value})
    except InvalidInput as error:
        assert "\n" not in error.message
        return
    if type != "json":
        json.dumps(found, allow_nan=False)
    if isinstance(found["x"], str | int | float) and type not in ("json", "string"):
        assert coerce({"x": Input("x", type)}, found) == found
        as_text = {"x": str(found["x"])}
        assert type == "duration" or coerce({"x": Input("x", type)}, as_text) == found


@RELAXED
@given(
    st.dictionaries(
        st.text(max_size=5) | st.sampled_from(["a", "b"]), values | st.binary(max_size=3), max_size=4
    )
)
def test_any_action_inputs_are_taken_or_refused(given_):
    rules = {
        "a": {"type": "string", "allowed": ["x", "y"], "required": True},
        "b": {"type": ["dict", "list"], "minlength": 1},
    }
    try:
        assert check_action_inputs(rules, given_) == given_
    except InvalidInput as error:
        assert "\n" not in error.message
