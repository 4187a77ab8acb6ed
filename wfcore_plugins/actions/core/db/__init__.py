"""Databases that the operator named in the configuration, and the embedded ``default`` one.

They are the operator's own, so they do not pass the egress guard.
"""

from wfcore_plugins.actions.core.db.actions import Databases

__all__ = ["Databases"]
