"""What is fuzzed: each target takes any bytes, and lets nothing out but what its callers expect.

A target that raises has found a bug.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from wfcore.errors import ExpressionError, Forbidden, InvalidPackage, InvalidWorkflow
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.expression import compile
from wfcore.language.load import load
from wfcore.language.render import to_json
from wfcore.model.values import Scope
from wfcore.packages.archive import read_archive, write_archive
from wfcore.packages.manifest import parse_manifest

ROOT = Path(__file__).parents[2]
INPUTS = {"a": "text", "n": 3, "list": [1, 2, {"k": None}], "nested": {"x": {"y": "é"}}}
MANIFEST = """\
plugin: 1
name: a/b
version: 1.0.0
actions: {do: {inputs: {x: {type: string, required: true}}, output: {type: dict}}}
permissions: {network: ["https://a.example/*"], secrets: {K: {to: ["https://a.example"], reveal: true}}}
"""


class Anything:
    """Triggers and actions that take whatever they are given."""

    def check(self, spec: object) -> object:
        return spec

    def rules(self, type: str) -> Mapping[str, object]:
        return {}

    def names(self) -> list[str]:
        return []

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Anything:
        return self

    def get(self, name: str, default: object = None) -> Anything:
        return self

    def __iter__(self) -> object:
        return iter(())


def workflow(data: bytes) -> None:
    """The loader: a workflow, or problems that have their places."""
    try:
        load(data, file="fuzz.yaml", triggers=Anything(), actions=Anything())  # type: ignore[arg-type]
    except InvalidWorkflow as error:
        assert error.problems
        for problem in error.problems:
            assert problem.line >= 1 and problem.column >= 1
            assert "\n" not in problem.message


def expression(data: bytes) -> None:
    """The parser and the evaluator: a value that can be stored, or an error with its place."""
    text = data.decode("utf-8", "replace")
    for template in (text, "{{ " + text + " }}"):
        scope = Scope(
            {"inputs": INPUTS, "tasks": {"t": {"output": INPUTS}}, "vars": {}}, 1_770_000_000, "seed"
        )
        try:
            to_json(Evaluation(scope), compile(template).evaluate(scope))
        except ExpressionError as error:
            assert 0 <= error.offset <= len(template)
            assert "\n" not in error.message
        except (Fault, ValueError) as error:  # of a value that has no JSON form, told to whoever stores it
            assert type(error) in (Fault, ValueError, UnicodeDecodeError), error


def manifest(data: bytes) -> None:
    """The manifest of a package, and the permissions in it."""
    try:
        parse_manifest(data.decode("utf-8", "surrogateescape"))
    except InvalidPackage as error:
        assert error.problems


def archive(data: bytes) -> None:
    """The archive of a package."""
    try:
        read_archive(data)
    except InvalidPackage as error:
        assert error.message


def url(data: bytes) -> None:
    """The grammar of URLs: one that is allowed is its own text again."""
    from wfcore.egress.url import parse

    try:
        found = parse(data.decode("latin-1"))
    except Forbidden as error:
        assert "\n" not in error.message
        return
    assert parse(found.text) == found


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (workflow, expression, manifest, archive, url)
}


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with: what is in the examples, the documentation and the tests."""
    match name:
        case "workflow":
            return [file.read_bytes() for file in sorted((ROOT / "examples").rglob("*.yaml"))]
        case "expression":
            page = (ROOT / "docs" / "reference" / "expressions.md").read_text()
            found = [line.split("{{", 1)[1].split("}}", 1)[0] for line in page.splitlines() if "{{" in line]
            return [text.strip().encode() for text in found]
        case "manifest":
            return [MANIFEST.encode()]
        case "archive":
            return [write_archive({"plugin.yaml": MANIFEST.encode(), "plugin.wasm": b"\0asm\1\0\0\0"})]
    return [b"https://user.example:8443/a/b?c=d", b"http://[::1]/", b"http://127.0.0.1"]
