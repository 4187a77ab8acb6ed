"""The workflows on DBOS: ``on_dbos.py DATABASE``, then lines on standard input. Needs nothing of ours."""

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS, DBOSConfig

DBOS(config=DBOSConfig(name="bench", system_database_url=sys.argv[1], log_level="ERROR"))


@DBOS.step()
def add(value):
    return value + 1


@DBOS.workflow()
def chain(length):
    value = 0
    for _ in range(length):
        value = add(value)
    return value


@DBOS.step()
async def add_later(value):
    return value + 1


@DBOS.workflow()
async def fan(width):
    return await add_later(sum(await asyncio.gather(*(add_later(number) for number in range(width)))))


def run(workflow, size):
    begun = time.perf_counter()
    DBOS.start_workflow(workflow, size).get_result()
    return time.perf_counter() - begun


def burst(number):
    with ThreadPoolExecutor(16) as several:
        begun = time.perf_counter()
        handles = list(several.map(lambda _: DBOS.start_workflow(chain, 3), range(number)))
        list(several.map(lambda handle: handle.get_result(), handles))
        return number / (time.perf_counter() - begun)


DBOS.launch()
for line in sys.stdin:
    word, *rest = line.split()
    match word:
        case "ready":
            answer = 0
        case "chain":
            answer = run(chain, 40)
        case "fan":
            answer = run(fan, 40)
        case "short":
            answer = run(chain, 3)
        case "burst":
            answer = burst(int(rest[0]))
    print(json.dumps(answer), flush=True)
