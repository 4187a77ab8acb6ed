"""``workflow workflow``: the workflows of a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Answer, Line, Styled, table
from wfcore.cli.session import Session
from wfcore.errors import InvalidWorkflow, Problem, UsageError, WorkflowError

if TYPE_CHECKING:
    from wfcore.cli.batch import Batch
    from wfcore.cli.sources import Source

_STYLES = {"created": "green", "updated": "yellow", "unchanged": "dim"}
_CHANGES_PENDING = 10
_ALL = "/api/v1/workflows"


def apply(session: Session, *paths: str, plan: bool = False) -> Answer:
    """Make workflow files the current revisions of their workflows.

    All files are checked first, and none is applied when one is wrong. Applying the same file again
    changes nothing.

    Args:
        paths (PATH): Workflow files, directories (all .yaml and .yml files below), or - for standard input.
        plan: Only say what would change; the exit code is then 10 if anything would.
    """
    from wfcore.cli import sources

    found = sources.workflows(paths)
    planned = _checked(session, found)
    if plan:
        pending = any(one["result"] != "unchanged" for one in planned)
        return _applied(planned, "would be ", _CHANGES_PENDING if pending else 0)
    done: list[dict[str, Any]] = []
    for source, one in zip(found, planned, strict=True):
        try:
            answer = session.client.send_workflow(_ALL, source.content, source.files, file=source.name)
            done.append({**answer, "file": one["file"]})
        except WorkflowError as error:
            if done:
                _partly(error, done)
            raise
    return _applied(done, "", 0)


def validate(session: Session, *paths: str) -> Answer:
    """Check workflow files, without a server.

    Args:
        paths (PATH): Workflow files, directories (all .yaml and .yml files below), or - for standard input.
    """
    from wfcore.cli import sources
    from wfcore.service.checker import local_checker

    valid: list[dict[str, Any]] = []
    problems: list[Problem] = []
    with local_checker(session.config) as checker:
        for source in sources.workflows(paths):
            try:
                workflow = checker.load(source.content, source.name, source.files)
            except InvalidWorkflow as error:
                problems += error.problems
            else:
                valid.append(
                    {"file": source.name, "namespace": workflow.namespace, "id": workflow.id, "valid": True}
                )
    if problems:
        raise InvalidWorkflow(problems)
    rows: list[Line] = [[Styled("valid", "green"), f"  {_address(one)}  {one['file']}"] for one in valid]
    return Answer({"workflows": valid}, rows)


def list_workflows(session: Session, *, namespace: str | None = None) -> Answer:
    """List the workflows of the server.

    Args:
        namespace (NAME): Only those of this namespace.
    """
    from wfcore.cli import show

    found = session.client.get(_ALL, namespace=namespace)
    return Answer(found, show.workflows(found["workflows"]) or ["there are no workflows"])


def describe(session: Session, address: str, *, permissions: bool = False) -> Answer:
    """Show a workflow: triggers, inputs, its graph of tasks and the last executions.

    Args:
        address (ADDRESS): The workflow, as id or namespace/id.
        permissions: Show who can reach what instead: what each task's code may do, and who refuses the rest.
    """
    from wfcore.cli import show

    path, namespace, id = _path(address)
    if permissions:
        found = session.client.get(f"{path}/permissions")
        return Answer(found, show.permissions(found))
    detail = session.client.get(path)
    recent = session.client.get("/api/v1/executions", namespace=namespace, workflow=id, limit=5)["executions"]
    return Answer(detail, show.workflow(detail, session.client, recent))


def run(
    session: Session,
    address: str,
    *,
    input: list[str] | None = None,
    inputs: str | None = None,
    each: str | None = None,
    key: str | None = None,
    wait: bool = False,
    follow: bool = False,
) -> Answer | int:
    """Start an execution on the server, or with --each one for each line of a file.

    Without --wait or --follow it returns as soon as all is recorded. With them the exit code tells how it
    ended: 0 or 1, which is also when one of several has not succeeded.

    Args:
        address (ADDRESS): The workflow, as id or namespace/id.
        input (NAME=VALUE): An input of the workflow; may be given several times.
        inputs (FILE): Inputs as a JSON object, from a file or - for standard input.
        each (FILE): Start one for each line of a file (or -), which has its inputs as a JSON object.
        key (KEY): Start nothing that was started with this key before; with --each, none of its lines.
        wait: Wait for the end, then show the execution, or how many ended how.
        follow: Show the execution while it runs.
    """
    from wfcore.cli import batch, remote, show, sources

    if each is not None and follow:
        raise UsageError("--follow shows one execution", remedy="with --each, give --wait")
    if each == inputs == "-":
        raise UsageError("standard input cannot be both --each and --inputs", remedy="put one in a file")
    batch.check_key(key)
    path, shared = _path(address)[0], sources.inputs(input or [], inputs)
    if each is not None:
        rows = batch.rows(each, shared)
        if key is None:  # known before anything begins, whatever then becomes of this process
            key = batch.new_key()
            session.out.stderr.write(f"should this break off, repeat it with {batch.option(key)}\n")
        return _run_each(batch.Batch(session, path, each, rows, key), wait=wait)
    headers = {} if key is None else {"Idempotency-Key": key}
    begun = session.client.post(f"{path}/executions", {"inputs": shared}, headers=headers)
    if follow:
        return remote.watch(session, begun["id"])
    if not wait:
        return Answer(begun, [f"{begun['id']}  {begun['state']}"])
    end = remote.await_end(session, begun["id"])
    return Answer(end, show.execution(end), 0 if end["state"] == "SUCCESS" else 1)


def _run_each(batch: Batch, *, wait: bool) -> Answer:
    from wfcore.cli import show

    begun = batch.begin()
    if not wait:
        new = sum(one["created"] for one in begun)
        before = f", {len(begun) - new} had begun before" if new < len(begun) else ""
        what = "1 execution has" if new == 1 else f"{new} executions have"
        return Answer({"executions": begun}, [f"{what} begun{before}"])
    ends = batch.await_ends(begun)
    bad = [one for one in ends if one["state"] != "SUCCESS"]
    return Answer({"executions": ends}, show.ends(ends, bad), int(bool(bad)))


def enable(session: Session, *addresses: str) -> Answer:
    """Let workflows start again.

    Args:
        addresses (ADDRESS): Workflows, as id or namespace/id.
    """
    return _switch(session, addresses, "enable")


def disable(session: Session, *addresses: str) -> Answer:
    """Keep workflows from starting; what runs goes on.

    Args:
        addresses (ADDRESS): Workflows, as id or namespace/id.
    """
    return _switch(session, addresses, "disable")


def delete(session: Session, *addresses: str) -> Answer:
    """Delete workflows; their executions go on and stay.

    Args:
        addresses (ADDRESS): Workflows, as id or namespace/id.
    """
    paths = [_path(address) for address in addresses]
    for path, _, _ in paths:
        session.client.call("DELETE", path)
    gone = [{"namespace": namespace, "id": id, "result": "deleted"} for _, namespace, id in paths]
    return Answer({"workflows": gone}, [f"deleted  {_address(one)}" for one in gone])


def _switch(session: Session, addresses: Sequence[str], verb: str) -> Answer:
    paths = [_path(address)[0] for address in addresses]
    found = [session.client.post(f"{path}/{verb}") for path in paths]
    lines: list[Line] = []
    for one in found:
        state = "enabled" if one["enabled"] else "disabled"
        note = "  (its file says `enabled: false`)" if verb == "enable" and not one["enabled"] else ""
        lines.append(f"{state}  {_address(one)}{note}")
    return Answer({"workflows": found}, lines)


def _checked(session: Session, found: Sequence[Source]) -> list[dict[str, Any]]:
    """What applying each file would do. Raises InvalidWorkflow with the problems of all of them."""
    planned: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for source in found:
        name = source.name
        try:
            one = session.client.send_workflow(_ALL, source.content, source.files, file=name, dry_run="true")
        except InvalidWorkflow as error:
            problems += error.problems
            continue
        twin = planned.setdefault(_address(one), {**one, "file": name})
        if twin["file"] != name:
            message = f"{twin['file']} and {name} are both workflow {_address(one)}"
            raise UsageError(message, remedy="give one of them another `id`")
    if problems:
        raise InvalidWorkflow(problems, remedy="nothing was applied")
    return list(planned.values())


def _applied(done: Sequence[dict[str, Any]], would: str, code: int) -> Answer:
    rows = [
        (
            Styled(f"{would}{one['result']}", _STYLES[one["result"]]),
            f"{_address(one)}{'' if one['enabled'] else ' (disabled)'}",
            f"revision {one['revision']}",
            one["file"],
        )
        for one in done
    ]
    return Answer({"workflows": list(done)}, table(("", "", "", ""), rows)[1:], code)


def _partly(error: WorkflowError, done: Sequence[dict[str, Any]]) -> None:
    """Say which files were applied before the server refused one that it had accepted as a plan."""
    error.remedy = f"{error.remedy or 'correct it'}; already applied: {', '.join(map(_address, done))}"


def _path(address: str) -> tuple[str, str, str]:
    from wfcore.model.workflow import parse_address

    namespace, id = parse_address(address)
    return f"/api/v1/workflows/{namespace}/{id}", namespace, id


def _address(one: dict[str, Any]) -> str:
    return f"{one['namespace']}/{one['id']}"
