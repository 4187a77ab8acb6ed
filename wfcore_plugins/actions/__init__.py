"""Action packs."""
