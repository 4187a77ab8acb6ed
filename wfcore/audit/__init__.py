"""The audit log: who did what, from where, with which result; hash-chained, and written with the act."""

from wfcore.audit.log import AuditLog

__all__ = ["AuditLog"]
