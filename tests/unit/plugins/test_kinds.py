"""The table of kinds."""

from wfcore.plugins.kinds import KINDS, SECRETS, STORAGE, TRIGGERS


def test_names_and_groups_are_unique():
    assert len({kind.name for kind in KINDS}) == len({kind.group for kind in KINDS}) == len(KINDS)
    assert all(kind.group.startswith("workflow.") for kind in KINDS)


def test_verbs_come_from_the_contract():
    assert SECRETS.verbs == ("start", "stop", "health", "get", "names")
    assert {"migrate", "commit", "adopt", "sweep"} < set(STORAGE.verbs)
    assert TRIGGERS.verbs == ("start", "stop", "health", "check")


def test_settings_lie_where_the_kind_says():
    config = {
        "storage": {"type": "acme", "path": "x"},
        "secrets": {"providers": ["env"], "vault": {"url": "u"}},
    }
    assert STORAGE.settings(config, "acme") == {"path": "x"}
    assert SECRETS.settings(config, "vault") == {"url": "u"}
    assert SECRETS.settings(config, "env") == {}
    assert (STORAGE.where("acme"), SECRETS.where("vault")) == ("storage", "secrets.vault")
