"""docs/reference/javascript.md: its code compiles, and what it says is there is there."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "javascript.md").read_text()
BLOCKS = re.findall(r"^```(js|ts)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("language", "source"), BLOCKS)
def test_its_code_compiles(machine, stripper, language, source):
    if language == "ts":
        status, output = stripper.fresh().invoke({"source": source, "file": "a.ts"}, action="strip")
        assert status == 0, output
        source = output["code"]
    status, text = machine.fresh().compile(source)
    assert status == 0, text


def test_ctx_has_what_it_says_and_nothing_else(value):
    rows = re.findall(r"^\| (.*?) \|", section("`ctx`"), re.MULTILINE)
    said = set()
    for row in rows:
        base = ""
        for name in re.findall(r"`(?:await )?(ctx[\w.]+|\.\w+)[(`]", row):
            base = (
                name.rpartition(".")[0] if name.startswith("ctx") and name != "ctx.log" else base or "ctx.log"
            )
            said.add(name if name.startswith("ctx") else base + name)
    found = value(
        "Object.entries(ctx).flatMap(([name, one]) => [`ctx.${name}`, "
        "...(name === 'task' ? [] : Object.keys(one).map((inner) => `ctx.${name}.${inner}`))])"
    )
    groups = {"ctx.http", "ctx.kv", "ctx.files", "ctx.env", "ctx.secrets"}
    assert said == set(found) - groups


def test_the_globals_are_there_and_the_others_are_not(value):
    there, missing = section("Globals").split("There are no")
    names = re.findall(r"`([\w.]+)`", there)
    assert value("input.filter((name) => !(name in globalThis))", names) == []
    names = re.findall(r"`([\w.]+)`", missing.split("Base64")[0])
    assert value("input.filter((name) => name in globalThis)", names) == []
