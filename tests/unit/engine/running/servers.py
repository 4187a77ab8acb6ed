"""What tests do with several servers in one process."""

from wfcore.errors import Unavailable


class Unreachable:
    def __getattr__(self, name):
        raise Unavailable("nobody is heard")


def submit(app, workflow="chain"):
    return app.executions.submit("default", workflow, {})[0].id


def apply(app, source):
    app.workflows.apply(source.encode(), "flow.yaml")


def fall_silent(app):
    """As if the process had been stopped: no sign of life any more, but its threads go on one day."""
    app.engine._pulse._storage = Unreachable()


def is_adopted(installation, other, id):
    return other.storage.execution(id).owner == other.node
