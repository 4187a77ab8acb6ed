"""The whole tree of commands."""

from __future__ import annotations

from wfcore.cli.commands import (
    audit,
    completion,
    config,
    execution,
    plugin,
    project,
    publishing,
    run,
    secret,
    server,
    supply,
    token,
    workflow,
)
from wfcore.cli.tree import Group, command

ROOT = Group(
    "A workflow engine: run a file here, or apply workflows to a server.",
    {
        "run": command(run.run),
        "server": Group(
            "Start, stop and ask this machine's server; back up, restore and move its data.",
            {
                "start": command(server.start),
                "stop": command(server.stop),
                "status": command(server.status),
                "backup": command(server.backup),
                "restore": command(server.restore),
                "migrate": command(server.migrate),
            },
        ),
        "workflow": Group(
            "Apply, list, describe and run workflows on a server.",
            {
                "apply": command(workflow.apply),
                "validate": command(workflow.validate),
                "list": command(workflow.list_workflows),
                "describe": command(workflow.describe),
                "run": command(workflow.run),
                "enable": command(workflow.enable),
                "disable": command(workflow.disable),
                "delete": command(workflow.delete),
            },
        ),
        "execution": Group(
            "List, inspect, follow and cancel executions.",
            {
                "list": command(execution.list_executions),
                "inspect": command(execution.inspect),
                "content": command(execution.content),
                "logs": command(execution.logs),
                "watch": command(execution.watch),
                "cancel": command(execution.cancel),
            },
        ),
        "plugin": Group(
            "Make, build, test, publish plugins; find, install, update, list, remove them.",
            {
                "init": command(project.init),
                "build": command(project.build),
                "test": command(project.test),
                "keygen": command(publishing.keygen),
                "publish": command(publishing.publish),
                "yank": command(publishing.yank),
                "search": command(supply.search),
                "verify": command(publishing.verify),
                "install": command(supply.install),
                "update": command(supply.update),
                "lock": command(supply.lock),
                "list": command(plugin.list_plugins),
                "info": command(plugin.info),
                "remove": command(plugin.remove),
            },
        ),
        "secret": Group(
            "Store secrets, list and delete them, encrypt them anew.",
            {
                "set": command(secret.set_secret),
                "list": command(secret.list_secrets),
                "delete": command(secret.delete),
                "rotate": command(secret.rotate),
            },
        ),
        "token": Group(
            "Say who may use a server, and which token this machine uses.",
            {
                "create": command(token.create),
                "list": command(token.list_tokens),
                "revoke": command(token.revoke),
                "use": command(token.use),
            },
        ),
        "audit": Group(
            "Who did what on a server, from where, with which result.",
            {
                "list": command(audit.list_entries),
                "export": command(audit.export),
                "verify": command(audit.verify),
            },
        ),
        "config": Group(
            "Read and write the configuration.",
            {
                "get": command(config.get),
                "set": command(config.set_value),
                "list": command(config.list_settings),
            },
        ),
        "completion": Group(
            "Print a script that completes commands and options in a shell.",
            {"bash": command(completion.bash), "fish": command(completion.fish)},
        ),
    },
)
