"""Fuzzes the targets with Atheris, which follows what code an input reaches.

``python tests/fuzz/guided.py [--seconds N] [TARGET …]``: without targets all of them, each in a process of
its own for N seconds (60). What a target fails on is kept in ``crash-…`` files; the exit code is then not 0.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Bytes of an input at most, and seconds and megabytes that one may take.
LIMITS = ("-max_len=20000", "-timeout=10", "-rss_limit_mb=1024")


def one(name, seconds):
    """Fuzz a target in this process, which Atheris ends."""
    import atheris

    with atheris.instrument_imports(include=["wfcore"]):
        from tests.fuzz.targets import TARGETS, seeds

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={seconds}", *LIMITS], TARGETS[name])
        atheris.Fuzz()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("targets", nargs="*")
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.here:  # before anything of ours is imported, which Atheris has to see
        one(given.targets[0], given.seconds)
        return 0
    from tests.fuzz.targets import TARGETS

    failed = []
    for name in given.targets or TARGETS:
        command = [sys.executable, __file__, "--here", f"--seconds={given.seconds}", name]
        if subprocess.run(command, cwd=Path.cwd()).returncode:
            failed.append(name)
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "all targets held\n")
    return bool(failed)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "sdk" / "python")]
    sys.exit(main())
