"""A registry of plugin packages: versions that never change, below one signed index."""

__version__ = "0.1.0"
