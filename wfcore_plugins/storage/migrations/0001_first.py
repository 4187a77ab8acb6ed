"""The first tables, made for one server on SQLite as for several on PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_TABLES: Final = (
    """
    create table workflow (
        namespace {text} not null,
        id {text} not null,
        revision bigint not null,
        enabled smallint not null,
        deleted smallint not null,
        primary key (namespace, id)
    ){clustered}
    """,
    # A revision outlives its workflow: executions stay pinned to it.
    """
    create table revision (
        namespace {text} not null,
        workflow {text} not null,
        revision bigint not null,
        digest {text} not null,
        file {text} not null,
        created_at bigint not null,
        updated_at bigint not null,
        source {text} not null,
        primary key (namespace, workflow, revision)
    )
    """,
    """
    create table "trigger" (
        namespace {text} not null,
        workflow {text} not null,
        name {text} not null,
        kind {text} not null,
        address {text} unique,
        next_at bigint,
        primary key (namespace, workflow, name)
    ){clustered}
    """,
    """
    create table tick (
        namespace {text} not null,
        workflow {text} not null,
        "trigger" {text} not null,
        due_at bigint not null,
        execution {text} not null,
        primary key (namespace, workflow, "trigger", due_at)
    ){clustered}
    """,
    # Content comes last: what lists and guards read is found without its overflow pages.
    """
    create table execution (
        id {text} not null primary key,
        namespace {text} not null,
        workflow {text} not null,
        revision bigint not null,
        state {text} not null,
        owner {text},
        epoch bigint not null,
        seq bigint not null,
        generation bigint not null,
        key {text},
        parent {text},
        trigger_kind {text} not null,
        created_at bigint not null,
        started_at bigint,
        ended_at bigint,
        deadline bigint,
        error {text},
        outputs {text},
        "trigger" {text} not null,
        inputs {text} not null,
        labels {text} not null
    )
    """,
    """
    create table task (
        execution {text} not null,
        path {text} not null,
        state {text} not null,
        type {text} not null,
        attempt bigint not null,
        losses bigint not null,
        waiting {text},
        due_at bigint,
        started_at bigint,
        ended_at bigint,
        error {text},
        meta {text},
        output {text},
        primary key (execution, path)
    ){clustered}
    """,
    """
    create table fact (
        execution {text} not null,
        seq bigint not null,
        at bigint not null,
        kind {text} not null,
        path {text} not null,
        attempt bigint not null,
        body {text} not null,
        primary key (execution, seq)
    ){clustered}
    """,
    """
    create table inbox (
        id {auto_key},
        execution {text} not null,
        kind {text} not null,
        path {text} not null,
        attempt bigint not null,
        body {text} not null,
        unique (execution, path, attempt, kind)
    )
    """,
    """
    create table record (
        namespace {text} not null,
        key {text} not null,
        value {text} not null,
        expires_at bigint,
        primary key (namespace, key)
    ){clustered}
    """,
    """
    create table blob_ref (
        digest {text} not null,
        execution {text} not null,
        primary key (digest, execution)
    ){clustered}
    """,
    """
    create table node (
        id {text} not null primary key,
        address {text} not null,
        version {text} not null,
        started_at bigint not null,
        heartbeat_at bigint not null
    ){clustered}
    """,
)

_INDEXES: Final = (
    "create unique index execution_key on execution (namespace, workflow, key) where key is not null",
    # The conditions are written as the queries write them: only then does SQLite use the index.
    "create index execution_open on execution (owner, state, id)"
    " where state in ('PENDING', 'RUNNING', 'WAITING')",
    "create index execution_ended on execution (ended_at) where ended_at is not null",
    "create index execution_by_workflow on execution (namespace, workflow, id)",
    "create index execution_by_state on execution (state, id)",
    "create index record_expiry on record (expires_at) where expires_at is not null",
    "create index blob_ref_execution on blob_ref (execution)",
)


def up(db: Any, dialect: Dialect) -> None:
    """Create every table and index."""
    for statement in (*_TABLES, *_INDEXES):
        db.execute_sql(dialect.ddl(statement))
