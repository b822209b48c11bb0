"""The memory of ION's system contig heap: one block of the buddy system without its tail."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM
from pathlib import Path

import pytest

from heaps.storage.contig import ContigMemory
from soc.kernel.errors import KernelError
from tests.heaps.heap_kernel import KIB, PAGE, HeapKernel
from tests.kernel.small_memory import MIB


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    assert kernel.log.warnings == []
    kernel.close()


@pytest.fixture
def contig(kernel: HeapKernel) -> ContigMemory:
    return ContigMemory(kernel, "system contig")


@pytest.mark.parametrize(
    "size", [PAGE, 3 * PAGE, 5 * PAGE + 1, 64 * KIB, MIB + PAGE, 3 * MIB, 4 * MIB], ids=str
)
def test_one_entry_whose_tail_is_given_back(kernel: HeapKernel, contig: ContigMemory, size: int) -> None:
    before = kernel.baseline()
    memory = contig.allocate(size)
    pages = -(-size // PAGE)
    assert memory.sgt.orig_nents == 1
    assert memory.sgt.size == memory.size == pages * PAGE
    assert kernel.pages.free_frames == before[0] - pages, "no page of the block's tail is kept"
    first = int(memory.frames()[0])
    assert first % (1 << (pages - 1).bit_length()) == 0, "the block was aligned to its size"
    memory.give_back()
    assert kernel.baseline() == before, "the block is whole again"


@pytest.mark.parametrize(
    ("size", "text"), [(4 * MIB + 1, "4100 KiB"), (8 * MIB, "8 MiB"), (1 << 50, "1048576 GiB")]
)
def test_more_than_4_mib_is_never_had(contig: ContigMemory, size: int, text: str) -> None:
    with pytest.raises(KernelError) as error:
        contig.allocate(size)
    assert error.value.errno == ENOMEM
    assert str(error.value) == (
        f"-ENOMEM: system contig: no {text} in one block (4 MiB is the most): "
        "19 MiB of 19 MiB are free, the largest run is 4 MiB"
    )


def test_in_worn_memory_plenty_is_free_but_not_in_one_block(kernel: HeapKernel, contig: ContigMemory) -> None:
    kernel.keep_pages(8)
    with pytest.raises(KernelError) as error:
        contig.allocate(5 * PAGE)
    assert str(error.value) == (
        "-ENOMEM: system contig: no 20 KiB in one block: "
        "17024 KiB of 19 MiB are free, the largest run is 16 KiB"
    )
    assert kernel.log.entries == [], "the heap asks without a warning"
    assert contig.allocate(4 * PAGE).size == 4 * PAGE


def test_the_tail_is_somebody_elses(kernel: HeapKernel, contig: ContigMemory) -> None:
    """Other memory of the same block is handed out while the buffer lives, and is not cleared with it."""
    held = [contig.allocate(5 * PAGE) for _ in range(8)]
    frames = [frame for memory in held for frame in memory.frames().tolist()]
    assert len(set(frames)) == 40
    for number, memory in enumerate(held):
        kernel.fill(memory, number + 1)
    for memory in held[::2]:
        memory.give_back()
    for number, memory in list(enumerate(held))[1::2]:
        assert (kernel.cpu_sees(memory) == number + 1).all()
