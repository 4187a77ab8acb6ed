"""Writes completion scripts from the tree of commands, so that they know every word and option."""

from __future__ import annotations

from collections.abc import Iterator

from wfcore.cli.tree import COMMON, Group, Node, Parameter, walk

_FILES = frozenset({"FILE", "PATH", "DIRECTORY"})

_BASH = r"""_workflow() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" index
    for ((index = 1; index < COMP_CWORD; index++)); do
        case "${COMP_WORDS[index]}" in
            -*) ;;
            *) case " @GROUPS@ " in *" ${path:-.} "*) path="${path:+$path/}${COMP_WORDS[index]}" ;; esac ;;
        esac
    done
    case "$before" in
        @VALUES@) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    local words="" files=""
    case "${path:-.}" in
@CASES@
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [[ $files && $word != -* ]]; then
        COMPREPLY+=($(compgen -f -- "$word"))
    fi
}
complete -o filenames -F _workflow workflow"""


def script(root: Group, shell: str) -> str:
    """The script for ``bash`` or ``fish``."""
    return _bash(root) if shell == "bash" else "\n".join(_fish(root))


def _bash(root: Group) -> str:
    nodes = list(walk(root))
    groups = " ".join("/".join(path) or "." for path, node in nodes if isinstance(node, Group))
    options = (one for _, node in nodes for one in _options(node))
    values = "|".join(sorted({one.flag for one in options if one.metavar in _FILES}))
    cases = (_case("/".join(path) or ".", node) for path, node in nodes)
    return _BASH.replace("@GROUPS@", groups).replace("@VALUES@", values).replace("@CASES@", "\n".join(cases))


def _case(path: str, node: Node) -> str:
    return f'        {path}) words="{" ".join(_words(node))}"{" files=1" * _takes_files(node)} ;;'


def _fish(root: Group) -> Iterator[str]:
    yield "complete -c workflow -f"
    for path, node in walk(root):
        here = _fish_here(path)
        if isinstance(node, Group):
            others = " ".join(node.members)
            for name, member in node.members.items():
                once = f"; and not __fish_seen_subcommand_from {others}"
                yield f"complete -c workflow -n '{here}{once}' -a {name} -d {_quoted(member.summary)}"
            continue
        if _takes_files(node):
            yield f"complete -c workflow -n '{here}' -F"
        for one in _options(node):
            value = " -r -F" if one.metavar in _FILES else " -x" if one.metavar else ""
            yield f"complete -c workflow -n '{here}' -l {one.flag[2:]}{value} -d {_quoted(one.description)}"


def _fish_here(path: tuple[str, ...]) -> str:
    return "; and ".join(f"__fish_seen_subcommand_from {name}" for name in path) or "true"


def _words(node: Node) -> list[str]:
    members = list(node.members) if isinstance(node, Group) else []
    return [*members, *(one.flag for one in _options(node))]


def _options(node: Node) -> tuple[Parameter, ...]:
    return COMMON if isinstance(node, Group) else node.options


def _takes_files(node: Node) -> bool:
    return not isinstance(node, Group) and any(one.metavar in _FILES for one in node.arguments)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
