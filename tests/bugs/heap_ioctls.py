"""What a heap answers to ioctl numbers and sizes that nobody has defined: each wrong answer is a line."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EFAULT, EINVAL

from soc.kernel.process import Process
from soc.kernel.uapi.dma_heap import DmaHeapAllocationData
from soc.kernel.uapi.ioctl import _IOC, _IOC_READ, _IOC_WRITE
from tests.bugs.bench import PAGE, errno_of

SIZES = range(257)
NUMBERS = range(256)
LENGTH = DmaHeapAllocationData.len.size
"""Bytes of the first field: from there on a structure says how much is wanted."""


def fuzz(process: Process, path: str) -> list[str]:
    """Every nr, and every size of the structure: a line for each answer that is wrong."""
    node = process.open(path)
    found = [*_unknown_numbers(process, node, path), *_sizes(process, node, path)]
    process.close(node)
    return found


def _unknown_numbers(process: Process, node: int, path: str) -> Iterator[str]:
    for nr in NUMBERS[1:]:
        arg = bytearray(bytes(DmaHeapAllocationData(PAGE, 0, 2)))
        answer = _call(process, node, _IOC(_IOC_READ | _IOC_WRITE, "H", nr, len(arg)), arg)
        if answer != EINVAL:
            yield f"{path}: nr {nr}, which it does not have, is answered like nr 0"


def _sizes(process: Process, node: int, path: str) -> Iterator[str]:
    """What lies behind the structure that the program says it has is its own, in both directions."""
    for size in SIZES:
        arg = bytearray(bytes(DmaHeapAllocationData(PAGE, 0, 2)).ljust(256, b"\xa5"))
        behind = bytes(arg[max(size, 24) :])
        answer = _call(process, node, _IOC(_IOC_READ | _IOC_WRITE, "H", 0, size), arg)
        if answer not in (0, EINVAL, EFAULT):
            yield f"{path}: a structure of {size} bytes is answered with errno {answer}"
        if bytes(arg[max(size, 24) :]) != behind:
            yield f"{path}: beyond a structure of {size} bytes something was written"
        if size >= LENGTH and answer:
            yield f"{path}: a structure of {size} bytes, enough for a length, is refused"


def _call(process: Process, node: int, cmd: int, arg: bytearray) -> int:
    """The errno; a buffer that came out is closed."""
    before = process.files.open_fds()
    errno = errno_of(process.ioctl, node, cmd, arg)
    for fd in set(process.files.open_fds()) - set(before):
        process.close(fd)
    return errno
