"""A program that uses /dev/ion through system calls."""

from __future__ import annotations

from heaps.ion.device import IonDevice
from heaps.ion.vexpress import VexpressIdev
from soc.kernel.process import Process
from soc.kernel.uapi.ion import (
    ION_IOC_ALLOC,
    ION_IOC_CUSTOM,
    ION_IOC_FREE,
    ION_IOC_IMPORT,
    ION_IOC_MAP,
    ION_IOC_SHARE,
    IonAllocationData,
    IonCustomData,
    IonFdData,
    IonHandleData,
)
from tests.bugs.bench import PAGE, Bench

SYSTEM, CONTIG, CARVEOUT, CHUNK, DMA = (1 << number for number in range(5))
"""Masks of the heaps of configs/boards/vexpress-ion.yaml."""


def ion_device(bench: Bench) -> IonDevice:
    """What the board's driver has made."""
    device = bench.kernel.subsystem(VexpressIdev).idev
    assert device is not None
    return device


class IonApp:
    """`process`, and in it `fd`: a client of its own, unless it was forked with one."""

    def __init__(self, process: Process, fd: int | None = None) -> None:
        self.process = process
        self.fd = process.open("/dev/ion") if fd is None else fd

    def alloc(self, mask: int = SYSTEM, length: int = PAGE, flags: int = 0) -> int:
        data = IonAllocationData(length, 0, mask, flags)
        self.process.ioctl(self.fd, ION_IOC_ALLOC, data)
        return data.handle

    def free(self, number: int) -> None:
        self.process.ioctl(self.fd, ION_IOC_FREE, IonHandleData(number))

    def share(self, number: int) -> int:
        data = IonFdData(number)
        self.process.ioctl(self.fd, ION_IOC_SHARE, data)
        return data.fd

    def map(self, number: int) -> int:
        data = IonFdData(number)
        self.process.ioctl(self.fd, ION_IOC_MAP, data)
        return data.fd

    def import_fd(self, fd: int) -> int:
        data = IonFdData(fd=fd)
        self.process.ioctl(self.fd, ION_IOC_IMPORT, data)
        return data.handle

    def custom(self, cmd: int, arg: int) -> int:
        """The platform's own ioctl."""
        return self.process.ioctl(self.fd, ION_IOC_CUSTOM, IonCustomData(cmd, arg))
