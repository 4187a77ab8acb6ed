"""The pages on hooks and drivers tell everything that the contracts say, in the same words."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from wfcore.hooks import spec
from wfcore.plugins import contracts, offers
from wfcore.plugins.kinds import KINDS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
HOOKS = [value for name, value in vars(spec).items() if name.startswith("wf_")]
DRIVERS = [kind for kind in KINDS if kind.contract is not None]
PROTOCOLS = [
    contracts.Driver,
    contracts.Storage,
    contracts.Copyable,
    contracts.Movable,
    contracts.Rows,
    contracts.Secrets,
    contracts.Runtime,
    contracts.Actions,
    contracts.TaskContext,
    contracts.Trigger,
    contracts.TimedTrigger,
    contracts.AddressedTrigger,
    contracts.KeyedTrigger,
    contracts.Dispatcher,
    contracts.Registry,
    contracts.IndexedRegistry,
    contracts.OpenRegistry,
    contracts.Courier,
    contracts.SharedStorage,
    offers.Offers,
]


def page(name):
    return " ".join((REFERENCE / name).read_text().split())


def said(thing):
    return " ".join(inspect.getdoc(thing).replace("``", "`").split())


def signature(function, skip=0):
    shown = []
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        shown.append(parameter.name + default)
    return f"`{function.__name__}({', '.join(shown)})`"


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_is_there_under_its_kind(hook):
    kind, _, text = said(hook).partition(": ")
    section = re.split(r" ## (\w+) ", page("hooks.md"))
    section = dict(zip(section[1::2], section[2::2], strict=True))[f"{kind}s"]
    assert f"### {signature(hook)} {text[0].upper()}{text[1:]}" in section


def test_there_is_no_hook_that_is_not():
    assert re.findall(r"### `(\w+)", page("hooks.md")) == [
        hook.__name__ for hook in sorted(HOOKS, key=by_kind)
    ]


def by_kind(hook):
    return ["Event", "Contribution", "Decision"].index(said(hook).partition(":")[0])


@pytest.mark.parametrize("kind", DRIVERS, ids=lambda kind: kind.name)
def test_every_kind_of_driver_is_in_the_table(kind):
    where = kind.section if kind.single else f"{kind.section}.<name>"
    row = rf"\| {kind.name} \| `{re.escape(kind.group)}` \| [^|]+ \| `{re.escape(where)}` \|"
    assert re.search(row, page("drivers.md"))


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_every_verb_is_there_in_the_words_of_its_contract(protocol):
    verbs = [value for name, value in vars(protocol).items() if inspect.isfunction(value) and name[0] != "_"]
    assert verbs
    for verb in verbs:
        assert f"| {signature(verb, skip=1)} | {said(verb)} |" in page("drivers.md")


def test_no_kind_of_driver_is_forgotten():
    assert {kind.contract for kind in DRIVERS} <= set(PROTOCOLS)


def test_what_is_handed_to_drivers_and_actions_is_there():
    text = page("drivers.md")
    for field in fields(contracts.Context):
        assert f"| `{field.name}` |" in text
    for name in contracts.TaskContext.__annotations__:
        assert f"`{name}`" in text
