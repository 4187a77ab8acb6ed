"""A plain HTTP client for the servers."""

import http.client
import json
from urllib.parse import urlencode

from .servers.stripe import KEY

AGENT = {"User-Agent": "test"}


def send(server, method, path, headers=None, content=b"", context=None):
    """(status, headers, body) of a request on a connection of its own; JSON bodies are read."""
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=context)
    try:
        connection.request(method, path, content, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        is_json = "json" in answer.getheader("Content-Type", "")
        return answer.status, answer.headers, json.loads(text) if is_json else text
    finally:
        connection.close()


def post(server, path, said, headers=None, **more):
    """As ``send``, of JSON."""
    typed = {"Content-Type": "application/json; charset=utf-8", **AGENT, **(headers or {})}
    return send(server, "POST", path, typed, json.dumps(said).encode(), **more)


def charge(server, params, headers=None, path="/v1/charges"):
    """As ``send``, of a form and with a key."""
    typed = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": f"Bearer {KEY}",
        **(headers or {}),
    }
    return send(server, "POST", path, typed, urlencode(params).encode())
