"""What the operator decides: one table of keys, read from file, environment and command line."""

from wfcore.config.load import Config, load

__all__ = ["Config", "load"]
