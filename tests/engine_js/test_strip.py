"""TypeScript to JavaScript, by the engine that has the stripper in it."""

import json

import pytest

from wfcore_plugins.runtimes.wasm.sourcemap import SourceMap


@pytest.fixture
def strip(stripper):
    """``strip(source)``: (0, {code, map}) or (1, error)."""
    return lambda source: stripper.fresh().invoke({"source": source, "file": "src/a.ts"}, action="strip")


@pytest.fixture
def code(strip):
    """The JavaScript of a source."""

    def stripped(source):
        status, output = strip(source)
        assert status == 0, output
        return output["code"]

    return stripped


SOURCE = """import type { A } from "./a";
interface Input { a: number; b?: string }
type Pair<T> = [T, T];
declare const outside: string;
abstract class Base<T> {
  constructor(protected readonly n: T, public m = 1) {}
  abstract go(): void;
  declare x: number;
}
export class K extends Base<number> implements Iterable<number> {
  private y?: number;
  go(this: K): void {}
  *[Symbol.iterator](): Generator<number> { yield this.n! }
}
function over(a: string): void;
function over(a: any): void {}
export const f = <T,>(x: T, ...rest: T[]): x is T => x as unknown as boolean satisfies boolean;
export default async ({ a, b = "z" }: Input, ctx?: any): Promise<Pair<number>> => [a!, (<any>ctx)?.n];
"""


def test_types_go_and_every_line_stays(code, run):
    made = code(SOURCE)
    assert len(made.splitlines()) == len(SOURCE.splitlines())
    for word in ("interface", "type ", "declare", "implements", ": ", "satisfies", "private", "Promise<"):
        assert word not in made.replace("x: 1", ""), word
    assert run(made, {"a": 3}) == (0, [3, None])
    assert run(f"{made}\nexport const n = () => [new K(4).n, new K(4).m, ...new K(4)]", action="n") == (
        0,
        [4, 1, 4],
    )


def test_enums(code, run):
    made = code(
        "enum A { X, Y = 5, Z = 'z', W = Y | 2 }\nconst enum B { C }\n"
        "export default () => [A.X, A[5], A.Z, A.W, B.C]"
    )
    assert run(made) == (0, [0, "Y", "z", 7, 0])


def test_javascript_stays_what_it_is(code):
    source = "export default async (a, { b }, ...c) => { for await (const d of a) break; return b ?? c; }\n"
    assert code(source) == source


def test_an_import_of_types_alone_is_none(code, run):
    made = code(
        "import { A, type B } from './a';\nimport type C from './c';\n"
        "let x: A | B | C = 1;\nexport default () => x"
    )
    assert run(made) == (0, 1)


@pytest.mark.parametrize(("word", "line"), [("outside()", 4), ("b.toFixed", 5), ("throw", 6)])
def test_the_map_knows_line_and_column(strip, word, line):
    source = (
        "interface Long { name: string; other: Array<Record<string, number>> }\n"
        "declare function outside(): number;\n\n"
        "const a: Array<Record<string, number>> = [] as any, b: number = outside();\n"
        "export const c = (x: Array<string>, y?: Long): string => b.toFixed(x.length);\n"
        "export default (input: Long): never => { throw new Error(input.name as string); };\n"
    )
    output = strip(source)[1]
    shown = SourceMap(output["map"])
    row = output["code"].splitlines()[line - 1]
    place = shown.place(line, row.index(word) + 1)
    assert (place.file, place.line, place.column) == (
        "src/a.ts",
        line,
        source.splitlines()[line - 1].index(word) + 1,
    )
    assert json.loads(output["map"])["version"] == 3


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("const a: = 1;", 1, 10),
        ("let a: number = 1;\n\n  foo(;", 3, 7),
        ("export default () => {\n  const x = ;\n}", 2, 13),
        ("const a = 'x", 1, 11),
        ("type A = {", 1, 11),
    ],
)
def test_an_error_of_syntax_has_its_place(strip, source, line, column):
    status, said = strip(source)
    assert (status, said["type"]) == (1, "syntax")
    assert [(one["line"], one["column"]) for one in said["frames"]] == [(line, column)]
    assert "src/a.ts" not in said["message"]


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("let a: number;\n  namespace A { export const x = 1 }", 2, 3),
        ("export namespace A.B { export const x = 1 }", 1, 8),
        ("declare namespace A { let a: { b: 1 } }\nmodule C {}", 2, 1),
    ],
)
def test_a_namespace_with_code_is_refused(strip, source, line, column):
    status, said = strip(source)
    assert (status, said["type"]) == (1, "syntax")
    assert "namespace" in said["message"]
    assert [(one["line"], one["column"]) for one in said["frames"]] == [(line, column)]


def test_one_that_is_only_declared_is_not(code, run):
    made = code(
        "declare namespace A { const x: number; namespace B { } }\ndeclare module 'q' { namespace C { } }\n"
        "declare global { namespace D { } }\nconst namespace = 5, module = { namespace };\n"
        "export default () => module.namespace"
    )
    assert run(made) == (0, 5)


def test_source_that_nests_too_deeply(strip):
    status, said = strip("(" * 50_000)
    assert (status, said["type"]) == (1, "stack")


def test_the_source_is_never_run(strip, code):
    assert strip("throw new Error('run')")[0] == 0
    assert "Function('return this')()" in code("const a: any = Function('return this')(); a.x = 1")
