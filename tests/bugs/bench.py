"""A booted kernel on one of the boards, for bugs that are planted and for the same work done right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import SOCK_CLOEXEC, SOCK_STREAM

import numpy as np

from devices.catalogue import models
from devices.drivers import DRIVERS
from heaps import catalogue
from soc.address import PhysAddr
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.dmabuf import DmaBuf, dma_bufs
from soc.dmabuf.bufinfo import dma_buf_init
from soc.dmabuf.sanitizer.final import final_report
from soc.dmabuf.sync import sync_debugfs_init
from soc.iommu.port import DmaPort
from soc.kernel.device import Device, Driver
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.kernel import Kernel, Module
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.task import Task
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData

BOARDS = Path(__file__).parents[2] / "configs/boards"
PAGE = 4096
MIB = 1 << 20
CMA = "linux,cma@a0000000"


class Bench:
    """`kernel` on `board`, whose text `change` may change.

    `bugs` are drivers in place of those they derive from, `configure` is called before boot.
    """

    def __init__(
        self,
        board: str = "rehearsal",
        folder: Path | None = None,
        change: Callable[[str], str] | None = None,
        bugs: Iterable[type[Driver]] = (),
        modules: Iterable[Module] = (),
        configure: Callable[[Kernel], None] | None = None,
        generation: Generation = DEFAULT_GENERATION,
    ) -> None:
        path = BOARDS / f"{board}.yaml"
        if change is not None:
            assert folder is not None
            text = change(path.read_text(encoding="utf-8"))
            path = folder / "board.yaml"
            path.write_text(text, encoding="utf-8")
        self.machine = Machine(load_board(path), models())
        drivers = [_planted(driver, bugs) for driver in DRIVERS] + list(catalogue.DRIVERS)
        loaded = dict.fromkeys((dma_buf_init, sync_debugfs_init, *catalogue.MODULES, *modules))
        self.kernel = Kernel(self.machine, drivers, loaded, generation)
        if configure is not None:
            configure(self.kernel)
        self.kernel.boot()
        self._build_page_tables()
        self.before = self.kernel.counters.snapshot()

    # --- what there is --------------------------------------------------------------

    def device(self, label: str) -> Device:
        node = self.machine.tree.find(label)
        assert node is not None
        return self.kernel.device(node)

    def engine(self, label: str) -> DmaPort:
        """The way of a device to memory: what it reads and writes, a test reads and writes."""
        return self.machine.dma_port(self.device(label).node)

    def process(self, comm: str = "app", limit: int = 1024) -> Process:
        return self.kernel.process(comm, limit)

    def dmabuf(self, process: Process, fd: int) -> DmaBuf:
        """The buffer behind an fd; no reference is taken."""
        ino = process.fstat(fd).st_ino
        return next(dmabuf for dmabuf in dma_bufs(self.kernel) if dmabuf.ino == ino)

    # --- what was found -------------------------------------------------------------

    def warned(self) -> list[str]:
        """The warnings since the last time."""
        warnings = self.kernel.log.warnings
        self.kernel.log.entries.clear()
        return warnings

    def left(self) -> list[str]:
        """Everything that is not as it was after boot; what heaps keep in pools they give back before."""
        self.kernel.sched.run_ready()
        self.kernel.memory.shrinkers.shrink(self.kernel.memory.pages.total_frames)
        return final_report(self.kernel, self.before)

    def assert_clean(self) -> None:
        """Nothing was wrong, and all is as it was."""
        found = self.left() + self.kernel.log.warnings
        assert not found, "\n".join(found)

    def _build_page_tables(self) -> None:
        """An IOMMU keeps the tables of its first mapping: they are no leak."""
        table = SgTable.of([(self.kernel.memory.alloc_pages(1), PAGE)])
        for device in self.kernel.devices.values():
            if device.behind_iommu:
                dma_map_sgtable(device, table, DmaDirection.BIDIRECTIONAL)
                dma_unmap_sgtable(device, table, DmaDirection.BIDIRECTIONAL)
        self.kernel.memory.free_pages(PhysAddr(int(table.starts[0])), 1)

    def close(self) -> None:
        self.kernel.shutdown()
        self.machine.close()


@contextmanager
def noisy_bench(*given: object, **options: object) -> Iterator[Bench]:
    """A bench on which something goes wrong."""
    bench = Bench(*given, **options)
    try:
        yield bench
    finally:
        bench.close()


@contextmanager
def clean_bench(*given: object, **options: object) -> Iterator[Bench]:
    """A bench on which nothing may go wrong, nor anything be left when its processes have ended."""
    with noisy_bench(*given, **options) as bench:
        yield bench
        for process in list(bench.kernel.processes.values()):
            process.exit()
        bench.assert_clean()


# --- programs -------------------------------------------------------------------------------------


def alloc(process: Process, heap: str = "system", size: int = 4 * PAGE, flags: int = os.O_CLOEXEC) -> int:
    """The fd of a new buffer of a dma-heap."""
    node = process.open(f"/dev/dma_heap/{heap}", os.O_RDONLY | os.O_CLOEXEC)
    data = DmaHeapAllocationData(size, 0, os.O_RDWR | flags, 0)
    try:
        process.ioctl(node, DMA_HEAP_IOCTL_ALLOC, data)
    finally:
        process.close(node)
    return data.fd


def connect(server: Process, client: Process, path: str = "/run/frames") -> tuple[int, int]:
    """A socket between two processes: an fd of each."""
    listener = server.socket(SOCK_STREAM | SOCK_CLOEXEC)
    server.bind(listener, path)
    server.listen(listener)
    theirs = client.socket(SOCK_STREAM | SOCK_CLOEXEC)
    client.connect(theirs, path)
    mine = server.accept(listener, SOCK_CLOEXEC)
    server.close(listener)
    server.unlink(path)
    return mine, theirs


def errno_of(call: Callable[..., object], *args: object) -> int:
    """0, or the errno that a call fails with."""
    try:
        call(*args)
    except KernelError as error:
        return error.errno
    return 0


def text(data: str) -> np.ndarray:
    """Bytes as devices move them."""
    return np.frombuffer(data.encode(), dtype=np.uint8)


# --- drivers --------------------------------------------------------------------------------------


def misc_register(kernel: Kernel, path: str, ioctl: Callable[[Task, int, int], int]) -> None:
    """A device node whose ioctl is `ioctl(task, cmd, arg)`."""
    ops = FileOperations("misc", lambda file: None, ioctl=lambda task, file, cmd, arg: ioctl(task, cmd, arg))

    def open_(task: Task, flags: int, holder: Holder) -> File:
        return kernel.files.open(ops, None, path, holder, flags)

    kernel.devfs.add(path, open_)


def first_iova(sgt: SgTable) -> int:
    """Where a device sees the first byte."""
    return int(sgt.dma_address[0])


def _planted(driver: type[Driver], bugs: Iterable[type[Driver]]) -> type[Driver]:
    return next((bug for bug in bugs if issubclass(bug, driver)), driver)
