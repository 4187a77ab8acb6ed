"""A third party's package in which everything is broken."""
