"""Every command with what it cannot take: the right exit code, one clear line, a remedy, and nothing done."""

import json

import pytest

from wfcore.cli.root import ROOT
from wfcore.cli.tree import Command, walk

NOBODY = "http://127.0.0.1:1"
CASES = [
    ("run", 2, "workflow run: FILE is missing"),
    ("run nothing.yaml", 4, "there is no file nothing.yaml"),
    ("run . ", 2, ". cannot be read: Is a directory"),
    ("run wrong.yaml", 3, "wrong.yaml:3:13: tasks.a.type: "),
    ("run quick.yaml --input name", 2, "is not NAME=VALUE"),
    ("run quick.yaml --input nmae=x", 3, "there is no input 'nmae' (did you mean 'name'?)"),
    ("run quick.yaml --inputs gone.json", 4, "there is no file gone.json"),
    ("run quick.yaml --inputs quick.yaml", 3, "quick.yaml is not JSON"),
    ("run - --inputs -", 2, "standard input cannot be both"),
    ("run quick.yaml --bogus", 2, "there is no option --bogus"),
    ("run quick.yaml --config gone.yaml", 3, "--config: there is no file gone.yaml"),
    ("server start --port http", 2, "--port needs a number"),
    ("server start --port 99999", 3, "command line: server.port: must be a whole number from 0 to 65535"),
    ("server start --detach --port 99999", 3, "command line: server.port: must be a whole number"),
    ("server start --host 999.1.1.1", 3, "server.host: '999.1.1.1' is no address"),
    ("server start --detach --host 999.1.1.1", 3, "server.host: '999.1.1.1' is no address"),
    ("server start now", 2, "'now' is one argument too many"),
    ("server stop", 6, "no server is running on the data directory"),
    ("server stop --server " + NOBODY, 6, f"the server at {NOBODY} does not answer"),
    ("server status", 6, "no server is running on the data directory"),
    ("server status --server nonsense", 2, "'nonsense' is not the URL of a server"),
    ("server backup", 2, "workflow server backup: PATH is missing"),
    ("server backup b1", 4, "there is no database"),
    ("server backup b1 b2", 2, "'b2' is one argument too many"),
    ("server restore", 2, "workflow server restore: PATH is missing"),
    ("server restore gone", 4, "gone is no backup of a SQLite storage"),
    ("server restore . --force", 4, "is no backup of a SQLite storage"),
    ("server restore gone --force=yes", 2, "--force is a switch and takes no value"),
    ("server migrate now", 2, "'now' is one argument too many"),
    ("server migrate --to", 2, "--to needs a value"),
    ("server migrate --to mysql://x/y", 2, "--to is no place to move to"),
    ("server migrate --to data/db.sqlite", 5, "that is the storage that is in use"),
    ("server migrate --to postgres://nobody@127.0.0.1:1/x", 4, "there is no database"),
    ("server migrate --to new.sqlite --check", 4, "there is no database"),
    ("server migrate --to new.sqlite", 4, "there is no database"),
    ("token create", 2, "workflow token create: NAME is missing"),
    ("token create ci", 2, "workflow token create: --role is missing"),
    ("token create ci --role viewer", 6, "no server is running"),
    ("token list now", 2, "'now' is one argument too many"),
    ("token list", 6, "no server is running"),
    ("token revoke", 2, "workflow token revoke: NAME is missing"),
    ("token revoke ci", 6, "no server is running"),
    ("token use wf_x", 2, "'wf_x' is one argument too many"),
    ("token use", 6, "no server is running"),
    ("audit list now", 2, "'now' is one argument too many"),
    ("audit list", 6, "no server is running"),
    ("audit export", 2, "workflow audit export: FILE is missing"),
    ("audit export a.jsonl", 6, "no server is running"),
    ("audit verify a.jsonl", 2, "'a.jsonl' is one argument too many"),
    ("audit verify", 6, "no server is running"),
    ("workflow apply", 2, "workflow workflow apply: PATH is missing"),
    ("workflow apply gone.yaml", 4, "there is no file gone.yaml"),
    ("workflow apply quick.yaml", 6, "no server is running"),
    ("workflow validate", 2, "workflow workflow validate: PATH is missing"),
    ("workflow validate gone.yaml", 4, "there is no file gone.yaml"),
    ("workflow validate wrong.yaml quick.yaml", 3, "wrong.yaml:3:13: tasks.a.type: "),
    ("workflow list extra", 2, "'extra' is one argument too many"),
    ("workflow list", 6, "no server is running"),
    ("workflow describe", 2, "workflow workflow describe: ADDRESS is missing"),
    ("workflow describe a/b/c!", 2, "'a/b/c!' is not the address of a workflow"),
    ("workflow describe quick", 6, "no server is running"),
    ("workflow run ../quick", 2, "'../quick' is not the address of a workflow"),
    ("workflow run quick --input =1", 2, "is not NAME=VALUE"),
    ("workflow run quick", 6, "no server is running"),
    ("workflow run quick --each", 2, "--each needs a value"),
    ("workflow run quick --each gone.jsonl", 4, "there is no file gone.jsonl"),
    ("workflow run quick --each quick.yaml", 3, "quick.yaml:1 is not JSON"),
    ("workflow run quick --each -", 2, "standard input has no line"),
    ("workflow run quick --each - --inputs -", 2, "standard input cannot be both"),
    ("workflow run quick --each rows --follow", 2, "--follow shows one execution"),
    ("workflow run quick --key ", 2, "--key needs a value"),
    ("workflow run quick --key=\u00e9", 2, "--key is not valid"),
    ("workflow run quick --key=" + "x" * 201, 2, "--key is not valid"),
    ("workflow enable", 2, "workflow workflow enable: ADDRESS is missing"),
    ("workflow enable a b!", 2, "'b!' is not the address of a workflow"),
    ("workflow disable 1a", 2, "'1a' is not the address of a workflow"),
    ("workflow delete", 2, "workflow workflow delete: ADDRESS is missing"),
    ("workflow delete quick", 6, "no server is running"),
    ("execution list --limit many", 2, "--limit needs a number, not 'many'"),
    ("execution list --workflow a/b/c!", 2, "'a/b/c!' is not the address of a workflow"),
    ("execution list", 6, "no server is running"),
    ("execution inspect", 2, "workflow execution inspect: ID is missing"),
    ("execution inspect ../x", 2, "'../x' is not the id of an execution"),
    ("execution inspect x", 6, "no server is running"),
    ("execution content", 2, "workflow execution content: ID is missing"),
    ("execution content ../x", 2, "'../x' is not the id of an execution"),
    ("execution content x --task", 2, "--task needs a value"),
    ("execution content x", 6, "no server is running"),
    ("execution logs", 2, "workflow execution logs: ID is missing"),
    ("execution logs a b", 2, "'b' is one argument too many"),
    ("execution logs ../x --follow", 2, "'../x' is not the id of an execution"),
    ("execution watch ../x", 2, "'../x' is not the id of an execution"),
    ("execution watch x", 6, "no server is running"),
    ("execution cancel", 2, "workflow execution cancel: ID is missing"),
    ("execution cancel x --reason", 2, "--reason needs a value"),
    ("plugin list all", 2, "'all' is one argument too many"),
    ("plugin list --server " + NOBODY, 6, f"the server at {NOBODY} does not answer"),
    ("plugin init", 2, "workflow plugin init: NAME is missing"),
    ("plugin init Bad/Name", 2, "'Bad/Name' is no name of a plugin"),
    ("plugin init hi --language rust", 2, "there is no template for 'rust'"),
    ("plugin build gone", 4, "gone/plugin.yaml cannot be read"),
    ("plugin build .", 4, "plugin.yaml cannot be read"),
    ("plugin test gone", 4, "gone/plugin.yaml cannot be read"),
    ("plugin test --abi gone.wasm", 4, "there is no file gone.wasm"),
    ("plugin remove community/slack --only 1.0.0", 4, "the package community/slack is not installed"),
    ("plugin install", 2, "no plugin is named"),
    ("plugin install community/slack@", 2, "'community/slack@' names no plugin"),
    ("plugin install --locked", 4, "there is no file plugins.lock"),
    ("plugin install --locked --grant", 2, "the lock says the grants and the secrets"),
    ("plugin keygen", 2, "workflow plugin keygen: FILE is missing"),
    ("plugin keygen quick.yaml", 5, "quick.yaml is there already"),
    ("plugin keygen gone/key", 2, "gone/key cannot be written"),
    ("plugin publish gone.wfp", 8, "there is no publisher's token"),
    ("plugin publish gone.wfp --token-file quick.yaml", 8, "there is no publisher's token"),
    ("plugin publish gone.wfp --token-file gone.token", 4, "there is no file gone.token"),
    ("plugin publish gone.wfp --key quick.yaml", 3, "this is no secret key"),
    ("plugin yank community/slack", 2, "'community/slack' is no version"),
    ("plugin yank community/slack@1.0.0", 2, "either give a --reason or --undo"),
    ("plugin yank community/slack@1.0.0 --undo", 8, "there is no publisher's token"),
    ("plugin search a b", 2, "'b' is one argument too many"),
    ("plugin search --server " + NOBODY, 6, f"the server at {NOBODY} does not answer"),
    ("plugin verify", 2, "workflow plugin verify: SOURCE is missing"),
    ("plugin verify gone.wfp", 4, "there is no gone.wfp"),
    ("plugin verify ./quick.yaml", 7, "it is no zip archive"),
    ("plugin update", 2, "either name a package or say --all"),
    ("plugin update community/slack --all", 2, "either name a package or say --all"),
    ("plugin update slack", 2, "'slack' is no name of a package"),
    ("plugin lock all", 2, "'all' is one argument too many"),
    ("plugin install gone.wfp", 4, "there is no gone.wfp"),
    ("plugin install quick.yaml", 7, "it is no zip archive"),
    ("plugin install https://example.com/a.wfp", 2, "without the digest that it must have"),
    ("plugin install https://example.com/a.wfp#sha256=12", 2, "what follows # is no sha256"),
    ("plugin install quick.yaml --secret A", 2, "--secret 'A' is not SLOT=NAME"),
    ("plugin info slack", 2, "'slack' is no name of a package"),
    ("plugin info community/slack", 4, "the package community/slack is not installed"),
    ("plugin remove", 2, "workflow plugin remove: NAME is missing"),
    ("plugin remove community/slack", 4, "the package community/slack is not installed"),
    ("secret set", 2, "workflow secret set: NAME is missing"),
    ("secret set TOKEN value", 2, "'value' is one argument too many"),
    ("secret set TOKEN --value x", 2, "there is no option --value"),
    ("secret set 1TOKEN", 2, "'1TOKEN' cannot be the name of a secret"),
    ("secret set TOKEN --scope a/b/c", 2, "'a/b/c' is no scope of secrets"),
    ("secret list all", 2, "'all' is one argument too many"),
    ("secret list --server " + NOBODY, 6, f"the server at {NOBODY} does not answer"),
    ("secret delete", 2, "workflow secret delete: NAME is missing"),
    ("secret delete a/b", 2, "'a/b' cannot be the name of a secret"),
    ("secret delete TOKEN --scope /", 2, "'/' is no scope of secrets"),
    ("secret rotate now", 2, "'now' is one argument too many"),
    ("secret rotate --new-key=yes", 2, "--new-key is a switch and takes no value"),
    ("config get", 2, "workflow config get: KEY is missing"),
    ("config get server.prot", 4, "there is no setting server.prot"),
    ("config set server.port", 2, "workflow config set: VALUE is missing"),
    ("config set server.port http", 3, "server.port: must be a whole number"),
    ("config set server.prot 1", 3, "server.prot: unknown key (did you mean server.port?)"),
    ("config list all", 2, "'all' is one argument too many"),
    ("config list --config gone.yaml", 3, "--config: there is no file gone.yaml"),
    ("completion bash now", 2, "'now' is one argument too many"),
    ("completion fish now", 2, "'now' is one argument too many"),
    ("completion zsh", 2, "there is no command 'zsh'"),
    ("nonsense", 2, "there is no command 'nonsense'"),
]


