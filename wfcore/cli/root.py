"""The whole tree of commands, each branch imported when somebody looks at it."""

from __future__ import annotations

from collections.abc import Mapping

from wfcore.cli.tree import Group, Node, command

Members = Mapping[str, Node]


def _server() -> Members:
    from wfcore.cli.commands import server

    return {
        "start": command(server.start),
        "stop": command(server.stop),
        "status": command(server.status),
        "backup": command(server.backup),
        "restore": command(server.restore),
        "migrate": command(server.migrate),
    }


def _workflow() -> Members:
    from wfcore.cli.commands import workflow

    return {
        "apply": command(workflow.apply),
        "validate": command(workflow.validate),
        "list": command(workflow.list_workflows),
        "describe": command(workflow.describe),
        "run": command(workflow.run),
        "enable": command(workflow.enable),
        "disable": command(workflow.disable),
        "delete": command(workflow.delete),
    }


def _execution() -> Members:
    from wfcore.cli.commands import execution

    return {
        "list": command(execution.list_executions),
        "inspect": command(execution.inspect),
        "content": command(execution.content),
        "logs": command(execution.logs),
        "watch": command(execution.watch),
        "cancel": command(execution.cancel),
    }


def _plugin() -> Members:
    from wfcore.cli.commands import plugin, project, publishing, supply

    return {
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
    }


def _secret() -> Members:
    from wfcore.cli.commands import secret

    return {
        "set": command(secret.set_secret),
        "list": command(secret.list_secrets),
        "delete": command(secret.delete),
        "rotate": command(secret.rotate),
    }


def _token() -> Members:
    from wfcore.cli.commands import token

    return {
        "create": command(token.create),
        "list": command(token.list_tokens),
        "revoke": command(token.revoke),
        "use": command(token.use),
    }


def _audit() -> Members:
    from wfcore.cli.commands import audit

    return {
        "list": command(audit.list_entries),
        "export": command(audit.export),
        "verify": command(audit.verify),
    }


def _config() -> Members:
    from wfcore.cli.commands import config

    return {
        "get": command(config.get),
        "set": command(config.set_value),
        "list": command(config.list_settings),
    }


def _completion() -> Members:
    from wfcore.cli.commands import completion

    return {
        "bash": command(completion.bash),
        "fish": command(completion.fish),
    }


def _root() -> Members:
    from wfcore.cli.commands import run

    return {
        "run": command(run.run),
        "server": Group(
            "Start, stop and ask this machine's server; back up, restore and move its data.", _server
        ),
        "workflow": Group("Apply, list, describe and run workflows on a server.", _workflow),
        "execution": Group("List, inspect, follow and cancel executions.", _execution),
        "plugin": Group(
            "Make, build, test, publish plugins; find, install, update, list, remove them.", _plugin
        ),
        "secret": Group("Store secrets, list and delete them, encrypt them anew.", _secret),
        "token": Group("Say who may use a server, and which token this machine uses.", _token),
        "audit": Group("Who did what on a server, from where, with which result.", _audit),
        "config": Group("Read and write the configuration.", _config),
        "completion": Group("Print a script that completes commands and options in a shell.", _completion),
    }


ROOT = Group("A workflow engine: run a file here, or apply workflows to a server.", _root)
