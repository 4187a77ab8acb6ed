"""The hot path on PostgreSQL: a group of steps, of any size, in two round trips.

The first begins the transaction, locks the executions in the order of their ids, creates and updates them,
and comes back with who was accepted and the transaction's id. The second has all rows of the accepted, the
notifications and the COMMIT. Rows are in an order that is the same on every server, so that two of them do
not wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wfcore.api import Step, Tick

from .commit import (
    MUTABLE,
    MUTABLE_OF_TASK,
    Row,
    changes,
    execution_row,
    fact_rows,
    reference_rows,
    task_rows,
)
from .permits import CHANNEL, permit_statements
from .schema import COLUMNS

_NUMBERS: Final = frozenset(
    ("revision", "epoch", "seq", "generation", "created_at", "started_at", "ended_at", "deadline", "place")
)
_KEY_OF_TICK: Final = 'namespace = %s and workflow = %s and "trigger" = %s and due_at = %s'
_UNFIRE: Final = f"delete from tick where {_KEY_OF_TICK} and execution = %s"  # noqa: S608
#: A trigger that an ``apply`` has meanwhile set to a later time stays as it is.
_MOVE: Final = (
    'update "trigger" set next_at = %s where namespace = %s and workflow = %s and name = %s and next_at <= %s'
)
_QUEUE: Final = "update execution set owner = null, epoch = epoch + 1 where id = any(%s)"
#: Nobody is taken for dead while it lets an execution run: then its slots would be given away.
_SEATED: Final = "seated as (select id from node where id = any(%s) order by id for key share)"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the first round trip came back with: the transaction's id, and the steps that are accepted.

    ``unused`` are the ticks that were fired for an execution that was then refused. ``seated`` says that the
    servers that let executions run by it are taken for alive.
    """

    transaction: str
    accepted: Sequence[Step]
    unused: Sequence[Step]
    seated: bool


def claim_text(cursor: Any, units: Sequence[Step]) -> str:
    """The first round trip, for one step per execution."""
    created, changed = _creating(units), _changing(units)
    parts = []
    if ticked := [step for step in created if step.tick is not None]:
        parts.append(_firing(cursor, ticked))
    if created:
        parts += _creation(cursor, created, ticked=bool(ticked))
    if changed:
        parts += _change(cursor, changed)
    if owners := _admitting(units):
        parts.append(_sql(cursor, _SEATED, (owners,)))
    answer = ", ".join(
        f"array(select {column} from {table})" if there else "'{}'::text[]"  # noqa: S608
        for table, column, there in (
            ("fired", "execution", ticked),
            ("created", "id", created),
            ("changed", "id", changed),
            ("seated", "id", owners),
        )
    )
    texts = ["begin"]
    if changed:
        texts.append(_lock(cursor, changed))
    texts.append(f"with {', '.join(parts)} select pg_current_xact_id()::text, {answer}")
    return "; ".join(texts)


def claim_of(units: Sequence[Step], row: Sequence[Any]) -> Claim:
    """What the row that came back says about the steps."""
    transaction, fired, created, changed, seated = row
    done = {*created, *changed}
    unused = {*fired} - done
    return Claim(
        transaction,
        [step for step in units if step.execution.id in done],
        [step for step in units if step.execution.id in unused],
        set(_admitting(units)) <= {*seated},
    )


def write_text(cursor: Any, claim: Claim, notify: Sequence[str]) -> str:
    """The second round trip: everything that belongs to the accepted steps, and the COMMIT."""
    steps = sorted(claim.accepted, key=lambda step: step.execution.id)
    tasks = {(row[0], row[1]): row for row in task_rows(steps)}  # of two rows of one task the last one counts
    texts = [
        _insert(cursor, "task", [tasks[key] for key in sorted(tasks)], _PUT_TASK),
        _insert(cursor, "fact", list(fact_rows(steps))),
        _insert(cursor, "blob_ref", list(reference_rows(steps)), " on conflict do nothing"),
        _take(cursor, sorted(message for step in steps for message in step.taken)),
    ]
    for step in claim.unused:
        texts.append(_sql(cursor, _UNFIRE, (*_key(step), step.execution.id)))
    for step in sorted((step for step in steps if step.tick is not None), key=_key):
        texts.append(_sql(cursor, _MOVE, (_tick(step).next_at, *_key(step))))
    texts.append(_disown(cursor, [step.execution.id for step in steps if step.queues]))
    texts += [_sql(cursor, *each) for each in permit_statements(steps, shared=True)]
    texts += [_sql(cursor, "select pg_notify(%s, %s)", (CHANNEL, payload)) for payload in notify]
    return "; ".join(text for text in (*texts, "commit") if text)