@pytest.mark.parametrize(("argv", "code", "message"), CASES, ids=[case[0] for case in CASES])
def test_a_clear_error_and_the_right_code(project, argv, code, message):
    before = sorted(project.path.rglob("*.yaml"))
    outcome = project.run(*argv.split())
    assert message in outcome.err
    assert outcome.code == code
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert len(outcome.err.splitlines()) <= 4
    assert sorted(project.path.rglob("*.yaml")) == before
    assert not list(project.path.rglob("*.sqlite")) or argv.startswith("server")


def test_every_command_has_a_case():
    tried = {tuple(argv.split()) for argv, _, _ in CASES}
    for path, node in walk(ROOT):
        if isinstance(node, Command):
            assert any(words[: len(path)] == path for words in tried), path


@pytest.mark.parametrize(
    "argv", ["run nothing.yaml", "nonsense", "server status", "workflow validate wrong.yaml", "run --bogus"]
)
def test_an_error_as_json(project, argv):
    plain = project.run(*argv.split())
    outcome = project.run("--json", *argv.split())
    assert (outcome.code, outcome.err) == (plain.code, "")
    error = json.loads(outcome.out)["error"]
    assert error["message"].splitlines()[0] in plain.err
    assert {"code", "message", "remedy"} <= error.keys()


