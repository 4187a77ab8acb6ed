"""A trigger that lacks its verb."""


class Half:
    """Has no ``check``."""

    contract = 1
    schema: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, config, context):
        pass

    def start(self):
        pass

    def stop(self, deadline):
        pass

    def health(self):
        return ""
