"""Drivers that follow the rules hear nothing, in whatever order they work; and it costs little."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.kernel.dma_debug_bench import BOTH, FROM, PAGE, TO, Bench

DIRECTIONS = st.sampled_from([TO, FROM, BOTH])


class GoodDrivers(RuleBasedStateMachine):
    """Two devices map, sync and unmap memory of their own, at bus addresses never used twice at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.lists: list[tuple] = []
        self.singles: list[tuple] = []
        self.coherent: list[tuple] = []
        self.next_address = 0

    def device(self, which: bool):
        return self.bench.camera if which else self.bench.display

    def address(self, size: int) -> int:
        self.next_address += size + PAGE
        return self.next_address - size

    @rule(
        which=st.booleans(),
        direction=DIRECTIONS,
        pages=st.integers(1, 8),
        cuts=st.sets(st.integers(1, 7)),
    )
    def map_list(self, which, direction, pages, cuts):
        sgt = self.bench.scattered(pages)
        edges = [0, *sorted(cut for cut in cuts if cut < pages), pages]
        lengths = np.diff(edges) * PAGE
        sgt.dma_address = np.array([self.address(int(length)) for length in lengths])
        sgt.dma_length = lengths
        self.bench.debug.map_sg(self.device(which), sgt, direction)
        self.lists.append((self.device(which), sgt, direction))

    @rule(
        which=st.booleans(),
        direction=DIRECTIONS,
        start=st.integers(0, 63),
        lines=st.integers(1, 200),
    )
    def map_single(self, which, direction, start, lines):
        phys, size = self.bench.pages(8) + start * 64, lines * 64 - 5
        dma_addr = self.address(size)
        self.bench.debug.map_page(self.device(which), phys, size, direction, dma_addr)
        self.bench.debug.mapping_error(self.device(which), dma_addr)
        self.singles.append((self.device(which), dma_addr, size, direction))

    @rule(which=st.booleans(), pages=st.integers(1, 4))
    def alloc_coherent(self, which, pages):
        phys, size = self.bench.pages(pages), pages * PAGE
        dma_addr = self.address(size)
        self.bench.debug.alloc_coherent(self.device(which), size, dma_addr, phys)
        self.coherent.append((self.device(which), size, dma_addr, phys))

    @precondition(lambda self: self.lists)
    @rule(data=st.data(), to_cpu=st.booleans())
    def sync_list(self, data, to_cpu):
        debug = self.bench.debug
        sync = debug.sync_sg_for_cpu if to_cpu else debug.sync_sg_for_device
        sync(*data.draw(st.sampled_from(self.lists)))

    @precondition(lambda self: self.singles)
    @rule(data=st.data(), to_cpu=st.booleans())
    def sync_part(self, data, to_cpu):
        device, dma_addr, size, direction = data.draw(st.sampled_from(self.singles))
        offset = data.draw(st.integers(0, size - 1))
        length = data.draw(st.integers(1, size - offset))
        debug = self.bench.debug
        sync = debug.sync_single_for_cpu if to_cpu else debug.sync_single_for_device
        sync(device, dma_addr + offset, length, direction)

    @precondition(lambda self: self.lists)
    @rule(data=st.data())
    def unmap_list(self, data):
        self.bench.debug.unmap_sg(*take(data, self.lists))

    @precondition(lambda self: self.singles)
    @rule(data=st.data())
    def unmap_single(self, data):
        self.bench.debug.unmap_page(*take(data, self.singles))

    @precondition(lambda self: self.coherent)
    @rule(data=st.data())
    def free_coherent(self, data):
        self.bench.debug.free_coherent(*take(data, self.coherent))

    @invariant()
    def nobody_complains(self):
        assert self.bench.log.entries == []

    @invariant()
    def entries_add_up(self):
        live = sum(len(sgt.dma_address) for _, sgt, _ in self.lists)
        live += len(self.singles) + len(self.coherent)
        assert self.bench.view("num_free_entries") == f"{65536 - live}\n"
        assert len(self.bench.view("dump").splitlines()) == live

    def teardown(self):
        for mapped in self.lists:
            self.bench.debug.unmap_sg(*mapped)
        for mapped in self.singles:
            self.bench.debug.unmap_page(*mapped)
        for mapped in self.coherent:
            self.bench.debug.free_coherent(*mapped)
        for device in (self.bench.camera, self.bench.display):
            self.bench.debug.driver_unbound(device)
        assert self.bench.log.entries == []
        self.bench.close()


def take(data, mappings: list[tuple]) -> tuple:
    """One of the mappings, which ends."""
    return mappings.pop(data.draw(st.integers(0, len(mappings) - 1)))


TestGoodDrivers = GoodDrivers.TestCase
TestGoodDrivers.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_large_buffer_takes_no_python_for_each_page():
    """2048 scattered pages behind an IOMMU, one segment: far fewer calls than pages."""
    bench = Bench()
    sgt = bench.scattered(2048, iova=0x1000_0000)
    calls = Counter()
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    try:
        bench.debug.map_sg(bench.camera, sgt, BOTH)
        bench.debug.unmap_sg(bench.camera, sgt, BOTH)
    finally:
        sys.setprofile(None)
    bench.close()
    assert bench.log.entries == []
    assert 0 < calls["call"] + calls["c_call"] < 1000
