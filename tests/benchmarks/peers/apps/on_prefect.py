"""The workflows on Prefect: ``on_prefect.py``, then lines on standard input. Needs nothing of ours."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from prefect import flow, task


@task
def add(value):
    return value + 1


@flow
def chain(length):
    value = 0
    for _ in range(length):
        value = add(value)
    return value


@flow
def fan(width):
    futures = [add.submit(number) for number in range(width)]
    return add(sum(future.result() for future in futures))


def run(workflow, size):
    begun = time.perf_counter()
    workflow(size)
    return time.perf_counter() - begun


def burst(number):
    with ThreadPoolExecutor(16) as several:
        begun = time.perf_counter()
        list(several.map(lambda _: chain(3), range(number)))
        return number / (time.perf_counter() - begun)


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
