"""Durations as people write them, in seconds: the grammar lives where the configuration can read it too."""

from wfcore.model.duration import LONGEST, UNITS, parse

__all__ = ["LONGEST", "UNITS", "parse"]
