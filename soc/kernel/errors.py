"""How kernel code fails: an errno, raised, or a BUG."""

from __future__ import annotations

import errno as _errno

from soc.errors import SocError

EPROBE_DEFER = 517
ERESTARTSYS = 512


def errno_name(number: int) -> str:
    """`22` -> `EINVAL`; kernel-internal numbers included, and of two names the one the kernel uses."""
    kernel_names = {
        _errno.EDEADLK: "EDEADLK",
        _errno.EOPNOTSUPP: "EOPNOTSUPP",
        EPROBE_DEFER: "EPROBE_DEFER",
        ERESTARTSYS: "ERESTARTSYS",
    }
    return kernel_names.get(number) or _errno.errorcode.get(number, str(number))


class KernelError(SocError):
    """An in-kernel call returned ERR_PTR(-errno); `errno` is positive."""

    def __init__(self, errno: int, why: str) -> None:
        self.errno = errno
        self.why = why
        super().__init__(f"-{errno_name(errno)}: {why}")


class KernelBug(SocError):
    """BUG_ON: the task that ran into it is lost. `what` says which rule was broken, and by whom."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"kernel BUG: {what}")
