"""The product's HTTP libraries alone: each request is read, routed and answered, and nothing is done."""

from __future__ import annotations

import sys

import falcon
import waitress

#: As long as what the product answers.
ANSWER = {
    "id": "01KAXSM5E30WZ7J2A5BQ3Y8T6N",
    "state": "PENDING",
    "workflow": "default/short",
    "created": True,
}


class Submissions:
    """Takes what the product takes."""

    def on_post(self, request: falcon.Request, response: falcon.Response, namespace: str, id: str) -> None:
        """Answer as if an execution had been made."""
        request.get_media()
        response.status, response.media = "201 Created", ANSWER | {"workflow": f"{namespace}/{id}"}


def main() -> None:
    """Serve on the port that is given, until the process is ended."""
    app = falcon.App()
    app.add_route("/api/v1/workflows/{namespace}/{id}/executions", Submissions())
    waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=int(sys.argv[2]))


if __name__ == "__main__":
    main()
