"""From a name to a driver, and everything that can be wrong on the way."""

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from wfcore.errors import InvalidConfig, PluginError
from wfcore.plugins import catalog
from wfcore.plugins.catalog import Catalog
from wfcore.plugins.contracts import Context
from wfcore.plugins.kinds import HOOKS, SECRETS, TRIGGERS
from wfcore.plugins.listing import problems

from .conftest import SECRETS as VAULT


def build(shelf, **section):
    return shelf.drivers(secrets={"chest": section}).build(SECRETS, "chest")


def test_builds_the_named_driver_with_its_section_and_context(vault):
    driver = build(vault, url="http://x", tls={})
    assert driver.config == {"url": "http://x", "timeout": 5, "tls": {"verify": True}}
    assert isinstance(driver.context, Context)
    assert driver.context.name == "chest"


def test_imports_only_what_is_named(vault):
    points = "[workflow.secrets]\nbomb = shelf_bomb:Bomb\n"
    vault.install("shelf-bomb", points, shelf_bomb="raise RuntimeError('imported')")
    assert build(vault, url="http://x")
    assert "shelf_bomb" not in sys.modules


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "secrets.chest.url: is missing"),
        ({"url": "u", "timeot": 3}, r"secrets.chest.timeot: unknown key \(did you mean '?timeout'?\?\)"),
        ({"url": 5}, "secrets.chest.url: must be text"),
        ({"url": "u", "timeout": 0}, "secrets.chest.timeout: must be at least 1"),
        ({"url": "u", "tls": {"verfy": False}}, "secrets.chest.tls.verfy: unknown key"),
    ],
)
def test_refuses_a_section_that_does_not_fit(vault, section, message):
    with pytest.raises(InvalidConfig, match=message) as caught:
        build(vault, **section)
    assert "shelf-vault 1.0" in caught.value.remedy


def test_all_faults_of_a_section_at_once(vault):
    with pytest.raises(InvalidConfig) as caught:
        build(vault, timeout="x", other=1)
    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            "import no_such_module_here",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module_here'",
        ),
        ("1/0", "cannot be imported: ZeroDivisionError"),
        ("assert False, 'hm'", "cannot be imported: AssertionError: hm"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("def broken(", "cannot be imported: SyntaxError"),
        ("", "cannot be imported: AttributeError"),
        ("Vault = 5", "is no class but int"),
        ("def Vault(config, context): ...", "is no class but function"),
        (VAULT.replace("contract = 1", "contract = 2"), "has contract 2, this is a kernel of contract 1"),
        (VAULT.replace("contract = 1", ""), "has contract None"),
        (VAULT.replace("contract = 1", "contract = True"), "has contract True"),
        (VAULT.replace("def names", "def list"), r"lacks names\(\)"),
        (VAULT.replace('    def health(self): return ""\n', "    health = 'well'\n"), r"lacks health\(\)"),
        (VAULT.replace("schema =", "rules ="), "schema that is not valid: TypeError: 'schema' is no mapping"),
        (VAULT.replace('"type": "string"', '"typ": "string"'), "schema that is not valid"),
        (VAULT.replace('"type": "string"', '"type": "strnig"'), "schema that is not valid"),
        (
            VAULT.replace("self.config, self.context =", "self.config = 1 / 0 #"),
            "cannot be built: ZeroDivisionError",
        ),
    ],
)
def test_a_broken_one_is_named(shelf, module, message, request):
    name = f"shelf_broken_{abs(hash(request.node.name))}"
    shelf.install("shelf-broken", f"[workflow.secrets]\nchest = {name}:Vault\n", "0.9", **{name: module})
    with pytest.raises(PluginError, match=message) as caught:
        build(shelf, url="u")
    said = caught.value.message
    assert said.startswith(f"secrets 'chest' (shelf-broken 0.9, workflow.secrets: {name}:Vault)")
    assert "\n" not in said
    assert "update or uninstall shelf-broken" in caught.value.remedy
    assert caught.value.exit_code == 7


def test_an_addressed_trigger_is_whole_or_none(shelf):
    text = VAULT.replace("def get(self, name)", "def check(self, spec)").replace(
        "def names(self)", "def address(self, spec)"
    )
    shelf.install("shelf-half", "[workflow.triggers]\nhalf = shelf_half:Vault\n", shelf_half=text)
    with pytest.raises(PluginError, match=r"lacks accept\(\)"):
        shelf.drivers().build(TRIGGERS, "half")


def test_problems_names_what_is_broken_and_what_clashes(vault):
    vault.install("shelf-bad", "[workflow.hooks]\nbad = shelf_bad\n", shelf_bad="1/0")
    vault.install("shelf-thief", "[workflow.secrets]\nchest = shelf_vault:Vault\n")
    drivers = vault.drivers()
    found = {(entry.distribution, entry.name): problem for entry, problem in problems(drivers.catalog)}
    assert "ZeroDivisionError" in found["shelf-bad", "bad"]
    assert "shelf-thief 1.0 and shelf-vault 1.0" in found["shelf-vault", "chest"]
    assert drivers.catalog.find(HOOKS, "bad").source == "shelf-bad 1.0"


def test_problems_is_silent_about_good_ones(vault):
    found = {entry.name: problem for entry, problem in problems(vault.drivers().catalog)}
    assert found["chest"] == ""


def test_what_came_with_the_kernel_is_not_imported_to_be_listed():
    code = (
        "import sys, wfcore.plugins.catalog as c, wfcore.plugins.listing as l; rows = l.rows(c.read())\n"
        "print(*(row['name'] for row in rows if row['state'] != 'available'), *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"wfcore_plugins.storage.postgres", "peewee", "broken"} & set(done.stdout.split())


def test_a_module_of_the_kernel_that_is_gone_is_broken(monkeypatch):
    entry = catalog.read().entries[0]
    gone = EntryPoint(entry.name, "wfcore_plugins.gone:Gone", entry.kind.group)
    lost = Catalog([replace(entry, value=gone.value, point=gone)])
    ((_, problem),) = problems(lost)
    assert problem == f"{lost.entries[0]} cannot be imported: there is no module wfcore_plugins.gone"


def test_the_catalogue_needs_no_stevedore():
    code = "import sys, wfcore.plugins.catalog as c; c.read(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"stevedore", "pluggy", "cerberus", "yaml", "peewee", "falcon"}
    assert not heavy & set(loaded)
