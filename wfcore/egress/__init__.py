"""The one way out: whatever the product connects to on behalf of a workflow passes the guard."""
