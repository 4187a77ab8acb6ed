"""The completion scripts, asked as a shell asks them."""

import shutil
import subprocess

import pytest

from wfcore.cli.complete import script
from wfcore.cli.root import ROOT
from wfcore.cli.tree import Command, walk


def bash(tmp_path, *words):
    program = f"""{script(ROOT, "bash")}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
_workflow; printf '%s\\n' "${{COMPREPLY[@]}}" """
    run = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert run.stderr == ""
    return run.stdout.split()


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (
            ("workflow", ""),
            {"run", "server", "workflow", "execution", "plugin", "config", "completion", "--json"},
        ),
        (("workflow", "work"), {"workflow"}),
        (("workflow", "server", ""), {"start", "stop", "status", "--help"}),
        (("workflow", "server", "start", "--"), {"--detach", "--host", "--port", "--json", "--config"}),
        (("workflow", "--json", "server", "st"), {"start", "stop", "status"}),
        (("workflow", "workflow", "apply", "--p"), {"--plan"}),
        (("workflow", "completion", ""), {"bash", "fish"}),
    ],
)
def test_bash_knows_words_and_options(tmp_path, words, some):
    found = set(bash(tmp_path, *words))
    assert some <= found
    assert all(word.startswith(words[-1]) for word in found)


def test_bash_offers_files_where_a_file_belongs(tmp_path):
    (tmp_path / "flow.yaml").touch()
    assert "flow.yaml" in bash(tmp_path, "workflow", "run", "")
    assert bash(tmp_path, "workflow", "server", "status", "--config", "") == ["flow.yaml"]
    assert "flow.yaml" not in bash(tmp_path, "workflow", "execution", "list", "")


def test_both_scripts_know_every_command_and_option():
    shells = {shell: script(ROOT, shell) for shell in ("bash", "fish")}
    for path, node in walk(ROOT):
        for text in shells.values():
            assert all(word in text for word in path)
        for one in node.options if isinstance(node, Command) else ():
            assert one.flag in shells["bash"]
            assert f"-l {one.flag[2:]}" in shells["fish"]


def test_fish_takes_its_script(tmp_path):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    program = f"{script(ROOT, 'fish')}\ncomplete -C 'workflow server st'"
    run = subprocess.run(["fish", "-N", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert {line.split("\t")[0] for line in run.stdout.splitlines()} == {"start", "status", "stop"}
