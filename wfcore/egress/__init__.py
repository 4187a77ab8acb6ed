"""The one way out: whatever the product connects to on behalf of a workflow passes this guard."""

from wfcore.egress.guard import Guard, Response, Target

__all__ = ["Guard", "Response", "Target"]
