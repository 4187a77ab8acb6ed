"""The command line: a tree of commands behind one safe door; only ``output`` prints."""
