"""The matrix runs every test: a file that no environment names would never fail."""

import configparser
import fnmatch
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environments():
    """Of each pytest command that is run whole: its paths, and the patterns it leaves out."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    base, tox = config["testenv"], config["tox"]
    names = re.findall(r"[\w-]+", tox["env_list"] + tox["labels"])
    sections = [base, *(config[f"testenv:{name}"] for name in names if f"testenv:{name}" in config)]
    texts = [section["commands"] for section in sections if "commands" in section]
    for text in texts:
        for _ in range(2):
            for name, value in base.items():
                text = text.replace(f"{{[testenv]{name}}}", value.replace("\n", " "))
        for command in text.splitlines():
            if "pytest" in command:
                words = command.replace("}", " ").replace("{posargs:", " ").split()
                left = [word.partition("=")[2] for word in words if word.startswith("--ignore")]
                yield [word for word in words if word.startswith("tests")], left


def is_run(file, paths, left):
    inside = any(file == path or file.startswith(f"{path}/") for path in paths)
    return inside and not any(
        file == out or file.startswith(f"{out}/") or fnmatch.fnmatch(file, out) for out in left
    )


def test_every_test_is_run_by_an_environment():
    files = [str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*.py")]
    files = [file for file in files if not file.startswith("tests/packages/")]
    known = list(environments())
    assert len(files) > 150
    assert [file for file in files if not any(is_run(file, *each) for each in known)] == []


def test_continuous_integration_runs_what_the_readme_says_and_all_the_rest():
    steps = (ROOT / ".ci/run").read_text()
    told = re.search(r"## Tests\n\n```sh\n(.*)\n```", (ROOT / "README.md").read_text())
    assert told is not None
    assert f"\n{told[1]}\n" in steps
    assert "tox -p auto -m rest" in steps
