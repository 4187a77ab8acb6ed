"""The engine: a pure plan and machine, one owner that commits in groups, workers, timers and chores."""
