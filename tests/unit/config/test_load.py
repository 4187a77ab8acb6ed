"""Precedence, origins, paths, and everything that can be wrong with a configuration."""

import sys
import tempfile
from pathlib import Path

import pytest

from tests.users import nobody
from wfcore.config import load
from wfcore.config.keys import KEYS
from wfcore.config.load import locate
from wfcore.errors import InvalidConfig


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys.modules["wfcore.config.load"], "SYSTEM_FILE", tmp_path / "etc.yaml")
    return tmp_path / "here"


def written(text: str, path: Path = Path("workflow.config.yaml")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def faults(text: str = "", **environ: str) -> list[str]:
    if text:
        written(text)
    with pytest.raises(InvalidConfig) as caught:
        load(environ=environ)
    assert caught.value.remedy
    prefix = f"{Path.cwd()}/workflow.config.yaml:"
    return [line.removeprefix(prefix) for line in caught.value.message.splitlines()]


def test_without_anything_there_are_defaults(here):
    config = load(environ={})
    assert config.file is None
    assert config["server"]["port"] == 7233
    assert config["execution"]["retention"] == 30 * 86400.0
    assert config["server"]["maxBody"] == 16 * 2**20
    assert config["storage"] == {"type": "sqlite", "path": f"{here}/data/db.sqlite"}
    assert config.data_dir == here / "data"
    assert config["connections"] == {} == config["triggers"]
    assert config.origin("server.port") == "default"


@pytest.fixture
def closed(monkeypatch):
    """Everybody may look into ``closed``; nobody into ``closed/private``, where we are."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        (place / "private").mkdir()
        monkeypatch.chdir(place / "private")
        for file in (Path("workflow.config.yaml"), place / "private" / "system.yaml", place / "system.yaml"):
            written("server: {port: 1111}\n", file)
        (place / "private").chmod(0)
        yield place
        monkeypatch.undo()
        (place / "private").chmod(0o700)


def test_who_may_not_look_where_they_are_has_the_system_s_file(closed, monkeypatch):
    """As after ``sudo -u workflow`` in an administrator's home."""
    monkeypatch.setattr(sys.modules["wfcore.config.load"], "SYSTEM_FILE", closed / "system.yaml")
    with nobody():
        assert locate(None, {}) == closed / "system.yaml"


def test_a_system_s_file_that_may_not_be_looked_for_is_an_error(closed, monkeypatch):
    hidden = closed / "private" / "system.yaml"
    monkeypatch.setattr(sys.modules["wfcore.config.load"], "SYSTEM_FILE", hidden)
    for given in ({}, {"WORKFLOW_CONFIG": str(hidden)}):
        with nobody(), pytest.raises(InvalidConfig, match=r"system\.yaml cannot be read: Permission denied"):
            locate(None, given)


def test_every_default_is_of_its_kind():
    for key in KEYS:
        if "<" not in key.name:
            key.kind.read(key.default)


def test_the_example_of_the_requirements_document(here):
    written(
        "server:\n  port: 7233\n\nstorage:\n  type: sqlite\n  path: ./data/db.sqlite\n\n"
        "execution:\n  maxConcurrentWorkflows: 10\n  maxConcurrentTasks: 50\n"
    )
    config = load(environ={})
    assert config["storage"]["path"] == f"{here}/data/db.sqlite"
    assert config["execution"]["maxConcurrentWorkflows"] == 10


def test_file_environment_and_command_line_win_in_this_order(here):
    file = written("server:\n  port: 1\n  host: a\n  threads: 8\n")
    config = load(
        environ={"WORKFLOW_SERVER_PORT": "2", "WORKFLOW_SERVER_HOST": "b"}, overrides={"server.port": "3"}
    )
    assert config["server"]["port"] == 3
    assert config["server"]["host"] == "b"
    assert config["server"]["threads"] == 8
    assert config.origin("server.port") == "command line"
    assert config.origin("server.host") == "environment WORKFLOW_SERVER_HOST"
    assert config.origin("server.threads") == f"file {file.absolute()}:4"
    assert config.origin("server.connections") == "default"


@pytest.mark.parametrize("key", [key for key in KEYS if "<" not in key.name], ids=lambda key: key.name)
def test_every_key_can_come_from_the_environment(key, here):
    text = {"server.trustedProxy": "10.0.0.1", "egress.default": "none", "logging.format": "json"}.get(
        key.name, "debug" if key.name == "logging.level" else None
    )
    value = text or {int: "77", str: "some", list: "a,b", type(None): "some"}[type(key.default)]
    value = {
        "server.channelTimeout": "5m",
        "server.stopGrace": "5m",
        "execution.retention": "5m",
        "execution.lease": "5m",
        "plugins.refresh": "5m",
        "plugins.signatures": "require",
        "audit.retention": "5d",
        "secrets.masterKeyPlace": "keyring",
        "server.role": "worker",
        "dispatchers.celery.broker": "redis://localhost",
    }.get(key.name, value)
    value = {"server.maxBody": "2MiB", "logging.level": "DEBUG"}.get(key.name, value)
    environ = {key.environment: value}
    if key.only is None and key.name == "storage.type":
        environ = {key.environment: "other"}
    config = load(environ=environ)
    assert config.origin(key.name) == f"environment {key.environment}"
    assert config.get(key.name) != load(environ={}).get(key.name)


def test_camel_case_words_are_separated_in_the_environment():
    config = load(environ={"WORKFLOW_EXECUTION_MAX_CONCURRENT_TASKS": "5"})
    assert config["execution"]["maxConcurrentTasks"] == 5


@pytest.mark.parametrize("text", ["a, b ,c", "[a, b, c]", '["a", "b", "c"]'])
def test_a_list_from_the_environment(text):
    assert load(environ={"WORKFLOW_EXPRESSIONS_ENV": text})["expressions"]["env"] == ["a", "b", "c"]


def test_an_empty_text_empties_a_list_and_an_optional_key():
    config = load(environ={"WORKFLOW_SECRETS_PROVIDERS": "", "WORKFLOW_LOGGING_FILE": ""})
    assert config["secrets"]["providers"] == []
    assert config["logging"]["file"] is None


def test_settings_of_drivers_keep_their_yaml_types_from_the_environment():
    environ = {
        "WORKFLOW_STORAGE_TYPE": "other",
        "WORKFLOW_STORAGE_POOL_SIZE": "5",
        "WORKFLOW_STORAGE_URL": "other://u:p@host/db",
        "WORKFLOW_TRIGGERS_CRON_MAX_LATENESS": "010",
        "WORKFLOW_ACTIONS_CORE_SHELL": "false",
        "WORKFLOW_SECRETS_VAULT_ADDRESSES": "[a, b]",
        "WORKFLOW_CONNECTIONS_ORDERS_DB_URL": "postgresql://x/y",
    }
    config = load(environ=environ)
    assert config["storage"] == {"type": "other", "poolSize": 5, "url": "other://u:p@host/db"}
    assert config["triggers"] == {"cron": {"maxLateness": "010"}}
    assert config["actions"] == {"core": {"shell": False}}
    assert config["secrets"]["vault"] == {"addresses": ["a", "b"]}
    assert config["connections"] == {"orders_db": {"url": "postgresql://x/y"}}


def test_the_environment_finds_the_spelling_that_the_file_uses():
    written("connections:\n  Orders-DB: {url: 'sqlite:a'}\nstorage:\n  pool: {size: 1}\n")
    config = load(
        environ={"WORKFLOW_CONNECTIONS_ORDERS_DB_URL": "sqlite:b", "WORKFLOW_STORAGE_POOL_SIZE": "2"}
    )
    assert config["connections"] == {"Orders-DB": {"url": "sqlite:b"}}
    assert config["storage"]["pool"] == {"size": 2}


def test_relative_paths_start_at_the_file(tmp_path):
    file = written(
        "storage: {path: ./db/w.sqlite}\nlogging: {file: ../w.log}\negress: {caFile: /etc/ca.pem}\n",
        tmp_path / "etc" / "c.yaml",
    )
    config = load(file, environ={"WORKFLOW_LOGGING_FILE": "w.log"})
    assert config["storage"]["path"] == f"{tmp_path}/etc/db/w.sqlite"
    assert config.data_dir == tmp_path / "etc" / "db"
    assert config["egress"]["caFile"] == "/etc/ca.pem"
    assert config["logging"]["file"] == f"{Path.cwd()}/w.log"
    assert config.file == file


def test_the_data_directory_can_be_chosen(here):
    assert load(environ={"WORKFLOW_DATA_DIR": "x"}).data_dir == here / "x"
    assert load(environ={"WORKFLOW_STORAGE_TYPE": "other"}).data_dir == here / "data"


def test_which_file_is_read(here, tmp_path):
    written("server: {port: 1}", tmp_path / "etc.yaml")
    assert load(environ={})["server"]["port"] == 1
    written("server: {port: 2}")
    assert load(environ={})["server"]["port"] == 2
    written("server: {port: 3}", tmp_path / "env.yaml")
    environ = {"WORKFLOW_CONFIG": str(tmp_path / "env.yaml")}
    assert load(environ=environ)["server"]["port"] == 3
    asked = written("server: {port: 4}", tmp_path / "asked.yaml")
    assert load(asked, environ=environ)["server"]["port"] == 4


def test_a_file_that_was_asked_for_must_be_there():
    with pytest.raises(InvalidConfig, match=r"--config: there is no file nowhere\.yaml"):
        load(Path("nowhere.yaml"), environ={})
    with pytest.raises(InvalidConfig, match="WORKFLOW_CONFIG: there is no file /no"):
        load(environ={"WORKFLOW_CONFIG": "/no"})


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "server:\n", "connections: {}\ntriggers: {cron: }\n"]
)
def test_nothing_in_it_is_fine(text):
    written(text)
    assert load(environ={})["server"]["port"] == 7233


