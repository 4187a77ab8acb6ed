"""docs/tutorial/first-workflow.md: every file is written and every command run, in the order of the page."""

import os
import re
import shutil
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial" / "first-workflow.md").read_text()
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: What differs from run to run, and what stands for it.
VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "MOMENT"),
    (r"\d\d:\d\d:\d\d\.\d{3}", "TIME"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\b\d+(\.\d+)?(ms|s)\b", "SPAN"),
    (r"process \d+.*", "PROCESS"),
    (r" *[█┄·]*[█┄·]", ""),
    (r" +", " "),
)


def plain(line: str) -> str:
    for pattern, word in VARYING:
        line = re.sub(pattern, word, line)
    return line.strip()


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def script(page: str) -> tuple[str, list[str]]:
    """The page as a program for bash, and what it shows to come out of each block of commands."""
    clear = "trap 'workflow server stop || true; kill $(jobs -p) || true' EXIT"
    lines, shown, numbers = ["set -um", "export LC_ALL=C.UTF-8", clear], [], count()
    for kind, info, text in BLOCK.findall(page):
        words = dict(word.partition("=")[::2] for word in info.split())
        if kind == "yaml":
            lines.append(f"cat > {words['file']} <<'END_OF_FILE'\n{text}END_OF_FILE")
        elif kind == "sh":
            shown.append("")
            failing = f"set +e\n{text}[ $? = {words.get('exit')} ] || exit 99"
            run = failing if "exit" in words else f"set -e\n{text}"
            lines.append(f"printf '\\n@@{next(numbers)}\\n'\n{run}")
        elif kind == "text":
            shown[-1] = text
    return "\n".join(lines), shown


@pytest.fixture
def ran(tmp_path):
    """The output of each block of commands."""
    if not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("curl and bash are needed to follow the tutorial")
    page = PAGE.replace("127.0.0.1:8000", "127.0.0.1:{0}").replace("http.server 8000", "http.server {0}")
    site, server = free_port(), free_port()
    page = page.replace("{0}", str(site)).replace(":7233", f":{server}")
    program, shown = script(page)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    environ["WORKFLOW_SERVER_PORT"] = str(server)
    process = subprocess.run(
        ["bash", "-c", program], cwd=tmp_path, env=environ, text=True, timeout=100,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout[-3000:]
    outputs = re.split(r"^@@\d+\n", process.stdout, flags=re.MULTILINE)[1:]
    return list(zip(outputs, shown, strict=True))


def test_all_of_it_goes_as_the_page_shows(ran):
    for output, shown in ran:
        lines = [plain(line) for line in output.splitlines()]
        for line in filter(None, map(plain, shown.splitlines())):
            assert any(line in one for one in lines), (line, output)
