"""Rows 12, 19, 25 and 26: what an owner leaves the next, what is left of a CMA area, two holes in heaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from errno import EFAULT, EINVAL, ENOMEM
from pathlib import Path
from random import Random
from typing import cast

import pytest

import heaps.dma_heap.registry
from heaps.carveout import CarveoutHeap
from heaps.cma.dma_heap import CmaHeapBuffer, cma_heap_vm_fault
from heaps.dma_heap import dma_heap_buffer_alloc, dma_heap_find, dma_heap_put
from heaps.dma_heap.ioctl import COMMANDS
from heaps.storage.region import CarveoutMemory
from soc.address import PhysAddr
from soc.dmabuf import dma_buf_put
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations
from soc.kernel.kernel import Kernel
from soc.kernel.mm.user import UserFault
from soc.kernel.mm.vma import Vma, VmOperations
from soc.kernel.process import Process
from soc.kernel.task import Task
from soc.kernel.uapi.ioctl import _IOC_NR
from soc.kernel.uapi.memfd import F_ADD_SEALS, F_SEAL_SHRINK, MFD_ALLOW_SEALING
from soc.kernel.uapi.udmabuf import UDMABUF_CREATE, UdmabufCreate
from tests.bugs.bench import CMA, MIB, PAGE, Bench, alloc, clean_bench, errno_of, noisy_bench
from tests.bugs.heap_ioctls import fuzz
from tests.bugs.ion_app import CARVEOUT, CHUNK, CONTIG, DMA, SYSTEM, IonApp

SECRET = b"a frame that is nobody else's"


# --- 12: not zeroed between two owners ------------------------------------------------------------


class ForgetfulMemory(CarveoutMemory):
    """Does not clear what it keeps."""

    keeps_memory = False


def carveout_heap(kernel: Kernel, kind: type[CarveoutMemory] = CarveoutMemory) -> CarveoutHeap:
    """/dev/dma_heap/shared, on the board's region of that name."""
    heap = CarveoutHeap(kernel, "shared", PhysAddr(0xB800_0000), 32 * MIB)
    heap.memory = kind(kernel, "shared", PhysAddr(0xB800_0000), 32 * MIB)
    heap.register()
    return heap


def owners(process: Process, give: Callable[[], int], take_back: Callable[[int], None]) -> bytes:
    """One owner fills a buffer, the next one finds: its first bytes."""
    found = b""
    for _ in range(2):
        fd = give()
        address = process.mmap(fd, 4 * PAGE)
        found = process.load(address, 4 * PAGE)
        process.store(address, SECRET * 500)
        process.munmap(address, 4 * PAGE)
        take_back(fd)
    return found


def test_row_12_planted_a_carveout_that_is_not_cleared_shows_the_frame_before() -> None:
    with noisy_bench() as bench:
        carveout_heap(bench.kernel, ForgetfulMemory)
        app = bench.process()
        found = owners(app, lambda: alloc(app, "shared"), app.close)
        assert found.startswith(SECRET)
        assert bench.warned() == [
            "shared: buffer 2 contains bytes of its previous owner dma-buf 2 of heap shared, "
            "from offset 0x0 on"
        ]


@pytest.mark.parametrize("heap", ["system", CMA, "negotiated", "shared"])
def test_row_12_clean_every_dma_heap_hands_out_zeros(heap: str) -> None:
    with clean_bench() as bench:
        carveout_heap(bench.kernel)
        app = bench.process()
        assert owners(app, lambda: alloc(app, heap), app.close) == bytes(4 * PAGE)


@pytest.mark.parametrize(
    "heap",
    [SYSTEM, CONTIG, CARVEOUT, CHUNK, DMA],
    ids=["system", "system_contig", "carveout", "chunk", "dma"],
)
def test_row_12_clean_every_ion_heap_hands_out_zeros(heap: int) -> None:
    with clean_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())

        def give() -> int:
            fd = app.share(app.alloc(heap, 4 * PAGE))
            app.free(1)
            return fd

        def take_back(fd: int) -> None:
            app.process.close(fd)
            bench.kernel.sched.run_ready()

        assert owners(app.process, give, take_back) == bytes(4 * PAGE)
        app.process.close(app.fd)


