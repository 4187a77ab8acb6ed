"""What a sandbox process gives up before the first byte of a stranger arrives. The standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import resource
import sys
from pathlib import Path
from typing import Any, Final

_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_FILES: Final = 64
_THREAD: Final = 0x00010000 | 0x00000100  # CLONE_THREAD | CLONE_VM: threads, never processes

#: What computing, threads, memory and the one open socket need; everything else fails with EPERM.
_ALLOWED: Final = (
    "read", "write", "close", "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "poll", "ppoll",
    "futex", "mmap", "munmap", "mprotect", "madvise", "mremap", "brk", "membarrier",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "set_robust_list", "get_robust_list",
    "rseq", "exit", "exit_group", "gettid", "getpid", "nanosleep", "clock_nanosleep", "clock_gettime",
    "clock_getres", "gettimeofday", "sched_yield", "sched_getaffinity", "getcpu", "getrandom",
    "restart_syscall", "select", "pselect6",
)  # fmt: skip


def give_up(memory: int, seconds: int = 0) -> list[str]:
    """Limit this process to computing; the names of the measures that were taken.

    ``memory`` is bytes, ``seconds`` the processor time after which it is killed; 0 is no limit.
    """
    seccomp = _seccomp()
    _die_first()
    _limit(memory, seconds)
    taken = ["rlimits"]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            taken.append("no_new_privs")
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if seccomp is not None:
            _filter(seccomp)
            taken.append("seccomp")
    return taken


def _die_first() -> None:
    """When the machine is out of memory, the kernel is to choose this process and not the server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit(memory: int, seconds: int) -> None:
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: _FILES}
    if seconds:
        limits[resource.RLIMIT_CPU] = seconds
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    with contextlib.suppress(OSError, ValueError):  # not every system limits this
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _seccomp() -> Any:
    """The library, or None where it is not. Before anything is limited: to look for it may take files."""
    if sys.platform != "linux":
        return None
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None
    return pyseccomp


def _filter(seccomp: Any) -> None:
    """Filter the system calls of all threads."""
    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    rules.set_attr(seccomp.Attr.CTL_TSYNC, 1)
    for name in _ALLOWED:
        with contextlib.suppress(OSError, ValueError):  # this architecture does not have it
            rules.add_rule(seccomp.ALLOW, name)
    threads: Any = seccomp.Arg(0, seccomp.MASKED_EQ, _THREAD, _THREAD)
    rules.add_rule(seccomp.ALLOW, "clone", threads)
    with contextlib.suppress(OSError, ValueError):
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags cannot be seen; libc falls back
    rules.load()
