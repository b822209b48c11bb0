"""A kernel with dma-heaps on a board of engines without hardware, and programs that use them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from errno import ENOENT
from pathlib import Path
from typing import ClassVar

import numpy as np

from heaps.catalogue import MODULES
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.dmabuf import DmaBuf, DmaBufAttachment, dma_buf_attach, dma_buf_get, dma_buf_put, dma_bufs
from soc.kernel.device import Device, Driver
from soc.kernel.dma import dma_set_max_seg_size
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.kernel import Kernel, Module
from soc.kernel.process import Process
from soc.kernel.scatterlist import SgTable
from soc.kernel.uapi.dma_buf import DMA_BUF_IOCTL_SYNC, DmaBufSync
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.views import CachedView, DramView
from soc.memory.span import PageSpan

PAGE = 4096
MIB = 1 << 20
CMA = "linux,cma@81000000"
REGIONS = """\
  linux,cma@81000000: &cma
    compatible: shared-dma-pool
    reg: [[0x81000000, 8M]]
    reusable: true
    linux,cma-default: true
  video@81800000: &video
    compatible: shared-dma-pool
    reg: [[0x81800000, 4M]]
    reusable: true
  coherent@81c00000:
    compatible: shared-dma-pool
    reg: [[0x81c00000, 1M]]
    no-map: true
"""
BOARD = """\
model: heaps
'#address-cells': 2
'#size-cells': 2
memory@80000000: {{device_type: memory, reg: {memory}}}
chosen: {{bootargs: '{bootargs}'}}
reserved-memory:
  '#address-cells': 2
  '#size-cells': 2
  ranges: true
{regions}
soc:
  compatible: simple-bus
  '#address-cells': 2
  '#size-cells': 2
  ranges: true
  camera@1000000: &camera {{compatible: "test,engine", reg: [[0x1000000, 0x1000]]}}
  display@1001000: &display {{compatible: "test,engine", reg: [[0x1001000, 0x1000]]}}
{engines}"""


class EngineDriver(Driver):
    """Binds to the engines; what they move, the test moves. Segments may be of any length."""

    name: ClassVar[str] = "engine"
    of_match: ClassVar[tuple[str, ...]] = ("test,engine",)

    def probe(self) -> None:
        dma_set_max_seg_size(self.device, 1 << 32)


class HeapBench:
    """32 MiB at 0x80000000, two CMA areas of 8 and 4 MiB, and two engines that reach all of it.

    `cached`: the CPU has a cache that the engines do not see.
    """

    def __init__(
        self,
        folder: Path,
        generation: Generation = DEFAULT_GENERATION,
        *,
        modules: Iterable[Module] = MODULES,
        regions: str = REGIONS,
        memory: str = "[[0x80000000, 32M]]",
        bootargs: str = "",
        engines: str = "",
        drivers: Iterable[type[Driver]] = (EngineDriver,),
        cached: bool = False,
        boot: bool = True,
    ) -> None:
        path = folder / "board.yaml"
        text = BOARD.format(memory=memory, regions=regions, bootargs=bootargs, engines=engines)
        path.write_text(text, encoding="utf-8")
        self.machine = Machine(load_board(path), {})
        self.kernel = Kernel(self.machine, drivers, modules, generation)
        self.cache: CpuCache | None = None
        if cached:
            self._add_cache()
        if boot:
            self.kernel.boot()

    def _add_cache(self) -> None:
        cache = self.cache = CpuCache(self.machine.dram, lambda: self.machine.clock.now)
        self.kernel.cache = cache
        self.kernel.cpu.memory = CachedView(cache, "cpu")
        self.kernel.memory.pages.freed = cache.forget
        for node in self.machine.tree.walk():
            if "test,engine" in node.compatible and node.label:
                self.machine.bus.master(node.label).memory = DramView(cache, node.label)

    # --- devices ----------------------------------------------------------------

    def device(self, label: str) -> Device:
        node = self.machine.tree.find(label)
        assert node is not None
        return self.kernel.device(node)

    def attach(self, dmabuf: DmaBuf, label: str) -> DmaBufAttachment:
        return dma_buf_attach(dmabuf, self.device(label))

    def engine_writes(self, label: str, sgt: SgTable, data: bytes, offset: int = 0) -> None:
        """The device writes to its mapping; engines of this board have physical addresses."""
        master = self.machine.bus.master(label)
        for span, piece in _pieces(sgt, offset, len(data)):
            chunk = np.frombuffer(data[piece.start - offset : piece.stop - offset], dtype=np.uint8)
            master.write_span(span, chunk)

    def engine_reads(self, label: str, sgt: SgTable, size: int, offset: int = 0) -> bytes:
        master = self.machine.bus.master(label)
        return b"".join(bytes(master.read_span(span)) for span, _ in _pieces(sgt, offset, size))

    # --- programs ---------------------------------------------------------------

    def get(self, process: Process, fd: int) -> DmaBuf:
        """The buffer of an fd, held by the test until `put`."""
        return dma_buf_get(process, fd, TEST)

    def put(self, dmabuf: DmaBuf) -> None:
        dma_buf_put(dmabuf, TEST)

    def baseline(self) -> tuple[object, ...]:
        """What must be as before when everything was undone."""
        memory = self.kernel.memory
        open_fds = {process.pid: process.files.open_fds() for process in self.kernel.processes.values()}
        used = [area.used for area in memory.cma.areas]
        return (
            memory.pages.free_frames,
            used,
            len(memory.owners.live),
            [str(file) for file in self.kernel.files.live()],
            [str(dmabuf) for dmabuf in dma_bufs(self.kernel)],
            open_fds,
        )

    def problems(self) -> list[str]:
        """The warnings of the kernel so far."""
        return self.kernel.log.warnings

    def close(self) -> None:
        self.kernel.sched.close()
        self.machine.close()
        if self.cache is not None:
            self.cache.close()


TEST = Holder("kernel", "the test")


def alloc(
    process: Process,
    heap: str,
    size: int,
    fd_flags: int = os.O_RDWR | os.O_CLOEXEC,
    heap_fd: int | None = None,
) -> int:
    """A new buffer's fd, as a program gets it."""
    fd = process.open(f"/dev/dma_heap/{heap}", os.O_RDONLY) if heap_fd is None else heap_fd
    data = DmaHeapAllocationData(size, 0, fd_flags, 0)
    try:
        process.ioctl(fd, DMA_HEAP_IOCTL_ALLOC, data)
    finally:
        if heap_fd is None:
            process.close(fd)
    return data.fd


def sync(process: Process, fd: int, flags: int) -> None:
    process.ioctl(fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(flags))


def heaps(kernel: Kernel) -> list[str]:
    """The names of the nodes."""
    return [path.removeprefix("/dev/dma_heap/") for path in kernel.devfs.list("/dev/dma_heap")]


def exists(process: Process, path: str) -> bool:
    try:
        process.close(process.open(path))
    except KernelError as error:
        assert error.errno == ENOENT
        return False
    return True


def _pieces(sgt: SgTable, offset: int, size: int) -> list[tuple[PageSpan, range]]:
    """Spans of bytes [offset, offset + size) of the device's addresses, which are physical here."""
    found, start = [], 0
    for address, length in zip(sgt.dma_address.tolist(), sgt.dma_length.tolist(), strict=True):
        low, high = max(start, offset), min(start + length, offset + size)
        if low < high:
            found.append((PageSpan.linear(address + low - start, high - low), range(low, high)))
        start += length
    return found
