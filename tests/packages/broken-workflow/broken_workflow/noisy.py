"""A listener that always raises."""

from wfcore.api import hookimpl


@hookimpl(tryfirst=True)
def wf_execution_finished(execution):
    raise RuntimeError("noisy as ever")


@hookimpl(tryfirst=True)
def wf_task_finished():
    raise SystemExit(3)


@hookimpl
def wf_retry_delay():
    raise RuntimeError("no idea")
