"""``python -m wfsdk new KIND NAME``: a package with a driver of that kind, and the tests of its contract."""

from __future__ import annotations

import sys

from wfsdk.scaffold import KINDS, ScaffoldError, scaffold

USAGE = f"usage: python -m wfsdk new KIND NAME\n\nKIND is {', '.join(KINDS)}; NAME the word of the driver."


def main(words: list[str]) -> int:
    """0 when the package was made, 2 when the words are no command that can be followed."""
    if len(words) != 3 or words[0] != "new":
        print(USAGE, file=sys.stderr)
        return 2
    try:
        made = scaffold(words[1], words[2])
    except ScaffoldError as error:
        print(f"wfsdk: {error}", file=sys.stderr)
        return 2
    for file in made:
        print(f"created  {file}")
    print(f"\nnext: cd {made[0].parts[0]} && pip install -e . && pytest")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
