PRAGMA auto_vacuum = incremental;
PRAGMA application_id = 1464224855;
BEGIN TRANSACTION;
CREATE TABLE audit (
        server text not null,
        seq bigint not null,
        at bigint not null,
        actor text not null,
        remote text not null,
        action text not null,
        target text not null,
        result text not null,
        detail text not null,
        previous text not null,
        digest text not null,
        primary key (server, seq)
    );
CREATE TABLE blob_ref (
        digest text not null,
        execution text not null,
        primary key (digest, execution)
    ) without rowid
    ;
CREATE TABLE execution (
        id text not null primary key,
        namespace text not null,
        workflow text not null,
        revision bigint not null,
        state text not null,
        owner text,
        epoch bigint not null,
        seq bigint not null,
        generation bigint not null,
        key text,
        parent text,
        trigger_kind text not null,
        created_at bigint not null,
        started_at bigint,
        ended_at bigint,
        deadline bigint,
        error text,
        outputs text,
        "trigger" text not null,
        inputs text not null,
        labels text not null
    , waiting text, limits text not null default '{}');
INSERT INTO "execution" VALUES('019b0000-0000-7000-8000-000000000000','default','flow',1,'SUCCESS','node-old',1,2,0,'once',NULL,'cron',1767225600000000,1767225600000000,1767225600000002,NULL,NULL,'{"v":7}','{"kind":"manual","name":"manual"}','{"n":5}','{}',NULL,'{}');
INSERT INTO "execution" VALUES('019b0000-0000-7000-8000-000000000001','default','flow',1,'RUNNING','node-old',1,5,0,NULL,NULL,'manual',1767225600000000,1767225600000000,NULL,NULL,NULL,NULL,'{"kind":"manual","name":"manual"}','{"n":5}','{}',NULL,'{}');
INSERT INTO "execution" VALUES('019b0000-0000-7000-8000-000000000002','default','flow',1,'WAITING','node-old',1,8,0,NULL,NULL,'manual',1767225600000000,1767225600000000,NULL,NULL,NULL,NULL,'{"kind":"manual","name":"manual"}','{"n":5}','{}',NULL,'{}');
INSERT INTO "execution" VALUES('019b0000-0000-7000-8000-000000000003','default','flow',1,'PENDING','node-old',1,1,0,NULL,NULL,'manual',1767225600000000,NULL,NULL,NULL,NULL,NULL,'{"kind":"manual","name":"manual"}','{"n":5}','{}',NULL,'{}');
INSERT INTO "execution" VALUES('019b0000-0000-7000-8000-000000000004','default','flow',1,'RUNNING','node-old',1,5,0,NULL,NULL,'manual',1767225600000000,1767225600000000,NULL,NULL,NULL,NULL,'{"kind":"manual","name":"manual"}','{"n":5}','{}',NULL,'{}');
CREATE TABLE fact (
        execution text not null,
        seq bigint not null,
        at bigint not null,
        kind text not null,
        path text not null,
        attempt bigint not null,
        body text not null,
        primary key (execution, seq)
    ) without rowid
    ;
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000000',1,1767225600000001,'execution.created','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000000',2,1767225600000002,'execution.finished','',0,'{"state":"SUCCESS"}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000001',1,1767225600000001,'execution.created','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000001',2,1767225600000002,'execution.started','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000001',3,1767225600000003,'task.started','a',1,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000001',4,1767225600000004,'task.finished','a',1,'{"state":"SUCCESS"}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000001',5,1767225600000005,'task.started','b',1,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',1,1767225600000001,'execution.created','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',2,1767225600000002,'execution.started','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',3,1767225600000003,'task.started','a',1,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',4,1767225600000004,'task.finished','a',1,'{"state":"SUCCESS"}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',5,1767225600000005,'task.started','b',1,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',6,1767225600000006,'task.finished','b',1,'{"state":"SUCCESS"}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',7,1767225600000007,'task.started','c',1,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000002',8,1767225600000008,'task.waiting','c',1,'{"until":1767225600001000}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000003',1,1767225600000001,'execution.created','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000004',1,1767225600000001,'execution.created','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000004',2,1767225600000002,'execution.started','',0,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000004',3,1767225600000003,'task.started','a',1,'{}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000004',4,1767225600000004,'task.finished','a',1,'{"state":"SUCCESS"}');
INSERT INTO "fact" VALUES('019b0000-0000-7000-8000-000000000004',5,1767225600000005,'task.started','b',1,'{}');
CREATE TABLE inbox (
        id integer primary key autoincrement,
        execution text not null,
        kind text not null,
        path text not null,
        attempt bigint not null,
        body text not null,
        unique (execution, path, attempt, kind)
    );
