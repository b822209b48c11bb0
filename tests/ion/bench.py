"""A kernel of 32 MiB with an ION device, and programs that use it through system calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import LittleEndianStructure
from pathlib import Path

import pytest

from heaps.ion.abi import IonAbi
from heaps.ion.buffer import IonBuffer
from heaps.ion.client import IonClient
from heaps.ion.create import ion_heap_create
from heaps.ion.device import CustomIoctl, IonDevice, ion_device_add_heap, ion_device_create
from heaps.ion.handle import IonHandle
from heaps.ion.platform_data import IonPlatformHeap, platform_device
from soc.dmabuf import DmaBuf
from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.uapi.ion import (
    ION_FLAG_CACHED,
    ION_FLAG_CACHED_NEEDS_SYNC,
    ION_HEAP_TYPE_CARVEOUT,
    ION_HEAP_TYPE_CHUNK,
    ION_HEAP_TYPE_DMA,
    ION_HEAP_TYPE_SYSTEM,
    ION_HEAP_TYPE_SYSTEM_CONTIG,
    ION_IOC_ALLOC,
    ION_IOC_FREE,
    ION_IOC_IMPORT,
    ION_IOC_SHARE,
    ION_IOC_SYNC,
    IonAllocationData,
    IonFdData,
    IonHandleData,
)
from tests.heaps.heap_kernel import CARVEOUT_BASE, HeapKernel

PAGE = 4096
KIB, MIB = 1 << 10, 1 << 20
SYSTEM, CONTIG, CARVEOUT, CHUNK, DMA = (1 << number for number in range(5))
ALL = 0x1F
CACHED, NEEDS_SYNC = ION_FLAG_CACHED, ION_FLAG_CACHED | ION_FLAG_CACHED_NEEDS_SYNC
CARVEOUT_SIZE = CHUNK_REGION = 512 * KIB
CHUNK_SIZE = 16 * KIB
DEBUGFS = "/sys/kernel/debug/ion"


def platform_heaps(kernel: HeapKernel) -> list[IonPlatformHeap]:
    """One of each kind, ids as types."""
    return [
        IonPlatformHeap(ION_HEAP_TYPE_SYSTEM, 0, "system"),
        IonPlatformHeap(ION_HEAP_TYPE_SYSTEM_CONTIG, 1, "contig"),
        IonPlatformHeap(ION_HEAP_TYPE_CARVEOUT, 2, "carveout", CARVEOUT_BASE, CARVEOUT_SIZE),
        IonPlatformHeap(
            ION_HEAP_TYPE_CHUNK,
            3,
            "chunk",
            CARVEOUT_BASE + CARVEOUT_SIZE,
            CHUNK_REGION,
            chunk_size=CHUNK_SIZE,
        ),
        IonPlatformHeap(ION_HEAP_TYPE_DMA, 4, "dma", device=platform_device(kernel, "ion-dma")),
    ]


class IonApp:
    """A program that has /dev/ion open."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.fd = process.open("/dev/ion")

    @property
    def client(self) -> IonClient:
        client = self.process.files.file(self.fd).private
        assert isinstance(client, IonClient)
        return client

    def ioctl(self, cmd: int, data: LittleEndianStructure | bytearray | int | None) -> int:
        return self.process.ioctl(self.fd, cmd, data)

    def alloc(self, mask: int = SYSTEM, length: int = PAGE, align: int = 0, flags: int = 0) -> int:
        data = IonAllocationData(length, align, mask, flags)
        self.ioctl(ION_IOC_ALLOC, data)
        return data.handle

    def free(self, number: int) -> None:
        self.ioctl(ION_IOC_FREE, IonHandleData(number))

    def share(self, number: int) -> int:
        data = IonFdData(number)
        self.ioctl(ION_IOC_SHARE, data)
        return data.fd

    def import_fd(self, fd: int) -> int:
        data = IonFdData(fd=fd)
        self.ioctl(ION_IOC_IMPORT, data)
        return data.handle

    def sync(self, fd: int) -> None:
        self.ioctl(ION_IOC_SYNC, IonFdData(fd=fd))

    def handle(self, number: int) -> IonHandle:
        handle = self.client.ids.find(number)
        assert handle is not None
        return handle

    def buffer(self, number: int) -> IonBuffer:
        return self.handle(number).buffer

    def dmabuf(self, fd: int) -> DmaBuf:
        dmabuf = self.process.files.file(fd).private
        assert isinstance(dmabuf, DmaBuf)
        return dmabuf

    def receive(self, sender: IonApp, fd: int) -> int:
        """The file behind another program's fd, as SCM_RIGHTS passes it."""
        file = sender.process.files.file(fd)
        copy = self.process.files.get_unused_fd()
        file.get(self.process.files.holder(copy))
        self.process.files._slots[copy] = file
        return copy


class IonBench:
    """`device` with `heaps` (one of each kind), and the program `app`; `close` at the end."""

    def __init__(
        self,
        folder: Path,
        cached: bool = True,
        heaps: Callable[[HeapKernel], list[IonPlatformHeap]] = platform_heaps,
        custom_ioctl: CustomIoctl | None = None,
        abi: IonAbi = IonAbi.V4_9,
        user_ref_count: bool = False,
    ) -> None:
        self.kernel = HeapKernel(folder, cached)
        self.device: IonDevice = ion_device_create(self.kernel, custom_ioctl, abi, user_ref_count)
        for data in heaps(self.kernel):
            ion_device_add_heap(self.device, ion_heap_create(self.kernel, data))
        self.app = self.open("app")

    def open(self, comm: str) -> IonApp:
        return IonApp(self.kernel.process(comm))

    def view(self, path: str) -> str:
        return self.kernel.views.read(f"{DEBUGFS}/{path}")

    def settle(self) -> None:
        """Everybody waits: the heaps' threads free what is on their lists."""
        self.kernel.sched.run_ready()

    def baseline(self) -> tuple[object, ...]:
        """What must be as before when everything was given back and freed; pools emptied."""
        self.settle()
        for heap in self.device.heaps:
            assert not len(heap.free_list)
            if heap.ops.shrink:
                heap.ops.shrink(heap, heap.ops.shrink(heap, 0))
        sources = [heap.priv.live for heap in self.device.heaps]
        return (*self.kernel.baseline(), sources, len(self.device.buffers))

    def close(self) -> None:
        self.kernel.sched.close()
        self.kernel.close()


@contextmanager
def ion_bench(folder: Path, **options) -> Iterator[IonBench]:
    """A bench that is expected to leave no warning."""
    bench = IonBench(folder, **options)
    yield bench
    warnings = bench.kernel.log.warnings
    bench.close()
    assert warnings == []


def refused(errno: int, call: Callable[..., object], *args: object) -> str:
    """`call(*args)` fails with `errno`; the message."""
    with pytest.raises(KernelError) as error:
        call(*args)
    assert error.value.errno == errno, error.value
    return error.value.why


def placed(process: Process, data: bytes) -> int:
    """Memory of the program with `data` in it; its address."""
    address = process.mmap(None, len(data))
    process.store(address, data)
    return address