def test_a_bug_is_code_70_with_its_traceback(project):
    project.write("sitecustomize.py", "import wfcore.config\nwfcore.config.load = None\n")
    outcome = project.run("config", "list", PYTHONPATH=str(project.path))
    assert outcome.code == 70
    assert "this is a bug: TypeError" in outcome.err
    assert "Traceback" in outcome.err
    told = project.run("config", "list", "--json", PYTHONPATH=str(project.path))
    assert (told.code, told.json["error"]["code"]) == (70, "error")


def test_a_faulty_configuration_is_told_with_file_and_line(project):
    project.write("workflow.config.yaml", "server:\n  prot: 1\n")
    outcome = project.run("config", "list", WORKFLOW_LOGGING_LEVEL="LOUD")
    first, second, hint = outcome.err.splitlines()
    assert (
        first
        == f"{project.path}/workflow.config.yaml:2:3: server.prot: unknown key (did you mean server.port?)"
    )
    assert second.startswith("environment WORKFLOW_LOGGING_LEVEL: logging.level: must be one of")
    assert hint.startswith("  hint: ")
    assert outcome.code == 3


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ("run quick.yaml", 7, "data/runs: Not a directory"),
        ("server start", 3, "data cannot be used: File exists"),
        ("server start --detach", 3, "data cannot be used: File exists"),
        ("server stop", 6, "no server is running"),
        ("workflow list", 6, "no server is running"),
        ("execution inspect 01a20a10-471c-7e20-9cf3-1734ad7641b5", 6, "no server is running"),
    ],
)
def test_a_data_directory_that_is_none(project, argv, code, message):
    project.write("data", "")
    outcome = project.run(*argv.split())
    assert message in outcome.err
    assert outcome.code == code
    assert "Traceback" not in outcome.err
