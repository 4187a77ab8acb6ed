"""A plugin's own tests: each case calls an action in the sandbox, in a world that it describes."""
