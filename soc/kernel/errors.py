"""How kernel code fails: an errno, raised."""

from __future__ import annotations

import errno as _errno

from soc.errors import SocError

EPROBE_DEFER = 517
ERESTARTSYS = 512


def errno_name(number: int) -> str:
    """`22` -> `EINVAL`; kernel-internal numbers included."""
    internal = {EPROBE_DEFER: "EPROBE_DEFER", ERESTARTSYS: "ERESTARTSYS"}
    return internal.get(number) or _errno.errorcode.get(number, str(number))


class KernelError(SocError):
    """An in-kernel call returned ERR_PTR(-errno); `errno` is positive."""

    def __init__(self, errno: int, why: str) -> None:
        self.errno = errno
        self.why = why
        super().__init__(f"-{errno_name(errno)}: {why}")
