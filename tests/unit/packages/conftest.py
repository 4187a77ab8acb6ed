"""A package as `workflow plugin build` makes it, of any module."""

import pytest

from wfcore.packages.archive import write_archive

MANIFEST = """\
plugin: 1
name: community/slack
version: 1.2.0
author: Ada
description: Slack.
license: MIT
requires: {engine: ">=0.1", abi: wf/1}
runtime: {type: wasm, module: plugin.wasm, memory: 32MiB, timeout: 10s}
actions:
  send:
    description: Post a message to a channel.
    inputs: {channel: {type: string, required: true}, message: {type: string, default: hello}}
    output: {type: dict}
permissions:
  network: ["https://slack.com/api/*"]
  secrets: {SLACK_TOKEN: ["https://slack.com/api/*"]}
"""


@pytest.fixture
def manifest():
    """The text of a sound manifest."""
    return MANIFEST


@pytest.fixture
def package():
    """``package(manifest=…, module=…, **files)``: the bytes of an archive."""

    def make(manifest=MANIFEST, module=b"\0asm\1\0\0\0", files=None):
        named = {"README.md": b"# Slack", "LICENSE": b"MIT", **(files or {})}
        return write_archive({"plugin.yaml": manifest.encode(), "plugin.wasm": module, **named})

    return make
