"""The entry point: read the command line, run one command, turn whatever happens into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wfcore.cli.output import Answer, Output
from wfcore.errors import WorkflowError

INTERRUPTED = 130
BUG = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the process's own); the exit code, see errors.EXIT_CODES."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(json=any(word.lower() in ("--json", "--json=true") for word in words))
    try:
        code = _run(words, out)
        out.flush()
    except BrokenPipeError:  # whoever read us has seen enough
        code = 0
    except KeyboardInterrupt as error:
        code = getattr(error, "exit_code", INTERRUPTED)
    except WorkflowError as error:
        out.error(error)
        code = error.exit_code
    except Exception as error:
        code = _bug(error, out)
    return code


def _run(words: Sequence[str], out: Output) -> int:
    from wfcore.cli import door, help
    from wfcore.cli.root import ROOT
    from wfcore.cli.tree import Group

    request = door.read(ROOT, words)
    if request.common["version"]:
        from wfcore import __version__

        out.answer(Answer({"version": __version__}, [f"workflow {__version__}"]))
        return 0
    if request.common["help"] or isinstance(request.node, Group):
        out.raw(help.text(request.path, request.node) + "\n")
        return 0
    from wfcore.cli.session import Session

    result: Answer | int = request.node.run(
        Session(ROOT, request.common, out), *request.args, **request.kwargs
    )
    if isinstance(result, int):
        return result
    out.answer(result)
    return result.code


def _bug(error: Exception, out: Output) -> int:
    import traceback

    out.stderr.write("".join(traceback.format_exception(error)))
    told = WorkflowError(
        f"this is a bug: {type(error).__name__}: {error}", remedy="please report it with the lines above"
    )
    out.error(told)
    return BUG
