"""Who may do what: roles in their order, namespaces by their names."""

import pytest

from wfcore.errors import Forbidden
from wfcore.model.actor import LOCAL, ROLES, Actor


def test_each_role_may_do_what_those_before_it_may():
    for place, role in enumerate(ROLES):
        assert [Actor("x", role).has(other) for other in ROLES] == [other <= place for other in range(3)]


def test_namespaces_are_compared_as_they_are():
    actor = Actor("x", "admin", ("team.a",))
    assert actor.sees("team.a")
    for other in ("team", "team.a.b", "team.b", "TEAM.A", "team.a ", "", "default"):
        assert not actor.sees(other)
        with pytest.raises(Forbidden, match="may not act in the namespace") as refused:
            actor.expect(other)
        assert "team.a" in refused.value.remedy
    actor.expect("team.a")


def test_no_namespaces_are_all():
    assert Actor("x", "viewer").sees("anything")
    LOCAL.expect("anything")
    assert LOCAL.has("admin")