# --- 19: fragments of a CMA area ------------------------------------------------------------------


def much_cma(board: str) -> str:
    """512 MiB of CMA, more than half of what is free: movable pages are lent from it at once."""
    return board.replace("linux,cma@a0000000", "linux,cma@90000000").replace(
        "[[0xa0000000, 64M]]", "[[0x90000000, 512M]]"
    )


BIG_CMA = "linux,cma@90000000"
DEBUGFS = f"/sys/kernel/debug/cma/{BIG_CMA}"


def memory_of_a_program(process: Process, pages: int) -> tuple[int, int]:
    """A memfd with all its pages, and where it is mapped."""
    fd = process.memfd_create("heap", MFD_ALLOW_SEALING)
    process.ftruncate(fd, pages * PAGE)
    process.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)
    address = process.mmap(fd, pages * PAGE)
    process.store(address, b"x" * (pages * PAGE))
    return fd, address


def view(bench: Bench, name: str) -> int:
    return int(bench.kernel.views.read(f"{DEBUGFS}/{name}"))


def test_row_19_planted_pages_that_are_pinned_where_they_lie_make_the_area_useless(tmp_path: Path) -> None:
    """A driver that pins pages of programs for good without having them moved out of CMA first."""
    with noisy_bench(folder=tmp_path, change=much_cma) as bench:
        app = bench.process()
        _, address = memory_of_a_program(app, 4096)
        vma = app.mm.find(address)
        assert vma is not None
        area = bench.kernel.memory.cma.areas[0]
        lent = vma.frames[(vma.frames >= area.base_frame) & (vma.frames < area.base_frame + area.count)]
        bench.kernel.memory.pages.movable.pin(lent[::64])
        bench.kernel.log.entries.clear()
        assert errno_of(alloc, app, BIG_CMA, 500 * MIB) == ENOMEM
        assert (view(bench, "used"), view(bench, "maxchunk")) == (0, area.count), (
            "nobody has allocated a page"
        )
        told = [entry.text for entry in bench.kernel.log.entries]
        assert told[0].startswith("page: refcount:1025 mapcount:1 pfn:0x")
        assert told[0].endswith("owner:memfd 'heap'")
        assert told[1:3] == [
            "page dumped because: migration failure",
            f"cma: cma_alloc: {BIG_CMA}: alloc failed, req-size: 128000 pages, ret: -16",
        ]


def test_row_19_clean_a_long_run_with_pins_that_move_out_leaves_the_area_whole(tmp_path: Path) -> None:
    with clean_bench(folder=tmp_path, change=much_cma) as bench:
        random, app, live = Random(19), bench.process(), []
        memory, address = memory_of_a_program(app, 4096)
        device = app.open("/dev/udmabuf")
        pinned = app.ioctl(device, UDMABUF_CREATE, UdmabufCreate(memory, 0, 0, 4096 * PAGE))
        for _ in range(120):
            if len(live) > 20:
                app.close(live.pop(random.randrange(len(live))))
            live.append(alloc(app, BIG_CMA, random.choice([1, 7, 64, 300]) * PAGE))
        assert 0 < view(bench, "used") < view(bench, "count")
        assert view(bench, "maxchunk") < view(bench, "count")
        for fd in live:
            app.close(fd)
        assert (view(bench, "used"), view(bench, "maxchunk")) == (0, view(bench, "count"))
        app.close(alloc(app, BIG_CMA, 64 * MIB))
        assert app.load(address, 1) == b"x"
        app.munmap(address, 4096 * PAGE)
        for fd in (pinned, device, memory):
            app.close(fd)


# --- 25: numbers and sizes of a heap's ioctl ------------------------------------------------------


def trusts_the_number(task: Task, file: File, cmd: int, arg: int) -> int:
    """Clamps the index, so that nothing is read beyond the table, and forgets to refuse it."""
    kcmd, _ = COMMANDS[min(_IOC_NR(cmd), len(COMMANDS) - 1)]
    return correct(task, file, cmd & ~0xFF | _IOC_NR(kcmd), arg)


