"""JMESPath queries (jmespath.org/specification), with the library's interpreter under our account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters import ask
from wfcore.language.render import measure

MAX_QUERY: Final = 1000
#: A query may write each value at most so many times: ``[@, @]`` twice would write it four times.
MAX_COPIES: Final = 1000
_MULTI: Final = frozenset(("multi_select_list", "multi_select_dict"))
#: What these are given is walked as a whole.
_DEEP: Final = frozenset(("comparator", "function_expression"))


def jmespath(evaluation: Evaluation, value: Any, query: str) -> Any:
    """The result of a JMESPath query."""
    import jmespath as library
    from jmespath.exceptions import JMESPathError
    from jmespath.visitor import TreeInterpreter

    class Accountant(TreeInterpreter):  # type: ignore[misc]
        """Charges what each step of a query makes."""

        def visit(self, node: Mapping[str, Any], value: Any) -> Any:
            if node["type"] in _DEEP:
                measure(evaluation, value)
            found = super().visit(node, value)
            evaluation.charge(1 + (len(found) if isinstance(found, (list, dict)) else 0))
            if isinstance(found, str):
                evaluation.scan(len(found))
            return found

    if len(ask.text(query, "the query")) > MAX_QUERY:
        raise Fault(f"a query has at most {MAX_QUERY} characters")
    try:
        parsed = library.compile(query).parsed
        _sober(parsed)
        return Accountant().visit(parsed, value)
    except JMESPathError as error:
        raise Fault(f"the query fails: {str(error).splitlines()[0]}") from None


def _sober(parsed: Mapping[str, Any]) -> None:
    """Raises Fault for a query whose result could be many times larger than what it is given."""
    copies = 1
    for node in _nodes(parsed):
        if node["type"] in _MULTI:
            copies *= max(1, len(node["children"]))
    if copies > MAX_COPIES:
        raise Fault("the query builds too many lists and mappings in one another")


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node["children"])
