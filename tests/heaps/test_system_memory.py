"""The memory of dma-buf's system heap: no pools, no limit but memory itself."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINTR, EINVAL, ENOMEM
from pathlib import Path

import numpy as np
import pytest

from heaps.storage.system import SystemMemory
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from tests.heaps.heap_kernel import KIB, PAGE, HeapKernel
from tests.heaps.table_blocks import blocks_of
from tests.kernel.small_memory import MIB


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    assert kernel.log.warnings == []
    kernel.close()


@pytest.fixture
def system(kernel: HeapKernel) -> SystemMemory:
    return SystemMemory(kernel, "system")


def orders(memory: object) -> list[int]:
    return [order for _, order in blocks_of(memory.sgt)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [0]),
        (PAGE, [0]),
        (64 * KIB, [4]),
        (MIB, [8]),
        (MIB + 64 * KIB + PAGE + 1, [8, 4, 0, 0]),
        (3 * MIB, [8, 8, 8]),
    ],
)
def test_blocks_of_a_buffer(kernel: HeapKernel, system: SystemMemory, size: int, expected: list[int]) -> None:
    before = kernel.baseline()
    memory = system.allocate(size)
    assert orders(memory) == expected
    assert memory.size == -(-size // PAGE) * PAGE == memory.sgt.size
    assert memory.frames().tolist() == [
        frame + index for frame, order in blocks_of(memory.sgt) for index in range(1 << order)
    ]
    assert kernel.pages.free_frames == before[0] - memory.size // PAGE
    memory.give_back()
    assert kernel.baseline() == before


@pytest.mark.parametrize("size", [0, -1])
def test_no_bytes_is_einval(system: SystemMemory, size: int) -> None:
    with pytest.raises(KernelError) as error:
        system.allocate(size)
    assert str(error.value) == f"-EINVAL: system: a buffer of {size} bytes was asked for"
    assert error.value.errno == EINVAL


def test_worn_memory_gives_smaller_blocks(kernel: HeapKernel, system: SystemMemory) -> None:
    kernel.keep_pages(128)
    memory = system.allocate(MIB)
    assert orders(memory) == [4] * 16
    memory.give_back()
    kernel.keep_pages(8)
    before = kernel.baseline()
    memory = system.allocate(MIB)
    assert orders(memory) == [0] * 256
    assert len(set(memory.frames().tolist())) == 256
    memory.give_back()
    assert kernel.pages.free_frames == before[0]


def test_single_pages_never_come_from_a_cma_region(kernel: HeapKernel, system: SystemMemory) -> None:
    kernel.keep_pages(8)
    area = kernel.memory.cma.areas[0]
    free = kernel.pages.free_frames - kernel.pages.free_cma
    memory = system.allocate(free * PAGE)
    inside = (memory.frames() >= area.base_frame) & (memory.frames() < area.base_frame + area.count)
    assert not inside.any()
    assert kernel.pages.free_cma == area.count


@pytest.mark.parametrize("size", [20 * MIB, 1 << 40, 1 << 62], ids=["20 MiB", "1 TiB", "4 EiB"])
def test_a_length_beyond_all_memory_ends_at_the_oom_killer_and_costs_nothing(
    kernel: HeapKernel, system: SystemMemory, size: int
) -> None:
    before = kernel.baseline()
    wrote = kernel.cpu.traffic.total()
    app = kernel.process("camera")
    with pytest.raises(KernelError) as error, kernel.sched.running(app):
        system.allocate(size)
    assert error.value.errno == ENOMEM
    assert kernel.baseline() == before
    assert kernel.cpu.traffic.total() == wrote, "nothing was cleared for a buffer that never was"
    lines = [entry.text for entry in kernel.log.entries]
    assert lines[0] == "camera invoked oom-killer: gfp_mask=GFP_HIGHUSER, order=0, oom_score_adj=0"
    assert lines[1].startswith("Out of memory: nothing to kill that would give camera ")
    assert len(lines) == 2


def test_the_message_says_what_is_free(kernel: HeapKernel, system: SystemMemory) -> None:
    kernel.keep_pages(128)
    with pytest.raises(KernelError) as error:
        system.allocate(32 * MIB)
    assert str(error.value) == (
        "-ENOMEM: system: no 32 MiB in pages: 19304 KiB of 19 MiB are free, the largest run is 256 KiB"
    )


def test_memory_can_be_used_to_the_last_page(kernel: HeapKernel, system: SystemMemory) -> None:
    held = [system.allocate(MIB) for _ in range(19)]
    with pytest.raises(KernelError) as error:
        system.allocate(PAGE)
    assert str(error.value) == (
        "-ENOMEM: system: no 4 KiB in pages: 0 B of 19 MiB are free, the largest run is 0 B"
    )
    held.pop().give_back()
    held.append(system.allocate(MIB))
    frames = np.concatenate([memory.frames() for memory in held])
    assert len(np.unique(frames)) == len(frames)


def test_a_task_that_is_killed_meanwhile_gets_eintr(kernel: HeapKernel, system: SystemMemory) -> None:
    before = kernel.baseline()
    app = kernel.process("camera")
    check = kernel.faults.check

    def third_block_kills(site: FaultSite, what: str) -> None:
        check(site, what)
        if kernel.faults.count == 3:
            app.send_signal(fatal=True)

    kernel.faults.check = third_block_kills  # type: ignore[method-assign]
    with pytest.raises(KernelError) as error, kernel.sched.running(app):
        system.allocate(8 * MIB)
    assert error.value.errno == EINTR
    assert str(error.value) == "-EINTR: system: killed with 1280 of 2048 pages to go"
    assert kernel.baseline() == before


def test_another_signal_does_not_matter(kernel: HeapKernel, system: SystemMemory) -> None:
    app = kernel.process("camera")
    app.send_signal()
    with kernel.sched.running(app):
        assert system.allocate(PAGE).size == PAGE


def test_memory_given_back_twice_is_a_warning(kernel: HeapKernel, system: SystemMemory) -> None:
    memory = system.allocate(PAGE)
    memory.belongs_to("dma-buf 3")
    memory.give_back()
    before = kernel.baseline()
    memory.give_back()
    assert kernel.log.warnings == ["system: the memory of dma-buf 3 was freed before"]
    assert kernel.baseline() == before
    kernel.log.entries.clear()


def test_live_counts_buffers(system: SystemMemory) -> None:
    held = [system.allocate(PAGE) for _ in range(3)]
    assert system.live == 3
    held[1].give_back()
    assert system.live == 2
