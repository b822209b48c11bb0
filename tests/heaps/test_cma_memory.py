"""Memory of CMA areas: as the dma-heap takes it, and as ION does through the DMA API."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM
from pathlib import Path

import pytest

from heaps.storage.cma import CmaMemory, CoherentSource
from soc.kernel.dma import of_reserved_mem_device_init
from soc.kernel.errors import KernelError
from soc.kernel.mm.cma import CmaArea
from tests.heaps.heap_kernel import KIB, PAGE, HeapKernel
from tests.kernel.dma_bench import DmaBoard
from tests.kernel.small_memory import MIB


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    assert kernel.log.warnings == []
    kernel.close()


@pytest.fixture
def area(kernel: HeapKernel) -> CmaArea:
    return kernel.memory.cma.areas[0]


@pytest.fixture
def cma(kernel: HeapKernel, area: CmaArea) -> CmaMemory:
    return CmaMemory(kernel, "linux,cma", area)


@pytest.mark.parametrize(
    ("pages", "alignment"),
    [(1, 1), (2, 2), (3, 4), (16, 16), (200, 256), (256, 256), (300, 256), (1024, 256)],
)
def test_one_run_aligned_to_its_order_up_to_8(
    cma: CmaMemory, area: CmaArea, pages: int, alignment: int
) -> None:
    area.alloc(1)
    memory = cma.allocate(pages * PAGE)
    first = int(memory.frames()[0])
    assert first == area.base_frame + alignment
    assert memory.sgt.orig_nents == 1
    assert area.used == 1 + pages
    memory.give_back()
    assert area.used == 1


def test_borrowed_pages_are_moved_out(kernel: HeapKernel, cma: CmaMemory) -> None:
    kernel.small.fill()
    handle = kernel.small.movable(1024)
    memory = cma.allocate(4 * MIB)
    assert not set(handle.frames.tolist()) & set(memory.frames().tolist())
    assert kernel.small.numbers(handle) == list(range(1024))
    assert not kernel.cpu_sees(memory).any(), "nothing of the pages that lay there"


def test_a_pinned_page_is_enomem_here(kernel: HeapKernel, cma: CmaMemory, area: CmaArea) -> None:
    """cma_alloc says -EBUSY; the heap has one errno for everything."""
    kernel.small.fill()
    handle = kernel.small.movable(2048, "video app")
    kernel.pages.movable.pin(handle.frames)
    with pytest.raises(KernelError) as error:
        cma.allocate(MIB)
    assert error.value.errno == ENOMEM
    frame = area.base_frame + 2047
    assert str(error.value) == (
        "-ENOMEM: linux,cma: no 1 MiB in one run: 8 MiB of 8 MiB are free, the largest run is 8 MiB "
        f"(migration failure at frame {frame:#x} of video app)"
    )
    assert area.used == 0


def test_fragmentation_is_enomem_and_the_message_says_so(cma: CmaMemory) -> None:
    held = [cma.allocate(MIB) for _ in range(8)]
    for memory in held[::2]:
        memory.give_back()
    with pytest.raises(KernelError) as error:
        cma.allocate(MIB + PAGE)
    assert str(error.value) == (
        "-ENOMEM: linux,cma: no 1028 KiB in one run: 4 MiB of 8 MiB are free, the largest run is 1 MiB "
        "(CMA area linux,cma@81000000 has no free run of 257 pages)"
    )


def test_a_killed_task_gets_enomem(kernel: HeapKernel, cma: CmaMemory, area: CmaArea) -> None:
    app = kernel.process("camera")
    app.send_signal(fatal=True)
    with pytest.raises(KernelError) as error, kernel.sched.running(app):
        cma.allocate(MIB)
    assert str(error.value) == "-ENOMEM: linux,cma: killed while 256 pages were allocated"
    assert area.used == 0


# --- through the DMA API --------------------------------------------------------

AREA = (
    "  area@82000000: &area {compatible: shared-dma-pool, reg: [[0x82000000, 4M]], reusable: true,"
    " 'linux,cma-default': true}\n"
)
POOL = "  pool@83000000: &pool {compatible: shared-dma-pool, reg: [[0x83000000, 64K]], no-map: true}\n"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[DmaBoard]:
    board = DmaBoard(tmp_path, more=", memory-region: [*pool]", reserved=POOL + AREA)
    board.with_cache()
    yield board
    assert board.kernel.log.warnings == []
    board.close()


@pytest.fixture
def coherent(board: DmaBoard) -> CoherentSource:
    return CoherentSource(board.kernel, "ion_dma_heap", board.device())


def test_coherent_memory_of_the_default_area(board: DmaBoard, coherent: CoherentSource) -> None:
    area = board.kernel.memory.cma.areas[0]
    memory = coherent.allocate(3 * PAGE, cached=False)
    assert area.used == 3
    assert coherent.coherent(memory).dma_address == memory.sgt.starts[0]
    assert memory.sgt.lengths.tolist() == [3 * PAGE]
    memory.give_back()
    assert area.used == 0


def test_what_the_area_has_not_comes_from_the_page_allocator(
    board: DmaBoard, coherent: CoherentSource
) -> None:
    free = board.kernel.memory.pages.free_frames
    held = [coherent.allocate(4 * MIB, cached=False) for _ in range(2)]
    assert board.kernel.memory.cma.areas[0].used == 1024
    for memory in held:
        memory.give_back()
    assert board.kernel.memory.pages.free_frames == free


def test_without_room_the_message_says_where_it_looked(board: DmaBoard, coherent: CoherentSource) -> None:
    coherent.allocate(PAGE * 2, cached=False)
    with pytest.raises(KernelError) as error:
        coherent.allocate(8 * MIB, cached=False)
    assert error.value.errno == ENOMEM
    assert str(error.value) == (
        "-ENOMEM: ion_dma_heap: no 8 MiB of coherent memory for 1000000.engine: 4088 KiB of 4 MiB are free, "
        "the largest run is 4088 KiB in area@82000000, and the page allocator had none either"
    )


def test_a_device_with_a_pool_of_its_own_has_that_and_nothing_else(
    board: DmaBoard, coherent: CoherentSource
) -> None:
    """Its pages have no struct page, so the heap, which wants a table of them, gets none of them either."""
    of_reserved_mem_device_init(board.device())
    with pytest.raises(KernelError) as error:
        coherent.allocate(128 * KIB, cached=False)
    assert str(error.value) == (
        "-ENOMEM: ion_dma_heap: no 128 KiB of coherent memory for 1000000.engine: "
        "64 KiB of 64 KiB are free in its own pool"
    )
    with pytest.raises(KernelError) as error:
        coherent.allocate(PAGE, cached=False)
    assert str(error.value) == "-ENXIO: 1000000.engine: a coherent pool has no pages to list"
    pool = board.device().coherent_pool
    assert pool is not None
    assert pool.used == 0
