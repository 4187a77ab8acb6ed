"""The audit log: who did what, from where, with which result; hash-chained, and written with the act."""

from wfcore.audit.actions import Action
from wfcore.audit.log import AuditLog

__all__ = ["Action", "AuditLog"]
