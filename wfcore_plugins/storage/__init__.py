"""Storage drivers: where executions, workflows, records and blobs are kept."""
