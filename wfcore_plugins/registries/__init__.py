"""Ways to plugin packages, each a driver of the group ``workflow.registries``."""
