"""Memory of reserved regions: the carveout in one run, the chunk heap in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM
from pathlib import Path

import numpy as np
import pytest

from heaps.storage.region import CarveoutMemory, ChunkMemory
from soc.address import PhysAddr
from soc.kernel.errors import KernelError
from tests.heaps.heap_kernel import CARVEOUT_BASE, CARVEOUT_SIZE, KIB, PAGE, HeapKernel, linear
from tests.kernel.small_memory import MIB

CHUNK = 16 * KIB


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    assert kernel.log.warnings == []
    kernel.close()


@pytest.fixture
def carveout(kernel: HeapKernel) -> CarveoutMemory:
    return CarveoutMemory(kernel, "carveout", CARVEOUT_BASE, CARVEOUT_SIZE)


@pytest.fixture
def chunk(kernel: HeapKernel) -> ChunkMemory:
    return ChunkMemory(kernel, "chunk", CARVEOUT_BASE, CARVEOUT_SIZE, CHUNK)


def segments(memory: object) -> list[tuple[int, int]]:
    table = memory.sgt  # type: ignore[attr-defined]
    return list(zip((table.starts - CARVEOUT_BASE).tolist(), table.lengths.tolist(), strict=True))


# --- carveout -----------------------------------------------------------------


def test_first_fit_in_one_run(carveout: CarveoutMemory) -> None:
    held = [carveout.allocate(size) for size in (1, 3 * PAGE, PAGE)]
    assert [segments(memory) for memory in held] == [
        [(0, PAGE)],
        [(PAGE, 3 * PAGE)],
        [(4 * PAGE, PAGE)],
    ]
    assert carveout.used == 5 * PAGE
    held[1].give_back()
    assert segments(carveout.allocate(2 * PAGE)) == [(PAGE, 2 * PAGE)]


def test_fragmentation_is_enomem_and_the_message_says_so(carveout: CarveoutMemory) -> None:
    held = [carveout.allocate(64 * KIB) for _ in range(16)]
    for memory in held[::2]:
        memory.give_back()
    with pytest.raises(KernelError) as error:
        carveout.allocate(64 * KIB + 1)
    assert error.value.errno == ENOMEM
    assert str(error.value) == (
        "-ENOMEM: carveout: no 68 KiB in one run: 512 KiB of 1 MiB are free, the largest run is 64 KiB"
    )


@pytest.mark.parametrize("kind", ["carveout", "chunk"])
def test_the_region_is_cleared_when_the_heap_is_made_and_nothing_beside_it(
    kernel: HeapKernel, kind: str
) -> None:
    around = linear(CARVEOUT_BASE - PAGE, CARVEOUT_SIZE + 2 * PAGE)
    kernel.device.write_span(around, np.full(around.size, 0xAA, dtype=np.uint8))
    before = kernel.cpu.traffic.total()[1]
    if kind == "carveout":
        CarveoutMemory(kernel, kind, CARVEOUT_BASE, CARVEOUT_SIZE)
    else:
        ChunkMemory(kernel, kind, CARVEOUT_BASE, CARVEOUT_SIZE, CHUNK)
    assert kernel.cpu.traffic.total()[1] - before == CARVEOUT_SIZE
    assert kernel.cache is not None
    seen = kernel.cache.peek_behind(around)
    assert (seen[:PAGE] == 0xAA).all()
    assert (seen[-PAGE:] == 0xAA).all()
    assert not seen[PAGE:-PAGE].any()
    assert not kernel.dram.read(linear(CARVEOUT_BASE, CARVEOUT_SIZE)).any()


def test_memory_is_cleared_when_it_is_given_back_not_when_it_is_allocated(
    kernel: HeapKernel, carveout: CarveoutMemory
) -> None:
    booked = kernel.cpu.traffic.total()[1]
    memory = carveout.allocate(3 * PAGE)
    assert kernel.cpu.traffic.total()[1] == booked
    memory.give_back()
    assert kernel.cpu.traffic.total()[1] == booked + 3 * PAGE


@pytest.mark.parametrize("base", [0x81C0_0800, 0x81C0_0001])
def test_a_region_that_is_not_whole_pages_is_refused(kernel: HeapKernel, base: int) -> None:
    with pytest.raises(ValueError, match="is not page aligned"):
        CarveoutMemory(kernel, "carveout", PhysAddr(base), PAGE)


def test_an_empty_region_has_no_memory(kernel: HeapKernel) -> None:
    with pytest.raises(KernelError) as error:
        CarveoutMemory(kernel, "carveout", CARVEOUT_BASE, 0).allocate(1)
    assert str(error.value) == (
        "-ENOMEM: carveout: no 4 KiB in one run: 0 B of 0 B are free, the largest run is 0 B"
    )


# --- chunks -------------------------------------------------------------------


def test_an_entry_per_chunk_and_a_size_that_stays_what_was_asked(chunk: ChunkMemory) -> None:
    memory = chunk.allocate(CHUNK + 1)
    assert segments(memory) == [(0, CHUNK), (CHUNK, CHUNK)]
    assert memory.size == CHUNK + PAGE
    assert memory.sgt.size == chunk.allocated == 2 * CHUNK
    assert memory.frames().tolist() == [(CARVEOUT_BASE >> 12) + index for index in range(5)]
    memory.give_back()
    assert (chunk.allocated, chunk.used) == (0, 0)


def test_chunks_lie_where_there_is_room(chunk: ChunkMemory) -> None:
    held = [chunk.allocate(CHUNK) for _ in range(6)]
    for memory in (held[1], held[3], held[4]):
        memory.give_back()
    assert segments(chunk.allocate(4 * CHUNK)) == [
        (1 * CHUNK, CHUNK),
        (3 * CHUNK, CHUNK),
        (4 * CHUNK, CHUNK),
        (6 * CHUNK, CHUNK),
    ]


def test_fragments_of_a_chunk_do_no_harm_but_more_than_is_left_does(chunk: ChunkMemory) -> None:
    held = [chunk.allocate(CHUNK) for _ in range(64)]
    for memory in held[::2]:
        memory.give_back()
    assert chunk.allocate(32 * CHUNK).size == 512 * KIB
    with pytest.raises(KernelError) as error:
        chunk.allocate(1)
    assert error.value.errno == ENOMEM
    assert str(error.value) == (
        "-ENOMEM: chunk: no 16 KiB in chunks of 16 KiB: 0 B of 1 MiB are free, the largest run is 0 B"
    )


@pytest.mark.parametrize("size", [CARVEOUT_SIZE + 1, 1 << 60])
def test_more_than_the_region_is_enomem(chunk: ChunkMemory, size: int) -> None:
    with pytest.raises(KernelError) as error:
        chunk.allocate(size)
    assert error.value.errno == ENOMEM
    assert chunk.allocated == 0


def test_chunks_that_are_no_power_of_two_run_out_before_the_account_does(kernel: HeapKernel) -> None:
    """Each 12 KiB chunk takes 16 KiB of the region: the 65th fails, and the 64 before it are undone."""
    chunk = ChunkMemory(kernel, "chunk", CARVEOUT_BASE, CARVEOUT_SIZE, 12 * KIB)
    with pytest.raises(KernelError) as error:
        chunk.allocate(65 * 12 * KIB)
    assert 65 * 12 * KIB < CARVEOUT_SIZE
    assert str(error.value) == (
        "-ENOMEM: chunk: no 780 KiB in chunks of 12 KiB: 1 MiB of 1 MiB are free, the largest run is 1 MiB"
    )
    assert (chunk.allocated, chunk.used) == (0, 0)
    memory = chunk.allocate(64 * 12 * KIB)
    assert segments(memory)[:2] == [(0, 12 * KIB), (16 * KIB, 12 * KIB)]
    memory.give_back()
    assert chunk.used == 0


@pytest.mark.parametrize("size", [0, -PAGE, PAGE + 1])
def test_chunks_are_whole_pages(kernel: HeapKernel, size: int) -> None:
    with pytest.raises(ValueError, match="are not whole pages"):
        ChunkMemory(kernel, "chunk", CARVEOUT_BASE, CARVEOUT_SIZE, size)


def test_the_slack_behind_the_buffer_is_cleared_too(kernel: HeapKernel, chunk: ChunkMemory) -> None:
    memory = chunk.allocate(PAGE)
    kernel.fill(memory, 0xAA)
    memory.give_back()
    assert not kernel.dram.read(linear(CARVEOUT_BASE, CHUNK)).any()


def test_chunks_of_the_whole_region_in_one_buffer(chunk: ChunkMemory) -> None:
    memory = chunk.allocate(MIB)
    assert memory.sgt.orig_nents == 64
    assert chunk.largest_free == 0