def test_get_and_origin_of_sections_and_unknown_names():
    written("connections:\n  a: {url: 'x:y'}\n")
    config = load(environ={})
    assert config.get("connections") == {"a": {"url": "x:y"}}
    assert config.get("connections.b.url") is None
    assert config.get("triggers.cron", {}) == {}
    assert config.origin("connections.a").endswith(":2")
    with pytest.raises(KeyError):
        config.get("server.prot")


def test_all_faults_at_once_in_order():
    text = (
        "server:\n  prot: 1\n  port: many\n  threads: 1\n"
        "execution:\n  max_concurrent_tasks: 3\n  retention: soon\n"
        "port: 3\nlogging: loud\nstorage:\n  type: 5\n  path: ''\n"
    )
    lines = faults(text, WORKFLOW_SERVER_PROT="1", WORKFLOW_SERVER_MAX_BODY="1KB")
    assert lines == [
        "2:3: server.prot: unknown key (did you mean server.port?)",
        "3:3: server.port: must be a whole number from 0 to 65535, not 'many'",
        "4:3: server.threads: must be a whole number from 2 to 1024, not 1",
        "6:3: execution.max_concurrent_tasks: unknown key (did you mean execution.maxConcurrentTasks?)",
        "7:3: execution.retention: 'soon' is no duration; "
        "write 30s, 5m, 1h30m, 2d, PT5M or a number of seconds",
        "8:1: port: unknown key (did you mean server.port?)",
        "9:1: logging: must be a mapping of keys, not 'loud'",
        "11:3: storage.type: must be a name, not 5",
        "environment WORKFLOW_SERVER_PROT: no setting has this name (did you mean WORKFLOW_SERVER_PORT?)",
        "environment WORKFLOW_SERVER_MAX_BODY: server.maxBody: must be at least 1KiB, not '1KB'",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("server: {port: 7233, port: 1}", "1:22: server.port: is here twice; first on line 1"),
        ("server: {port: {a: 1}}", "1:10: server.port: must be whole number, 0 to 65535, not a mapping"),
        ("server: {port: null}", "1:10: server.port: must be a whole number from 0 to 65535, not null"),
        ("server: {port: true}", "1:10: server.port: must be a whole number from 0 to 65535, not True"),
        ("server: {port: 0x10}", "1:10: server.port: must be a whole number from 0 to 65535, not '0x10'"),
        ("server: [1]", "1:1: server: must be a mapping of keys, not [1]"),
        ("- a", "1:1: a configuration is a mapping of keys"),
        ("server: &a {port: 1}\nlogging: *a", "2:1: logging: anchors and aliases are not supported"),
        ("a: [&x 1, *x]", "anchors and aliases are not supported in the configuration"),
        ("server: {port: !!python/name:os.system ''}", "the tag tag:yaml.org,2002:python/name:os.system"),
        ("server: {<<: {port: 1}}", "1:10: server: a key must be one word of text"),
        ("server: {? [a] : 1}", "a key must be one word of text"),
        ("server: {port: 1", "1:17: not valid YAML: expected ',' or '}', but got '<stream end>'"),
        ("a: 1\n---\nb: 1", "2:1: not valid YAML: but found another document"),
        ("a: \x01", "not valid YAML: "),
        ("x: " + "[" * 3000, "nested too deeply"),
        ("connections: {a: {url: nope}}", "1:19: connections.a.url: must be a URL"),
        (
            "connections: {a: {uri: x}}",
            "1:19: connections.a.uri: unknown key (did you mean connections.a.url?)",
        ),
        ("expressions: {env: [WORKFLOW_TOKEN]}", "the name of a variable outside WORKFLOW_*"),
        ("expressions: {env: HOME}", "1:15: expressions.env: must be a list, not 'HOME'"),
        ("logging: {level: LOUD}", "must be one of DEBUG, INFO, WARNING, ERROR, not 'LOUD'"),
        ("dataDir: ''", "1:1: dataDir: must be a path, not ''"),
        ("server: {maxBody: 16MB!}", "'16MB!' is not a size"),
        ("nonsense: 1", "1:1: nonsense: unknown key"),
    ],
)
def test_a_fault_of_the_file_has_its_place(text, fault):
    lines = faults(text)
    assert any(fault in line for line in lines), lines