INSERT INTO "inbox" VALUES(1,'019b0000-0000-7000-8000-000000000004','cancel','',0,'{"reason":"enough"}');
CREATE TABLE node (
        id text not null primary key,
        address text not null,
        version text not null,
        started_at bigint not null,
        heartbeat_at bigint not null
    , place text not null default '', slots bigint not null default 0, role text not null default 'all', tasks bigint not null default 0, terms text not null default '') without rowid
    ;
CREATE TABLE offer (
        execution text not null,
        path text not null,
        attempt bigint not null,
        label text not null,
        node text,
        stop text not null,
        offered_at bigint not null,
        primary key (execution, path, attempt)
    ) without rowid
    ;
CREATE TABLE package (
        digest text not null primary key,
        name text not null,
        version text not null,
        manifest text not null,
        module text not null,
        granted text not null,
        secrets text not null,
        installed_at bigint not null,
        current smallint not null, origin text not null default '{}',
        unique (name, version)
    ) without rowid
    ;
CREATE TABLE permit (
        execution text not null,
        path text not null,
        name text not null,
        most bigint not null,
        held smallint not null,
        primary key (execution, path)
    ) without rowid
    ;
CREATE TABLE record (
        namespace text not null,
        key text not null,
        value text not null,
        expires_at bigint,
        primary key (namespace, key)
    ) without rowid
    ;
INSERT INTO "record" VALUES('kv','seen','"yes"',NULL);
CREATE TABLE revision (
        namespace text not null,
        workflow text not null,
        revision bigint not null,
        digest text not null,
        file text not null,
        created_at bigint not null,
        updated_at bigint not null,
        source text not null, files text not null default '{}', plugins text not null default '{}',
        primary key (namespace, workflow, revision)
    );
