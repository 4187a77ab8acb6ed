"""How plugins come in: contracts, the kinds there are, what is installed, drivers, the host."""
