"""Following by server-sent events: complete, resumable, bounded in number and time."""

import contextlib
import socket
import threading
import time

import pytest

LONG = "id: long\norder: sequence\ntasks:\n" + "".join(
    f"  t{i}: {{type: core/log, inputs: {{message: 'line {i}'}}}}\n" for i in range(30)
)


def history(server, id):
    return server.get(f"/api/v1/executions/{id}/facts?limit=10000").json["facts"]


def test_the_whole_history_then_the_end(server):
    server.apply(LONG)
    id = server.submit("long")["id"]
    with server.stream(id) as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        found = list(server.events(response))
    *facts, (last, name, data) = found
    assert (name, data) == ("end", {"state": "SUCCESS"})
    assert [fact for _, _, fact in facts] == history(server, id)
    assert [(seq, kind) for seq, kind, _ in facts] == [(fact["seq"], fact["kind"]) for _, _, fact in facts]
    assert last == facts[-1][0]


@pytest.mark.parametrize("by", ["header", "query", "both"])
def test_it_goes_on_where_it_was(server, by):
    id = server.submit("quick", wait=10)["id"]
    facts = history(server, id)
    given = {"header": {"last": 3}, "query": {"after": 3}, "both": {"last": 3, "after": 0}}[by]
    with server.stream(id, **given) as response:
        found = list(server.events(response))
    assert [seq for seq, _, _ in found[:-1]] == [fact["seq"] for fact in facts if fact["seq"] > 3]


def test_after_the_last_event_there_is_only_the_end(server):
    id = server.submit("quick", wait=10)["id"]
    with server.stream(id, last=history(server, id)[-1]["seq"]) as response:
        assert [name for _, name, _ in server.events(response)] == ["end"]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "%D9%A3"])
def test_bad_last_event_id(server, last):
    id = server.submit("quick", wait=10)["id"]
    answer = server.get(f"/api/v1/executions/{id}/events", Last_Event_ID=last)
    assert (answer.status, answer.code) == (400, "usage")


def test_a_broken_connection_loses_and_repeats_nothing(server):
    """A client that is cut off again and again, and comes back each time with the id it saw last."""
    server.apply(LONG)
    id = server.submit("long")["id"]
    seen, last = [], 0
    for _ in range(1000):
        with server.stream(id, last=last) as response:
            assert response.status == 200, response.read()
            seq, name, data = next(server.events(response))
        if name == "end":
            break
        seen.append(data)
        last = seq
    assert seen == history(server, id)


def test_news_arrive_as_they_happen(server):
    id = server.submit("slow", wait=0.5)["id"]
    with server.stream(id) as response:
        found = server.events(response)
        for _ in history(server, id):
            next(found)
        begun = time.monotonic()
        server.post(f"/api/v1/executions/{id}/cancel")
        rest = list(found)
    assert time.monotonic() - begun < 6
    assert rest[-1][1:] == ("end", {"state": "CANCELLED"})


def test_it_begins_with_the_time_to_come_back(server):
    id = server.submit("quick", wait=10)["id"]
    with server.stream(id) as response:
        assert response.readline() == b"retry: 500\n"


def test_only_half_the_threads_may_wait(start, eventually):
    server = start(server__threads="4")
    server.apply(server.slow)
    id = server.submit("slow", wait=0.5)["id"]
    seen = history(server, id)[-1]["seq"]
    with server.stream(id) as one, server.stream(id) as two:
        assert (one.status, two.status) == (200, 200)
        for path in ("events", f"facts?after={seen}&wait=5", f"logs?after={seen}&wait=5"):
            begun = time.monotonic()
            answer = server.get(f"/api/v1/executions/{id}/{path}")
            assert (answer.status, answer.code) == (503, "unavailable"), path
            assert answer.headers["retry-after"] == "1"
            assert time.monotonic() - begun < 6
        assert server.get("/healthz").status == 200
        assert server.get(f"/api/v1/executions/{id}/facts?wait=5").status == 200, (
            "there is something: no need to wait"
        )
        assert server.submit("slow", wait=5)["state"] in ("PENDING", "RUNNING", "WAITING"), "not waited for"
        assert "workflow_http_parked 2" in server.get("/metrics").body.decode()
        server.post(f"/api/v1/executions/{id}/cancel")
        assert [list(server.events(stream))[-1][1] for stream in (one, two)] == ["end", "end"]
    eventually(lambda: "workflow_http_parked 0" in server.get("/metrics").body.decode())


def test_places_of_vanished_clients_come_back_at_once(start, eventually):
    server = start(server__threads="4")
    server.apply(server.slow)
    id = server.submit("slow", wait=0.5)["id"]
    seen = history(server, id)[-1]["seq"]

    def parked(number):
        return f"workflow_http_parked {number}\n" in server.get("/metrics").body.decode()

    for path in (f"executions/{id}/events", f"executions/{id}/facts?after={seen}&wait=20"):
        for _ in range(5):
            with contextlib.closing(server.connect()) as connection:
                connection.request(
                    "GET", f"/api/v1/{path}", headers={"Authorization": f"Bearer {server.token}"}
                )
                eventually(lambda: parked(1))
            eventually(lambda: parked(0), seconds=2)


def test_a_client_that_sends_nothing_more_still_gets_its_answer(server):
    request = "POST /api/v1/workflows/default/slow/executions?wait=0.5 HTTP/1.1\r\nHost: x\r\n"
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(f"{request}Authorization: Bearer {server.token}\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 201 Created")


def test_heartbeats_and_the_end_of_a_stream(inside, monkeypatch):
    monkeypatch.setattr("wfcore.service.stream.HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("wfcore.service.stream.STREAM_SECONDS", 0.6)
    with inside() as client:
        client.apply(client.slow)
        id = client.submit("slow", wait=0.5)["id"]
        begun = time.monotonic()
        with client.stream(id) as response:
            lines = list(response)
        assert 0.5 < time.monotonic() - begun < 5
        assert lines.count(b":\n") >= 4
        assert not any(line.startswith(b"event: end") for line in lines), "it has not ended, only the stream"
        assert client.site.parking.taken == 0


def test_many_followers_of_one_execution(server):
    server.apply(LONG)
    id = server.submit("slow", wait=0.5)["id"]
    found = []

    def follow():
        with server.stream(id) as response:
            found.append([name for _, name, _ in server.events(response)])

    threads = [threading.Thread(target=follow) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    server.post(f"/api/v1/executions/{id}/cancel")
    for thread in threads:
        thread.join(10)
    assert len(found) == 6
    assert all(names == found[0] and names[-1] == "end" for names in found)
