"""Frozen values that every floor speaks of; imports nothing outside the standard library."""
