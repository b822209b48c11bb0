"""Buffers: allocating, sharing and mapping them, and how the cost grows with their number.

An operation is measured against zeroing, or copying, the bytes of the buffer with
numpy: a ratio of 0.5 says that it takes twice as long. With every check switched
on, as a user has it: page owners, leftovers, the DMA API's checks, the ledger.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.row import Row, fastest
from devices.catalogue import models
from devices.drivers import DRIVERS
from heaps.catalogue import DRIVERS as HEAP_DRIVERS
from heaps.catalogue import MODULES
from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import ion_client_create
from heaps.ion.vexpress import VexpressIonDriver
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.kernel.device import Device
from soc.kernel.fs.file import Holder
from soc.kernel.generation import Generation
from soc.kernel.kernel import Kernel
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from soc.kernel.uapi.ion import ION_FLAG_CACHED, ION_HEAP_TYPE_DMA

MIB = 1 << 20
SHARED = 8 * MIB
FEW, MANY, IMPORTERS = 100, 10_000, 4
GROWTH = 1 / 1.5
"""What an operation among FEW costs, over what it costs among MANY."""
ROUNDS = 30


@dataclass(frozen=True)
class Bench:
    """A booted board with its heaps, and a program on it."""

    machine: Machine
    kernel: Kernel
    app: Process

    def device(self, label: str) -> Device:
        node = self.machine.tree.find(label)
        assert node is not None
        return self.kernel.device(node)

    def allocate(self, heap: int, size: int) -> int:
        """An fd from the heap whose node is open as `heap`."""
        data = DmaHeapAllocationData(len=size, fd_flags=os.O_RDWR)
        self.app.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, data)
        return data.fd


@contextmanager
def bench(board: Path, generation: Generation) -> Iterator[Bench]:
    machine = Machine(load_board(board), models())
    kernel = Kernel(machine, (*DRIVERS, *HEAP_DRIVERS), MODULES, generation)
    kernel.boot()
    yield Bench(machine, kernel, kernel.process("bench", limit=4 * MANY))
    kernel.shutdown()
    machine.close()


def rows(board: Path) -> list[Row]:
    """All of them. `board` has ION, display and camera."""
    found = []
    with bench(board, Generation.V6_19) as here:
        for path in here.kernel.devfs.list("/dev/dma_heap"):
            found.append(_dma_heap(here, path))
        found += _sharing(here)
    with bench(board, Generation.V4_9) as here:
        found += _ion(here)
    found += _growth(board)
    return found


def _dma_heap(here: Bench, path: str) -> Row:
    heap = here.app.open(path)

    def work() -> None:
        here.app.close(here.allocate(heap, MIB))

    zero, seconds = fastest(_zeroing(MIB), work, rounds=ROUNDS)
    return _row(f"alloc and free of 1 MiB from {path.removeprefix('/dev/')}", seconds, zero, "zeroing 1 MiB")


def _ion(here: Bench) -> list[Row]:
    driver = here.device("/ion").driver
    assert isinstance(driver, VexpressIonDriver) and driver.idev is not None
    client = ion_client_create(driver.idev, "bench")
    found = []
    for heap in driver.heaps:
        flags = 0 if heap.type == ION_HEAP_TYPE_DMA else ION_FLAG_CACHED

        def work(mask: int = 1 << heap.id, flags: int = flags) -> None:
            ion_free(client, ion_alloc(client, MIB, 0, mask, flags))
            here.kernel.sched.run_ready()  # the thread that frees what is deferred

        zero, seconds = fastest(_zeroing(MIB), work, rounds=ROUNDS)
        found.append(
            _row(f"ion_alloc and ion_free of 1 MiB from {heap.name}", seconds, zero, "zeroing 1 MiB")
        )
    return found


def _sharing(here: Bench) -> list[Row]:
    """An fd handed to an importer and back, and the importer's four steps, of 8 MiB."""
    fd = here.allocate(here.app.open("/dev/dma_heap/system"), SHARED)
    device = here.device("lcdif")
    device.max_segment_size = 1 << 32
    importer = Holder("importer", device.name)

    def share() -> None:
        dma_buf_put(dma_buf_get(here.app, fd, importer), importer)
        here.app.close(here.app.dup(fd))

    dmabuf = dma_buf_get(here.app, fd, importer)
    copy, sharing, using = fastest(_copying(SHARED), share, lambda: _use(dmabuf, device), rounds=ROUNDS)
    return [
        _row("share and import of a buffer of 8 MiB", sharing, copy, "copying 8 MiB"),
        _row("attach, map, unmap and detach of 8 MiB", using, copy, "copying 8 MiB"),
    ]


def _use(dmabuf: DmaBuf, device: Device) -> None:
    attachment = dma_buf_attach(dmabuf, device)
    sgt = dma_buf_map_attachment_unlocked(attachment, DmaDirection.TO_DEVICE)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.TO_DEVICE)
    dma_buf_detach(dmabuf, attachment)


def _growth(board: Path) -> list[Row]:
    """Each operation among FEW and among MANY live buffers of a page with IMPORTERS importers each."""
    with bench(board, Generation.V6_12) as few, bench(board, Generation.V6_12) as many:
        works = [_operations(few, FEW), _operations(many, MANY)]
        found = []
        for name, work in works[0].items():
            seconds, seconds_many = fastest(work, works[1][name], rounds=10 * ROUNDS)
            against = f"the same among {FEW}, {1e6 * seconds:.0f} us"
            rate = 1 / seconds_many
            found.append(
                Row(f"{name} among {MANY:,} live", rate, "/s", against, seconds / seconds_many, GROWTH)
            )
        return found


def _operations(here: Bench, count: int) -> dict[str, Callable[[], object]]:
    """What there is to do when `count` buffers live."""
    heap = here.app.open("/dev/dma_heap/system")
    devices = [here.device(label) for label in ("lcdif", "camera") * (IMPORTERS // 2)]
    for _ in range(count):
        fd = here.allocate(heap, 4096)
        for device in devices:
            dmabuf = dma_buf_get(here.app, fd, Holder("importer", device.name))
            attachment = dma_buf_attach(dmabuf, device)
            dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL)
    last = dma_buf_get(here.app, fd, Holder("importer", "bench"))

    def share() -> None:
        copy = here.app.dup(fd)
        dma_buf_put(dma_buf_get(here.app, copy, last.exporter), last.exporter)
        here.app.close(copy)

    return {
        "alloc and free": lambda: here.app.close(here.allocate(heap, 4096)),
        "share and import": share,
        "attach, map, unmap, detach": lambda: _use(last, devices[0]),
    }


def _zeroing(size: int) -> Callable[[], object]:
    memory = np.ones(size, dtype=np.uint8)
    return lambda: memory.fill(0)


def _copying(size: int) -> Callable[[], object]:
    source, target = np.ones(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
    return lambda: np.copyto(target, source)


def _row(name: str, ours: float, limit: float, against: str) -> Row:
    return Row(name, 1 / ours, "/s", f"{against}, {1e6 * limit:.0f} us", limit / ours, None)
