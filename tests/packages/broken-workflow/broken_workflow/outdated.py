"""A provider of secrets for a contract that is not ours."""


class Outdated:
    """Good, were it not for its number."""

    contract = 99
    schema: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, config, context):
        pass

    def start(self):
        pass

    def stop(self, deadline):
        pass

    def health(self):
        return ""

    def get(self, name):
        return "leaked"

    def names(self):
        return iter(())
