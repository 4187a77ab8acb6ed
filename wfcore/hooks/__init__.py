"""Hooks: what any number of installed plugins may listen to, contribute or decide."""
