"""JMESPath queries (jmespath.org/specification), run by the library's interpreter under our account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.render import to_json

MAX_QUERY: Final = 1000
#: A query may write each value at most so many times: ``[@, @]`` twice would write it four times.
MAX_COPIES: Final = 64
_MULTI: Final = frozenset(("multi_select_list", "multi_select_dict"))


def run(evaluation: Evaluation, value: Any, query: str) -> Any:
    """The result of a query. Raises Fault for one that is not valid, or costs too much."""
    if len(query) > MAX_QUERY:
        raise Fault(f"a query has at most {MAX_QUERY} characters")
    try:
        parsed = jmespath.compile(query).parsed
        _sober(parsed)
        return _Accountant(evaluation).visit(parsed, value)
    except JMESPathError as error:
        raise Fault(f"the query fails: {str(error).splitlines()[0]}") from None


class _Functions(functions.Functions):  # type: ignore[misc]
    """The two functions whose result may be far larger than what they are given."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})  # type: ignore[untyped-decorator]
    def _func_join(self, separator: str, array: list[str]) -> str:
        self._evaluation.produce(len(separator) * len(array) + sum(map(len, array)))
        return separator.join(array)

    @functions.signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_to_string(self, argument: Any) -> str:
        return argument if isinstance(argument, str) else to_json(self._evaluation, argument)


class _Accountant(TreeInterpreter):  # type: ignore[misc]
    """Charges what each step of a query makes."""

    def __init__(self, evaluation: Evaluation) -> None:
        super().__init__(jmespath.Options(custom_functions=_Functions(evaluation)))
        self._evaluation = evaluation

    def visit(self, node: Mapping[str, Any], value: Any) -> Any:
        found = super().visit(node, value)
        self._evaluation.charge(1 + (len(found) if isinstance(found, (list, dict)) else 0))
        return found


def _sober(parsed: Mapping[str, Any]) -> None:
    """Raises Fault for a query whose result could be many times larger than what it is given."""
    copies = 1
    for parent, node in _nodes(parsed):
        if node["type"] in _MULTI:
            copies *= max(1, len(node["children"]))
        if node["type"] == "expref" and parent != "function_expression":
            raise Fault("'&' goes with the arguments of functions only")
    if copies > MAX_COPIES:
        raise Fault("the query builds too many lists and mappings in one another")


def _nodes(root: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All nodes of a query, each with the type of its parent."""
    waiting = [("", root)]
    while waiting:
        parent, node = waiting.pop()
        yield parent, node
        waiting.extend((node["type"], child) for child in node["children"])
