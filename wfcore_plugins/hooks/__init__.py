"""Hook plugins: listeners and contributors that no configuration has to name."""