def test_a_file_that_is_no_text(here):
    (here / "workflow.config.yaml").write_bytes(b"server:\n  host: \xff\xfe\n")
    assert faults() == ["2:1: the file is not UTF-8 text"]
    (here / "workflow.config.yaml").write_bytes(b"#" * 1_000_001)
    assert faults() == ["1:1: the file is larger than 1 MB"]


def test_yaml_1_2_words_are_texts():
    written(
        "storage: {a: on, b: no, c: 010, d: 12:30:45, e: 2026-01-01, f: yes, g: 1e3, h: ~, i: 'true', j: -5}"
    )
    found = load(environ={})["storage"]
    assert [found[name] for name in "abcdefghij"] == [
        "on", "no", "010", "12:30:45", "2026-01-01", "yes", 1000.0, None, "true", -5,
    ]  # fmt: skip


def test_an_unknown_variable_is_an_error_but_not_ours():
    load(environ={"WORKFLOW_TOKEN": "t", "WORKFLOW_SERVER": "http://x", "WORKFLOW_SECRET__A": "s"})
    load(environ={"WORKFLOW_TEST_DATABASE": "x", "WORKFLOW_SECRET_KEY_FILE": "/x", "OTHER_WORKFLOW_X": "1"})
    assert faults(WORKFLOW_NONSENSE="1") == ["environment WORKFLOW_NONSENSE: no setting has this name"]
    assert faults(WORKFLOW_STORAGE_="1") == [
        "environment WORKFLOW_STORAGE_: no setting has this name (did you mean WORKFLOW_STORAGE_URL?)"
    ]
    assert "not valid YAML" in faults(WORKFLOW_EXPRESSIONS_ENV="[a")[0]


