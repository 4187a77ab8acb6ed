"""Draws a graph of tasks as text: one line for each task, and rails on the left for who needs whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

Task = tuple[str, str, Sequence[str]]

#: Of more tasks there is no drawing: nobody would read it, and its cost grows with their square.
MOST: Final = 500
#: So many tasks with the same needs and the same followers are drawn as one block.
_BLOCK: Final = 5
#: The line that joins (up, down, left, right).
_CORNERS: Final = {
    (1, 1, 0, 0): "│", (1, 1, 0, 1): "├", (1, 1, 1, 0): "┤", (1, 1, 1, 1): "┼",
    (1, 0, 0, 1): "╰", (1, 0, 1, 0): "╯", (1, 0, 1, 1): "┴",
    (0, 1, 0, 1): "╭", (0, 1, 1, 0): "╮", (0, 1, 1, 1): "┬",
}  # fmt: skip


@dataclass(slots=True)
class _Node:
    """A task, or a block of tasks that are alike; ``needs`` and ``followers`` are nodes by number."""

    tasks: list[tuple[str, str]]
    needs: list[int] = field(default_factory=list)
    left: int = 0


def draw(tasks: Sequence[Task]) -> str:
    """The drawing of ``(name, type, needs)``; needs that are no task of the sequence are left out.

    A task lies below all that it needs and is joined to those that do not follow from others; ``┊``
    goes on with a block of tasks that need the same and are needed by the same. Of more than MOST
    tasks only their number is told.
    """
    if len(tasks) > MOST:
        return f"{len(tasks)} tasks, too many to draw"
    nodes = _nodes(tasks)
    rows = list(_rows(nodes))
    width = max((len(rails.rstrip()) for rails, _ in rows), default=0)
    names = max((len(name) for name, _, _ in tasks), default=0)
    return "\n".join(
        (f"{rails.rstrip():{width}}  {task[0]:{names}}  {task[1]}" if task else rails).rstrip()
        for rails, task in rows
    )


def _nodes(tasks: Sequence[Task]) -> list[_Node]:
    known = {name for name, _, _ in tasks}
    needs = _direct({name: frozenset(needs) & known for name, _, needs in tasks})
    followers: dict[str, set[str]] = {name: set() for name in known}
    for name, wanted in needs.items():
        for need in wanted:
            followers[need].add(name)
    alike: dict[tuple[frozenset[str], frozenset[str]], list[tuple[str, str]]] = {}
    for name, type, _ in tasks:
        alike.setdefault((needs[name], frozenset(followers[name])), []).append((name, type))
    blocks = [group for group in alike.values() if len(group) >= _BLOCK]
    member = {name: number for number, group in enumerate(blocks) for name, _ in group}
    nodes, number = [_Node(group) for group in blocks], dict(member)
    for name, type, _ in tasks:
        if name not in member:
            number[name] = len(nodes)
            nodes.append(_Node([(name, type)]))
    for node in nodes:
        node.needs = sorted({number[need] for need in needs[node.tasks[0][0]]})
        for needed in node.needs:
            nodes[needed].left += 1
    return _ordered(nodes, [number[name] for name, _, _ in tasks])


def _direct(needs: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Only the needs that do not follow from other needs: the same order with fewer rails."""
    above: dict[str, frozenset[str]] = {}
    waiting = dict(needs)
    while ready := [name for name, wanted in waiting.items() if wanted <= above.keys()]:
        for name in ready:
            wanted = waiting.pop(name)
            above[name] = wanted.union(*(above[need] for need in wanted))
    return {
        name: wanted - frozenset().union(*(above[need] for need in wanted)) for name, wanted in needs.items()
    }


def _ordered(nodes: list[_Node], file_order: Sequence[int]) -> list[_Node]:
    """Needs first, and each chain as far down as it goes before the next, so that few rails are open."""
    place = {number: index for index, number in reversed(list(enumerate(file_order)))}
    followers: dict[int, list[int]] = {number: [] for number in range(len(nodes))}
    unmet = [len(node.needs) for node in nodes]
    for number, node in enumerate(nodes):
        for need in node.needs:
            followers[need].append(number)
    stack = sorted((n for n in range(len(nodes)) if not unmet[n]), key=place.__getitem__, reverse=True)
    order: list[int] = []
    while stack:
        order.append(number := stack.pop())
        for follower in sorted(followers[number], key=place.__getitem__, reverse=True):
            unmet[follower] -= 1
            if not unmet[follower]:
                stack.append(follower)
    index = {number: position for position, number in enumerate(order)}
    for node in nodes:
        node.needs = sorted(index[need] for need in node.needs)
    return [nodes[number] for number in order]


def _rows(nodes: Sequence[_Node]) -> Iterator[tuple[str, tuple[str, str] | None]]:
    columns: list[int | None] = []  # whose rail runs here
    for number, node in enumerate(nodes):
        joined = [columns.index(need) for need in node.needs]
        for need in node.needs:
            nodes[need].left -= 1
        closing = [column for column, need in zip(joined, node.needs, strict=True) if not nodes[need].left]
        if number and not joined:
            yield _rails(columns), None
        target = min(closing) if closing else _free(columns, max(joined, default=-1) + 1)
        if set(joined) - {target}:
            yield _joint(columns, joined, closing, target), None
        for column in closing:
            columns[column] = None
        columns[target] = number
        for index, task in enumerate(node.tasks):
            yield _rails(columns, target, "┊" if index else "○"), task
        if not node.left:
            columns[target] = None
        while columns and columns[-1] is None:
            columns.pop()


def _rails(columns: Sequence[int | None], target: int = -1, mark: str = "") -> str:
    marks = (mark if c == target else " " if rail is None else "│" for c, rail in enumerate(columns))
    return "".join(f"{one} " for one in marks)


def _free(columns: list[int | None], start: int) -> int:
    """The first column from ``start`` on without a rail."""
    for column in range(start, len(columns)):
        if columns[column] is None:
            return column
    columns.append(None)
    return len(columns) - 1 if len(columns) > start else _free(columns, start)


def _joint(
    columns: Sequence[int | None], joined: Collection[int], closing: Collection[int], target: int
) -> str:
    """The line between rails and a task: from the columns of its needs to its own."""
    low, high = min(*joined, target), max(*joined, target)
    line = ""
    for column, rail in enumerate(columns):
        inside = low <= column < high
        if column == target or column in joined:
            up = column in joined
            down = column == target or column not in closing
            line += _CORNERS[int(up), int(down), int(column > low), int(inside)]
        elif rail is not None:
            line += "│"
        else:
            line += "─" if low < column < high else " "
        line += "─" if inside else " "
    return line
