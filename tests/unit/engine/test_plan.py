"""Who follows whom."""

import pytest


def test_needs_and_followers(bench):
    main = bench("a c<a,b b<a d").plan.main
    assert dict(main.needs) == {"a": 0, "c": 2, "b": 1, "d": 0}
    assert dict(main.followers) == {"a": ("c", "b"), "c": (), "b": ("c",), "d": ()}


@pytest.mark.parametrize(
    ("path", "part", "name"),
    [
        ("a", "main", "a"),
        ("@on_failure/x", "on_failure", "x"),
        ("@finally/z", "finally_", "z"),
        ("@outputs", "outputs", "@outputs"),
    ],
)
def test_every_path_has_its_part_and_its_definition(bench, path, part, name):
    plan = bench("a", "x", "z", outputs=True).plan
    assert plan.part(path) is getattr(plan, part)
    assert plan.part(path).name(path) == name
    assert plan.task(path).name == name


def test_what_is_not_there(bench):
    plan = bench("a").plan
    assert plan.task("b") is None
    assert plan.task("@outputs") is None
    assert plan.task("@finally/a") is None
