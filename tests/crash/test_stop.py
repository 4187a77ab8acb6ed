"""SIGTERM: what is nearly done is finished, what takes long is left to the next server."""

import time

from tests.crash.clients import wait


def test_a_short_task_is_finished(server, sink, historian):
    sink.delay = lambda: 0.5
    server.start()
    server.apply(sink.chain(3))
    id = server.submit()
    historian.accepted.add(id)
    wait(lambda: sink.effects)
    code, seconds = server.terminate()
    assert code == 0
    assert seconds < 5
    snapshot = historian.look(killed=False)
    assert {at[1]: row["state"] for at, row in snapshot.tasks.items()} == {"t00": "SUCCESS"}
    server.start()
    wait(lambda: server.state(id) == "SUCCESS")
    server.terminate()
    end = historian.finish()
    assert [(row["attempt"], row["losses"]) for row in end.tasks.values()] == [(1, 0)] * 3
    assert len(sink.effects) == 3


def test_a_long_task_is_left_to_the_next_server(server, sink, historian):
    sink.delay = lambda: 30
    server.settings["server"]["stopGrace"] = "2s"
    server.start()
    server.apply(sink.chain(2))
    id = server.submit()
    historian.accepted.add(id)
    wait(lambda: sink.effects)
    code, seconds = server.terminate()
    assert code == 0
    assert 1 <= seconds < 8
    snapshot = historian.look(killed=False)
    (task,) = snapshot.tasks.values()
    assert (task["state"], task["attempt"], task["losses"]) == ("PENDING", 0, 0)
    historian.allowed[id, "t00"] += 1
    sink.delay = lambda: 0
    server.start()
    wait(lambda: server.state(id) == "SUCCESS")
    server.terminate()
    end = historian.finish()
    assert [(row["attempt"], row["losses"]) for row in end.tasks.values()] == [(1, 0)] * 2
    assert sink.counts() == {(id, "t00"): 2, (id, "t01"): 1}


def test_stopping_again_and_again_in_the_middle_of_chains_loses_nothing(server, sink, historian, chance):
    sink.delay = lambda: chance.uniform(0, 0.01)
    server.start()
    server.apply(sink.chain(40))
    ids = [server.submit() for _ in range(3)]
    historian.accepted.update(ids)
    for effects in sorted(chance.sample(range(1, 110), 4)):  # of 120; each stop finds chains that go on
        wait(lambda effects=effects: len(sink.effects) >= effects)
        code, seconds = server.terminate()
        assert code == 0
        assert seconds < 5
        historian.look(killed=False)
        server.start()
    wait(lambda: all(server.state(id) == "SUCCESS" for id in ids))
    server.terminate()
    end = historian.finish()
    assert {row["losses"] for row in end.tasks.values()} == {0}
    assert {row["attempt"] for row in end.tasks.values()} == {1}
    assert set(sink.counts().values()) == {1}, "a clean stop repeats no effect"


def test_kill_during_the_stop(server, sink, historian, chance):
    """Whoever is killed while it drains has lost no more than one that is killed while it works."""
    import os
    import signal

    sink.delay = lambda: 0.3
    server.start()
    server.apply(sink.chain(4))
    id = server.submit()
    historian.accepted.add(id)
    for _ in range(2):
        count = len(sink.effects)
        wait(lambda count=count: len(sink.effects) > count)
        os.kill(server.pid, signal.SIGTERM)
        time.sleep(chance.uniform(0, 0.2))
        server.kill()
        historian.look(killed=True)
        server.start()
    wait(lambda: server.state(id) == "SUCCESS")
    server.terminate()
    historian.finish()