correct = heaps.dma_heap.registry.DMA_HEAP_FOPS.ioctl


def test_row_25_planted_numbers_that_do_not_exist_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    fops = replace(heaps.dma_heap.registry.DMA_HEAP_FOPS, ioctl=trusts_the_number)
    monkeypatch.setattr(heaps.dma_heap.registry, "DMA_HEAP_FOPS", fops)
    with noisy_bench() as bench:
        assert fuzz(bench.process(), "/dev/dma_heap/system") == [
            f"/dev/dma_heap/system: nr {nr}, which it does not have, is answered like nr 0"
            for nr in range(1, 256)
        ]


@pytest.mark.parametrize("heap", ["system", CMA, "negotiated"])
def test_row_25_clean_every_number_and_every_size_is_answered_as_it_must_be(heap: str) -> None:
    with clean_bench() as bench:
        assert fuzz(bench.process(), f"/dev/dma_heap/{heap}") == []


# --- 26: a fault handler that goes one page too far -----------------------------------------------


def off_by_one(vma: Vma, page: int) -> int:
    """Refuses what lies beyond the end, but takes the page at the end for the last one."""
    buffer, index = cast(CmaHeapBuffer, vma.private), vma.pgoff + page
    frames = buffer.memory.frames()
    if index > len(frames):
        raise KernelError(EFAULT, f"page {index} of a buffer of {len(frames)}")
    return int(frames[0]) + index  # the area's array of pages goes on behind the buffer


class VendorDevice:
    """/dev/vendor: a buffer of a CMA area; the device maps it itself, with as many pages as are asked for."""

    def __init__(self, kernel: Kernel, fault: Callable[[Vma, int], int]) -> None:
        self.fault = fault
        heap = dma_heap_find(kernel, CMA)
        assert heap is not None
        self.dmabuf = dma_heap_buffer_alloc(heap, 4 * PAGE)
        dma_heap_put(heap)
        size = self.dmabuf.size
        ops = FileOperations("vendor", lambda file: None, mmap=self.mmap, size=lambda file: size)
        kernel.devfs.add(
            "/dev/vendor", lambda task, flags, who: kernel.files.open(ops, self, "buffer", who, flags)
        )

    def mmap(self, file: File, vma: Vma) -> None:
        vma.private, vma.ops = self.dmabuf.priv, VmOperations(self.fault)

    def unload(self) -> None:
        dma_buf_put(self.dmabuf, self.dmabuf.exporter)


def test_row_26_planted_one_page_past_the_end_is_a_page_of_the_next_buffer() -> None:
    with noisy_bench() as bench:
        device, app, victim = VendorDevice(bench.kernel, off_by_one), bench.process(), bench.process("victim")
        theirs = victim.mmap(alloc(victim, CMA), 4 * PAGE)
        victim.store(theirs, SECRET)
        address = app.mmap(app.open("/dev/vendor"), 5 * PAGE)
        assert app.load(address + 4 * PAGE, len(SECRET)) == SECRET
        frame = int(device.dmabuf.priv.memory.frames()[-1]) + 1
        assert bench.warned() == [
            "page 4 of vendor 4 'buffer', which has 4, was entered for app (pid 100): "
            f"it is frame {frame:#x} of dma-buf 3 of heap {CMA}"
        ]


def test_row_26_clean_one_page_past_the_end_is_sigbus() -> None:
    with clean_bench() as bench:
        device, app = VendorDevice(bench.kernel, cma_heap_vm_fault), bench.process()
        node = app.open("/dev/vendor")
        address = app.mmap(node, 5 * PAGE)
        app.store(address, b"x" * (4 * PAGE))
        with pytest.raises(UserFault, match="SIGBUS"):
            app.load(address + 4 * PAGE, 1)
        app.munmap(address, 5 * PAGE)
        fd = alloc(app, CMA)
        assert errno_of(app.mmap, fd, 5 * PAGE) == EINVAL, "the framework does not even map so much"
        for one in (fd, node):
            app.close(one)
        device.unload()
