"""The drawing of a graph: every task once, below its needs, joined to them, however many there are."""

import random
import re

import pytest

from wfcore.service.graph import MOST, draw


def drawn(*tasks):
    return draw([(name, "core/set", needs.split()) for name, needs in tasks]).splitlines()


def test_nothing_is_nothing():
    assert draw([]) == ""


def test_a_chain_needs_no_corners():
    assert draw([("fetch", "core/http.get", []), ("save", "core/db.insert", ["fetch"])]).splitlines() == [
        "○  fetch  core/http.get",
        "○  save   core/db.insert",
    ]


def test_a_diamond():
    assert drawn(("start", ""), ("a", "start"), ("b", "start"), ("join", "a b")) == [
        "○    start  core/set",
        "├─╮",
        "│ ○  a      core/set",
        "○ │  b      core/set",
        "├─╯",
        "○    join   core/set",
    ]


def test_what_is_not_joined_is_set_apart():
    assert drawn(("a", ""), ("b", "")) == ["○  a  core/set", "", "○  b  core/set"]


def test_a_crossed_rail_is_not_joined():
    lines = drawn(("x", ""), ("y", ""), ("z", "x y"), ("w", "x"), ("v", "z w"))
    assert "├─│─╯" in lines


def test_many_alike_are_one_block():
    names = [f"p{i}" for i in range(40)]
    lines = drawn(("start", ""), *((name, "start") for name in names), ("join", " ".join(names)))
    assert len(lines) == 42
    assert [line[0] for line in lines] == ["○", "○", *"┊" * 39, "○"]


def test_a_need_that_follows_from_another_has_no_rail():
    assert drawn(("a", ""), ("b", "a"), ("c", "a b")) == drawn(("a", ""), ("b", "a"), ("c", "b"))


def test_needs_outside_are_left_out():
    assert drawn(("a", "elsewhere")) == ["○  a  core/set"]


@pytest.mark.parametrize("seed", range(60))
def test_every_graph_can_be_read_back(seed):
    """Follow the rails of the drawing and find the needs it was made from, but those that others imply."""
    chance = random.Random(seed)
    names = [f"t{i}" for i in range(chance.randrange(1, 41))]
    needs = {
        n: set(chance.sample(names[:i], min(i, chance.choice([0, 1, 1, 2, 3])))) for i, n in enumerate(names)
    }
    lines = draw([(name, "x", sorted(needs[name])) for name in names]).splitlines()
    above = {}
    for name in names:
        above[name] = needs[name].union(*(above[need] for need in needs[name]))
    direct = {name: needs[name] - set().union(*(above[need] for need in needs[name])) for name in names}
    assert read_back(lines) == direct


def read_back(lines):
    """Name -> needs. ``rails`` are the tasks whose results run in each column."""
    found, rails, joint = {}, {}, None
    for line in lines:
        task = re.search(r"[○┊].*?(t\d+) +x$", line)
        if not task:
            joint = line
            continue
        column = line.index("○" if "○" in line else "┊")
        if "┊" in line:
            above = next(reversed(found))
            found[task[1]] = set(found[above])
            rails[column] = rails[column] | {task[1]}
            continue
        if joint is None:
            found[task[1]] = set(rails.get(column, ()))
        else:
            ends = [c for c in range(0, len(joint), 2) if joint[c] in "├┤┼╰╯┴"]
            found[task[1]] = set().union(*(rails[c] for c in ends)) if joint.strip(" │") else set()
            for c in ends:
                if joint[c] in "╰╯┴":
                    rails.pop(c)
        rails[column], joint = {task[1]}, None
    return found


def test_what_nobody_could_read_is_not_drawn():
    """In a chain each task follows from all before it, so a drawing costs the square of its length."""
    chain = [(f"t{n}", "core/set", [f"t{n - 1}"] if n else []) for n in range(MOST + 1)]
    assert draw(chain[:-1]).count("\n") == MOST - 1
    assert draw(chain) == f"{MOST + 1} tasks, too many to draw"
