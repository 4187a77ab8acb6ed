"""The built-in plugins, found by the same entry points as anybody's."""
