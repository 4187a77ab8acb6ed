"""From which state to which an execution and a task may have come, seen from outside."""

from wfcore.model.execution import EXECUTION_MOVES, TASK_MOVES


def closure(moves):
    """From each state, every state that legal moves lead to, since a step may take several."""
    reach = {state: set(after) for state, after in moves.items()}
    for _ in moves:
        for state in reach:
            reach[state] |= {further for after in list(reach[state]) for further in reach.get(after, ())}
    return reach


EXECUTION_REACH, TASK_REACH = closure(EXECUTION_MOVES), closure(TASK_MOVES)
