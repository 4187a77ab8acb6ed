"""Adds up the JUnit reports of all tox environments, prints one closing line, and removes them.

``total.py DIRECTORY [STATUS]``: STATUS is the exit code of what ran; if no test failed it counts as one.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(directory: str, status: str = "0") -> int:
    passed = failed = 0
    for report in sorted(Path(directory).glob("*.xml")):
        suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
        tests, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
        bad = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
        print(f"{report.stem:16}{tests - bad - skipped:6} passed {bad:5} failed {skipped:5} skipped"
              f" {float(suite.attrib['time']):8.1f} s")  # fmt: skip
        passed, failed = passed + tests - bad - skipped, failed + bad
        report.unlink()
    if not passed and not failed:
        print(f"no tests have run: there is no report in {directory}")
        return 1
    failed = failed or int(status != "0")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