def test_a_service_link_of_kubernetes_is_named_as_what_it_is():
    [line] = faults(WORKFLOW_SERVER_PORT="tcp://10.0.0.1:7233")
    assert "Kubernetes" in line
    assert "enableServiceLinks: false" in line
    assert "workflow-server" in line


def test_service_links_that_cannot_be_settings_are_passed_over():
    environ = {
        "WORKFLOW_SERVICE_HOST": "10.0.0.1",
        "WORKFLOW_SERVICE_PORT": "7233",
        "WORKFLOW_SERVICE_PORT_HTTP": "7233",
        "WORKFLOW_PORT": "tcp://10.0.0.1:7233",
        "WORKFLOW_PORT_7233_TCP": "tcp://10.0.0.1:7233",
        "WORKFLOW_PORT_7233_TCP_ADDR": "10.0.0.1",
        "WORKFLOW_STORAGE_SERVICE_HOST": "10.0.0.2",
    }
    assert load(environ=environ)["storage"].keys() == {"type", "path"}


def test_an_override_is_checked_like_the_rest():
    with pytest.raises(InvalidConfig, match=r"command line: server\.port: must be a whole number"):
        load(environ={}, overrides={"server.port": "http"})
    with pytest.raises(InvalidConfig, match=r"command line: server\.prot: unknown key"):
        load(environ={}, overrides={"server.prot": "1"})
