"""The kernel of the workflow engine: contracts, language, engine, server and command line."""

__version__ = "0.1.0"
