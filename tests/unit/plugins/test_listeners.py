"""Loading the hook plugins that are installed."""

import importlib

import pytest

from wfcore.errors import PluginError
from wfcore.hooks.calls import Hooks
from wfcore.plugins.host import Host
from wfcore.plugins.listeners import load

MODULE = """
from wfcore.api import hookimpl
HEARD = []
@hookimpl
def wf_server_started(node):
    HEARD.append(node)
"""
DRIVER = """
from wfcore.api import hookimpl
class Listener:
    contract = 1
    schema = {"prefix": {"type": "string", "default": "-"}}
    heard = []
    def __init__(self, config, context): self.prefix = config["prefix"]
    def start(self): self.heard.append("start")
    def stop(self, deadline): self.heard.append("stop")
    def health(self): return ""
    @hookimpl
    def wf_server_started(self, node): self.heard.append(self.prefix + node)
"""
FACTS = {"node": "n1", "address": "http://x"}


def loaded(shelf, told, disabled=(), **config):
    """Load the hook plugins of the shelf; others that this environment has are left out."""
    drivers = shelf.drivers(**config)
    others = [entry.name for entry in drivers.catalog.entries if not entry.distribution.startswith("shelf-")]
    return load(drivers, told, [*others, *disabled])


def test_a_module_hears_at_once(shelf):
    shelf.install("shelf-module", "[workflow.hooks]\nmod = shelf_hook_module\n", shelf_hook_module=MODULE)
    hooks = Hooks()
    assert loaded(shelf, hooks) == []
    hooks.emit("wf_server_started", FACTS)
    assert importlib.import_module("shelf_hook_module").HEARD == ["n1"]


def test_a_class_is_a_driver_with_settings(shelf):
    shelf.install(
        "shelf-driver", "[workflow.hooks]\ndrv = shelf_hook_driver:Listener\n", shelf_hook_driver=DRIVER
    )
    hooks = Hooks()
    live = loaded(shelf, hooks, hooks={"drv": {"prefix": "+"}})
    with Host(hooks) as host:
        host.start(live)
        hooks.emit("wf_server_started", FACTS)
    assert live[0].driver.heard == ["start", "+n1", "stop"]


def test_every_broken_one_is_named_and_the_good_ones_load(shelf):
    shelf.install("shelf-a", "[workflow.hooks]\na = shelf_hook_a\n", shelf_hook_a="1/0")
    wrong = "from wfcore.api import hookimpl\n@hookimpl\ndef wf_server_startd(node): ...\n"
    shelf.install("shelf-b", "[workflow.hooks]\nb = shelf_hook_b\n", shelf_hook_b=wrong)
    shelf.install("shelf-c", "[workflow.hooks]\nc = shelf_hook_c\n", shelf_hook_c=MODULE)
    hooks = Hooks()
    with pytest.raises(PluginError) as caught:
        loaded(shelf, hooks)
    assert "shelf-a 1.0" in caught.value.message
    assert "ZeroDivisionError" in caught.value.message
    assert "there is no hook 'wf_server_startd' (did you mean 'wf_server_started'?)" in caught.value.message
    assert "plugins.disabled" in caught.value.remedy
    hooks.emit("wf_server_started", FACTS)
    assert importlib.import_module("shelf_hook_c").HEARD == ["n1"]


def test_a_disabled_one_is_not_even_imported(shelf):
    shelf.install("shelf-off", "[workflow.hooks]\noff = shelf_hook_off\n", shelf_hook_off="1/0")
    assert loaded(shelf, Hooks(), disabled=["off"]) == []


def test_two_of_one_name(shelf):
    shelf.install("shelf-x", "[workflow.hooks]\nx = shelf_hook_x\n", shelf_hook_x=MODULE)
    shelf.install("shelf-y", "[workflow.hooks]\nx = shelf_hook_y\n", shelf_hook_y=MODULE)
    with pytest.raises(PluginError, match=r"shelf-x 1.0 and shelf-y 1.0"):
        loaded(shelf, Hooks())
