"""What a server spares itself for each execution, as counts of a process of its own."""

import json
import subprocess
import sys

COUNTS = """
import gc, json, logging
from wfcore.service.logging import setup_logging
from wfcore.service.serve import _spare_the_collector

setup_logging({"format": "text", "level": "INFO", "file": None})
_spare_the_collector()
before = gc.get_stats()[0]["collections"]
kept = [[] for _ in range(20_000)]
record = logging.getLogger("x").makeRecord("x", logging.INFO, "x.py", 1, "hello", (), None)
frozen, runs = gc.get_freeze_count(), gc.get_stats()[0]["collections"] - before
asked = [record.thread, record.process, record.processName]
print(json.dumps({"frozen": frozen, "runs": runs, "asked": asked}))
"""


def test_the_collector_and_the_log_look_at_little():
    done = subprocess.run([sys.executable, "-c", COUNTS], capture_output=True, text=True, check=True)
    counted = json.loads(done.stdout)
    assert counted["frozen"] > 10_000, "what the process has loaded is looked at again and again"
    assert counted["runs"] <= 4, "20 000 new objects are four looks, not thirty"
    assert counted["asked"] == [None, None, None], "no line of the log shows these"