def _creating(units: Sequence[Step]) -> list[Step]:
    """The new executions, those with ticks first, by the unique values that another server may insert too."""
    ticked = sorted((step for step in units if step.create and step.tick is not None), key=_key)
    others = (step for step in units if step.create and step.tick is None)
    return ticked + sorted(others, key=_submission)


def _changing(units: Sequence[Step]) -> list[Step]:
    return sorted((step for step in units if not step.create), key=lambda step: step.execution.id)


def _admitting(units: Sequence[Step]) -> list[str]:
    """The servers that let an execution run by these steps."""
    return sorted({step.execution.owner or "" for step in units if step.admits})


def _submission(step: Step) -> tuple[str, str, str]:
    return step.execution.namespace, step.execution.workflow, step.execution.key or ""


def _tick(step: Step) -> Tick:
    assert step.tick is not None
    return step.tick


def _key(step: Step) -> tuple[str, str, str, int]:
    tick = _tick(step)
    return tick.namespace, tick.workflow, tick.trigger, tick.due_at


def _firing(cursor: Any, steps: Sequence[Step]) -> str:
    rows = [(*_key(step), step.execution.id) for step in steps]
    return f"fired as ({_insert(cursor, 'tick', rows, ' on conflict do nothing returning execution')})"


def _creation(cursor: Any, steps: Sequence[Step], *, ticked: bool) -> list[str]:
    columns = _names(COLUMNS["execution"])
    rows = [(*execution_row(step.execution), place) for place, step in enumerate(steps)]
    given = _values(cursor, "new", (*COLUMNS["execution"], "place"), rows)
    if not ticked:
        whose = ""
    else:
        plain = sum(step.tick is not None for step in steps)
        whose = _sql(cursor, " where place >= %s or id in (select execution from fired)", (plain,))
    return [
        given,
        f"created as (insert into execution ({columns}) select {columns} from new{whose}"  # noqa: S608
        " order by place on conflict do nothing returning id)",
    ]


def _lock(cursor: Any, steps: Sequence[Step]) -> str:
    ids = [step.execution.id for step in steps]
    return _sql(cursor, "select from execution where id = any(%s) order by id for no key update", (ids,))


def _change(cursor: Any, steps: Sequence[Step]) -> list[str]:
    rows = [changes(step.execution) for step in steps]
    return [
        _values(cursor, "given", (*MUTABLE, "id", "owner", "epoch"), rows),
        "changed as (update execution e set "  # noqa: S608
        + ", ".join(f"{column} = g.{column}" for column in MUTABLE)
        + " from given g where e.id = g.id and e.owner = g.owner and e.epoch = g.epoch returning e.id)",
    ]


def _disown(cursor: Any, ids: Sequence[str]) -> str:
    return _sql(cursor, _QUEUE, (list(ids),)) if ids else ""


def _take(cursor: Any, messages: Sequence[int]) -> str:
    return _sql(cursor, "delete from inbox where id = any(%s)", (list(messages),)) if messages else ""


_PUT_TASK: Final = " on conflict (execution, path) do update set " + ", ".join(
    f"{column} = excluded.{column}" for column in MUTABLE_OF_TASK
)


def _insert(cursor: Any, table: str, rows: Iterable[Row], otherwise: str = "") -> str:
    values = _rows(cursor, list(rows))
    return values and f"insert into {table} ({_names(COLUMNS[table])}) values {values}{otherwise}"  # noqa: S608


def _values(cursor: Any, name: str, columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as a table of a WITH. A first row without values, left out, tells the types."""
    types = ", ".join(f"null::{'bigint' if column in _NUMBERS else 'text'}" for column in columns)
    names = _names(columns)
    return (
        f"{name} ({names}) as (select * from"  # noqa: S608
        f" (values ({types}), {_rows(cursor, rows)}) as v ({names}) where id is not null)"
    )


def _rows(cursor: Any, rows: Sequence[Row]) -> str:
    literal = _Literals(cursor).__getitem__
    return ", ".join([f"({', '.join(map(literal, row))})" for row in rows])


class _Literals(dict[Any, str]):
    """Texts, whole numbers and None as they stand in SQL; each is quoted once, since most come again.

    No bools: they are equal to numbers.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __missing__(self, value: Any) -> str:
        self[value] = literal = _sql(self._cursor, "%s", (value,))
        return literal


def _sql(cursor: Any, text: str, values: Sequence[Any]) -> str:
    """The text with the values in it, quoted by psycopg2 for this connection."""
    return str(cursor.mogrify(text, values), "utf-8")


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
