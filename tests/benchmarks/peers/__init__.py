"""Engines to compare with, each behind the same few questions."""
