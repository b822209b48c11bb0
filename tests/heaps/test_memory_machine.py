"""Random lives of many buffers: no page has two owners, no byte is inherited, everything comes back."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.pooled import PooledSystemMemory
from heaps.storage.region import RegionMemory
from soc.kernel.errors import KernelError
from tests.heaps.all_sources import CHUNK, SOURCES
from tests.heaps.heap_kernel import CARVEOUT_SIZE, PAGE, HeapKernel
from tests.heaps.table_blocks import blocks_of

SIZES = st.one_of(st.integers(1, 40), st.integers(200, 900), st.sampled_from([16, 256, 1024, 4000])).map(
    lambda pages: pages * PAGE
)


class MemoryMachine(RuleBasedStateMachine):
    """The model: which frames each live buffer has, and the byte it filled them with."""

    name = "system"

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.kernel = HeapKernel(Path(self.folder.name))
        self.start = self.kernel.baseline()
        self.source: MemorySource = SOURCES[self.name](self.kernel)
        self.held: list[tuple[HeapMemory, int]] = []
        self.worn: list[int] = []
        self.fills = 0

    @rule(size=SIZES, cached=st.booleans(), less=st.integers(0, PAGE - 1))
    def allocate(self, size: int, cached: bool, less: int) -> None:
        before = self.kernel.baseline()
        try:
            memory = self.source.allocate(size - less, cached)
        except KernelError as error:
            assert str(error).startswith(f"-ENOMEM: {self.name}: no ")
            self.check_failure(size, before)
            return
        assert memory.size == size
        assert len(memory.frames()) == size // PAGE
        assert not self.kernel.cpu_sees(memory).any()
        if self.source.dram_is_clean or not cached:
            assert not self.kernel.dram_has(memory).any()
        self.check_blocks(memory)
        self.fills = self.fills % 255 + 1
        self.kernel.fill(memory, self.fills)
        self.held.append((memory, self.fills))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), shrinker=st.booleans(), by_device=st.booleans())
    def give_back(self, data: st.DataObject, shrinker: bool, by_device: bool) -> None:
        memory, fill = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        assert (self.kernel.cpu_sees(memory) == fill).all(), "somebody else wrote there"
        if by_device:
            self.kernel.fill(memory, fill ^ 0xFF, by_device=True)
        memory.give_back(shrinker)

    @rule(every=st.sampled_from([7, 100, 300]), at=st.integers(0, 4000), count=st.integers(1, 9))
    def wear(self, every: int, at: int, count: int) -> None:
        """Others take pages here and there."""
        first = self.kernel.pages.zones[0].first
        for number in range(count):
            if self.kernel.pages.keep(first + at + every * number):
                self.worn.append(first + at + every * number)

    @precondition(lambda self: self.worn)
    @rule()
    def mend(self) -> None:
        self.kernel.pages.free_pages(np.array(self.worn))
        self.worn.clear()

    @precondition(lambda self: isinstance(self.source, PooledSystemMemory))
    @rule(pages=st.integers(0, 600))
    def shrink(self, pages: int) -> None:
        assert isinstance(self.source, PooledSystemMemory)
        free, pooled = self.kernel.pages.free_frames, self.source.shrink(0)
        freed = self.source.shrink(pages) if pages else 0
        assert freed >= min(pages, pooled)
        assert self.kernel.pages.free_frames == free + freed
        assert self.source.shrink(0) == pooled - freed

    @invariant()
    def no_page_has_two_owners(self) -> None:
        frames = [memory.sgt.frames() for memory, _ in self.held]
        everything = np.concatenate([*frames, np.array(self.worn, dtype=np.int64)])
        assert len(np.unique(everything)) == len(everything)
        self.check_account(sum(map(len, frames)))
        assert self.source.live == len(self.held) == len(self.kernel.memory.owners.live)

    def check_account(self, pages: int) -> None:
        """`pages` are in buffers: the rest is free, in pools or worn."""
        if isinstance(self.source, RegionMemory):
            assert self.source.used == pages * PAGE
            pages = 0
        pooled = self.source.shrink(0) if isinstance(self.source, PooledSystemMemory) else 0
        assert self.kernel.pages.free_frames == self.start[0] - pages - pooled - len(self.worn)

    def check_failure(self, size: int, before: tuple[int, list[int], int]) -> None:
        """It changed nothing, but that ION leaves what it found in its pools; and it was due."""
        pages = self.kernel.pages
        if isinstance(self.source, PooledSystemMemory):
            assert size > pages.total_frames * PAGE // 2 or pages.free_frames - pages.free_cma < size // PAGE
            return
        assert self.kernel.baseline() == before
        if self.name == "system":
            assert pages.free_frames - pages.free_cma < size // PAGE
        if self.name == "chunk":
            used = sum(memory.sgt.size for memory, _ in self.held)
            assert used + -(-size // CHUNK) * CHUNK > CARVEOUT_SIZE

    def check_blocks(self, memory: HeapMemory) -> None:
        """Orders 8, 4 and 0, never rising; the others have one run, or chunks of one size."""
        if self.name in ("system", "pooled"):
            orders = [order for _, order in blocks_of(memory.sgt)]
            assert set(orders) <= {8, 4, 0}
            assert orders == sorted(orders, reverse=True)
        elif self.name == "chunk":
            assert set(memory.sgt.lengths.tolist()) == {CHUNK}
        else:
            assert memory.sgt.orig_nents == 1

    def teardown(self) -> None:
        for memory, _ in self.held:
            memory.give_back(shrinker=True)
        if isinstance(self.source, PooledSystemMemory):
            self.source.shrink(1 << 30)
        if self.worn:
            self.kernel.pages.free_pages(np.array(self.worn))
        assert self.kernel.baseline() == self.start
        assert self.kernel.log.warnings == []
        assert self.kernel.cache is not None
        assert self.kernel.cache.incidents == []
        self.kernel.close()
        self.folder.cleanup()


@pytest.mark.parametrize("name", SOURCES)
def test_buffers_of_one_source(name: str) -> None:
    machine = type(f"{name.title()}Machine", (MemoryMachine,), {"name": name})
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=30))
