"""Secrets from the environment."""

from wfcore.plugins.contracts import Secrets
from wfcore_plugins.secrets.env import EnvironmentSecrets


def test_reads_prefixed_variables_only(monkeypatch):
    monkeypatch.setenv("WORKFLOW_SECRET__API_KEY", "s3cret")
    monkeypatch.setenv("WORKFLOW_SECRET__EMPTY", "")
    monkeypatch.setenv("API_KEY", "not this")
    provider: Secrets = EnvironmentSecrets({}, None)
    assert provider.get("API_KEY") == "s3cret"
    assert provider.get("EMPTY") == ""
    assert provider.get("api_key") is None
    assert provider.get("HOME") is None
    assert provider.get("") is None
    assert list(provider.names()) == ["API_KEY", "EMPTY"]


def test_follows_a_change(monkeypatch):
    provider = EnvironmentSecrets({}, None)
    assert provider.get("LATE") is None
    monkeypatch.setenv("WORKFLOW_SECRET__LATE", "now")
    assert provider.get("LATE") == "now"
    assert provider.health() == ""
