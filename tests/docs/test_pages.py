"""All pages together: links lead somewhere, YAML is valid, commands exist, the README needs one command."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from wfcore.cli import door
from wfcore.cli.root import ROOT as COMMANDS
from wfcore.config import keys, load
from wfcore.packages.manifest import parse_manifest
from wfcore.packages.permissions import parse
from wfcore.service.checker import local_checker

ROOT = Path(__file__).parents[2]
PLACES = ("*.md", "docs/**/*.md", "examples/*.md", "sdk/*.md", "registry/*.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))
SECTIONS = {key.path[0] for key in keys.KEYS}
BLOCK = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(page):
    return str(page.relative_to(ROOT))


def prose(page):
    return BLOCK.sub("", page.read_text())


def blocks(kind):
    return [
        pytest.param(info.split(), text, id=f"{name(page)}:{number}")
        for page in PAGES
        for number, (found, info, text) in enumerate(BLOCK.findall(page.read_text()))
        if found == kind and page.name != "actions.md"  # fragments, which the pack's own test checks
    ]


def anchors(page):
    """What GitHub calls the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    place = {"storage.path": str(tmp_path_factory.mktemp("checker") / "db.sqlite")}
    place |= {"execution.limits.payments": "3"}
    with local_checker(load(environ={}, overrides=place)) as loader:
        yield loader


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            links = (link.partition("#")[0] for link in LINK.findall(prose(page)))
            targets = (
                (page.parent / link).resolve() for link in links if link.endswith(".md") and "://" not in link
            )
            waiting += targets
    assert set(PAGES) <= seen


@pytest.mark.parametrize(("info", "text"), blocks("yaml"))
def test_every_yaml_is_a_workflow_or_a_configuration_and_valid(info, text, checker, tmp_path):
    if set(info) & {"invalid", "data"}:
        return
    keys_there = set(yaml.safe_load(text))
    if "plugin" in keys_there:
        parse_manifest(text)
    elif keys_there == {"permissions"}:
        parse(yaml.safe_load(text)["permissions"])
    elif "tasks" in keys_there:
        checker.load(text, "example.yaml", {"code/report.ts": "export default (data) => data;"})
    elif keys_there & {"trigger", "triggers"}:
        checker.load(f"{text}tasks: {{a: {{type: core/set}}}}\n", "example.yaml")
    elif keys_there <= SECTIONS:
        (tmp_path / "config.yaml").write_text(text)
        load(tmp_path / "config.yaml", environ={})
    else:
        assert keys_there == {"scrape_configs"}, "neither a workflow nor a configuration"


@pytest.mark.parametrize(("info", "text"), blocks("sh"))
def test_every_command_is_one_that_the_program_takes(info, text):
    whole = re.sub(r"\$\([^()]*\)", "x", text.replace("\\\n", " ").replace("…", "x"))
    for line in whole.splitlines():
        words = shlex.split(line.removeprefix("sudo -u workflow "), comments=True)
        if words and words[0] == "workflow":
            ends = (index for index, word in enumerate(words) if word in ("|", "<", ">", "&&", "<<END"))
            door.read(COMMANDS, words[1 : next(ends, None)])


@pytest.mark.parametrize("title", ["Quick start", "Tests"])
def test_the_readme_needs_one_command(title):
    section = (ROOT / "README.md").read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    ((kind, _, text),) = BLOCK.findall(section)
    assert (kind, text.count("\n")) == ("sh", 1)
    for word in shlex.split(text):
        if "/" in word and not word.startswith(".venv/"):
            assert (ROOT / word).is_file()
    assert title != "Tests" or text in (ROOT / ".ci" / "run").read_text()