INSERT INTO "revision" VALUES('default','flow',1,'0000000000000000000000000000000000000000000000000000000000000000','flow.yaml',1767225600000000,1767225600000000,'id: flow
order: sequence
trigger: {cron: {expr: "0 0 1 1 *"}}
inputs: {n: {type: int, default: 1}}
tasks:
  a: {type: core/set, inputs: {v: "{{ inputs.n }}"}}
  b: {type: core/set, inputs: {v: "{{ tasks.a.output.v + 1 }}"}}
  c: {type: core/wait, inputs: {for: 1ms}}
  d: {type: core/set, inputs: {v: "{{ tasks.b.output.v + 1 }}"}}
outputs: {v: "{{ tasks.d.output.v }}"}
','{}','{}');
CREATE TABLE schema_version (name text primary key, applied_at bigint not null);
INSERT INTO "schema_version" VALUES('0001_first',1767225600000000);
INSERT INTO "schema_version" VALUES('0002_packages',1767225600000000);
INSERT INTO "schema_version" VALUES('0003_content',1767225600000000);
INSERT INTO "schema_version" VALUES('0004_lists',1767225600000000);
INSERT INTO "schema_version" VALUES('0005_nodes',1767225600000000);
INSERT INTO "schema_version" VALUES('0006_shared_work',1767225600000000);
INSERT INTO "schema_version" VALUES('0007_secrets',1767225600000000);
INSERT INTO "schema_version" VALUES('0008_audit',1767225600000000);
INSERT INTO "schema_version" VALUES('0009_origins',1767225600000000);
INSERT INTO "schema_version" VALUES('0010_terms',1767225600000000);
INSERT INTO "schema_version" VALUES('0011_permits',1767225600000000);
CREATE TABLE secret (
        scope text not null,
        name text not null,
        revision bigint not null,
        master text not null,
        sealed text not null,
        created_at bigint not null,
        updated_at bigint not null,
        primary key (scope, name)
    ) without rowid
;
CREATE TABLE task (
        execution text not null,
        path text not null,
        state text not null,
        type text not null,
        attempt bigint not null,
        losses bigint not null,
        waiting text,
        due_at bigint,
        started_at bigint,
        ended_at bigint,
        error text,
        meta text,
        output text,
        primary key (execution, path)
    ) without rowid
    ;
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000001','a','SUCCESS','core/set',1,0,NULL,NULL,1767225600000000,1767225600000009,NULL,NULL,'{"v":5}');
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000001','b','RUNNING','core/set',1,0,NULL,NULL,1767225600000000,NULL,NULL,NULL,NULL);
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000002','a','SUCCESS','core/set',1,0,NULL,NULL,1767225600000000,1767225600000009,NULL,NULL,'{"v":5}');
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000002','b','SUCCESS','core/set',1,0,NULL,NULL,1767225600000000,1767225600000009,NULL,NULL,'{"v":6}');
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000002','c','WAITING','core/wait',1,0,'timer',1767225600001000,1767225600000000,NULL,NULL,NULL,NULL);
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000004','a','SUCCESS','core/set',1,0,NULL,NULL,1767225600000000,1767225600000009,NULL,NULL,'{"v":5}');
INSERT INTO "task" VALUES('019b0000-0000-7000-8000-000000000004','b','RUNNING','core/set',1,0,NULL,NULL,1767225600000000,NULL,NULL,NULL,NULL);
CREATE TABLE tick (
        namespace text not null,
        workflow text not null,
        "trigger" text not null,
        due_at bigint not null,
        execution text not null,
        primary key (namespace, workflow, "trigger", due_at)
    ) without rowid
    ;
INSERT INTO "tick" VALUES('default','flow','cron',1767225600000000,'019b0000-0000-7000-8000-000000000000');
CREATE TABLE token (
        name text primary key,
        role text not null,
        namespaces text not null,
        digest text not null,
        created_at bigint not null,
        created_by text not null,
        expires_at bigint
    );
CREATE TABLE "trigger" (
        namespace text not null,
        workflow text not null,
        name text not null,
        kind text not null,
        address text unique,
        next_at bigint,
        primary key (namespace, workflow, name)
    ) without rowid
    ;
INSERT INTO "trigger" VALUES('default','flow','cron','cron',NULL,2767225600000000);
CREATE TABLE workflow (
        namespace text not null,
        id text not null,
        revision bigint not null,
        enabled smallint not null,
        deleted smallint not null,
        primary key (namespace, id)
    ) without rowid
    ;
INSERT INTO "workflow" VALUES('default','flow',1,1,0);
CREATE UNIQUE INDEX execution_key on execution (namespace, workflow, key) where key is not null;
CREATE INDEX execution_open on execution (owner, state, id) where state in ('PENDING', 'RUNNING', 'WAITING');
CREATE INDEX execution_ended on execution (ended_at) where ended_at is not null;
CREATE INDEX execution_by_state on execution (state, id);
CREATE INDEX record_expiry on record (expires_at) where expires_at is not null;
CREATE INDEX blob_ref_execution on blob_ref (execution);
CREATE UNIQUE INDEX package_current on package (name) where current = 1;
CREATE INDEX package_module on package (module);
CREATE INDEX execution_by_workflow on execution (namespace, workflow, state, id);
CREATE INDEX execution_by_namespace on execution (namespace, state, id);
CREATE INDEX execution_by_name on execution (workflow, state, id);
CREATE INDEX tick_age on tick (due_at);
CREATE INDEX offer_free on offer (offered_at) where node is null;
CREATE INDEX offer_taken on offer (node) where node is not null;
CREATE INDEX execution_queue on execution (id) where state = 'PENDING' and owner is null;
CREATE INDEX audit_age on audit (at, server, seq);
CREATE UNIQUE INDEX token_digest on token (digest);
CREATE INDEX permit_queue on permit (name, held, execution, path);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('inbox',1);
COMMIT;
