"""Whose pages are whose, and who touched them when they were nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from soc.address import PhysAddr
from soc.bus import Bus, Master
from soc.clock import Clock
from soc.kernel.log import KernelLog
from soc.kernel.mm.page_owner import LateAccess, PageOwners
from soc.memory.dram import Bank, Dram
from soc.memory.pages import PageAllocator
from soc.memory.span import PageSpan
from tests.kernel.small_memory import SmallMemory, frames

FIRST = 0x80000
PAGE = 4096


class Bench:
    """Two banks with a gap between, a page allocator over the first, a camera and the CPU."""

    def __init__(self) -> None:
        self.dram = Dram(
            [Bank(PhysAddr(FIRST << 12), 64 * PAGE), Bank(PhysAddr(FIRST + 128 << 12), 64 * PAGE)]
        )
        self.bus = Bus(self.dram)
        self.camera, self.cpu = self.bus.master("camera"), self.bus.master("cpu")
        self.log = KernelLog(Clock())
        self.owners = PageOwners(self.bus, self.log)
        self.pages = PageAllocator([(FIRST << 12, 64 * PAGE)])
        self.pages.taken = self.owners.taken

    def touch(self, master: Master, first: int, count: int = 1, write: bool = True) -> None:
        span = PageSpan.linear(PhysAddr(first << 12), count * PAGE)
        if write:
            master.write_span(span, np.ones(span.size, dtype=np.uint8))
        else:
            master.read_span(span)

    def close(self) -> None:
        for bank in self.dram.banks:
            bank.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_what_a_buffer_does_with_its_own_pages_is_its_own_affair(bench: Bench) -> None:
    owner = bench.owners.own(frames(FIRST, 4), "system", "dma-buf 1")
    bench.touch(bench.camera, FIRST, 4)
    bench.owners.release(owner)
    assert bench.owners.audit() == []
    bench.owners.own(frames(FIRST, 4), "system", "dma-buf 2")
    assert bench.log.entries == []


@pytest.mark.parametrize(
    ("write", "text"), [(True, "wrote 8192 bytes"), (False, "read 8192 bytes")], ids=["write", "read"]
)
def test_a_device_that_goes_on_after_the_free_is_named_when_the_pages_get_an_owner(
    bench: Bench, write: bool, text: str
) -> None:
    owner = bench.owners.own(frames(FIRST, 4), "system", "buffer 1")
    owner.buffer = "dma-buf 3"
    bench.touch(bench.camera, FIRST, 4)
    bench.owners.release(owner)
    bench.touch(bench.camera, FIRST + 1, 2, write)
    assert bench.log.entries == [], "nobody looks while bytes move"
    bench.owners.own(frames(FIRST, 4), "system", "buffer 2")
    assert bench.log.warnings == [
        f"use after free: camera {text} on 2 freed pages of dma-buf 3 of heap system, the first at 0x80001000"
    ]
    moved = (0, 8192) if write else (8192, 0)
    assert bench.owners.late == [LateAccess("camera", "dma-buf 3 of heap system", *moved, 2, FIRST + 1)]


def test_an_audit_finds_it_before_anyone_needs_the_pages_and_reports_it_once(bench: Bench) -> None:
    bench.owners.release(bench.owners.own(frames(FIRST, 4), "system", "dma-buf 3"))
    bench.touch(bench.camera, FIRST + 2)
    bench.touch(bench.camera, FIRST + 2, write=False)
    found = bench.owners.audit()
    assert [str(access) for access in found] == [
        "camera read 4096 bytes and wrote 4096 bytes "
        "on a freed page of dma-buf 3 of heap system, at 0x80002000"
    ]
    assert bench.owners.audit() == []
    bench.owners.own(frames(FIRST, 4), "system", "dma-buf 4")
    assert len(bench.log.warnings) == 1
    bench.touch(bench.camera, FIRST + 2)
    assert bench.owners.audit() == [], "the page has an owner"


def test_every_master_is_watched_the_cpu_too(bench: Bench) -> None:
    bench.owners.release(bench.owners.own(frames(FIRST, 2), "carveout", "dma-buf 1"))
    bench.touch(bench.cpu, FIRST)
    panel = bench.bus.master("panel")
    bench.touch(panel, FIRST + 1, write=False)
    bench.owners.audit()
    assert bench.log.warnings == [
        "use after free: cpu wrote 4096 bytes on a freed page of dma-buf 1 of heap carveout, at 0x80000000",
        "use after free: panel read 4096 bytes on a freed page of dma-buf 1 of heap carveout, at 0x80001000",
    ]


def test_two_buffers_that_lay_side_by_side_are_told_apart(bench: Bench) -> None:
    for number, first in ((1, FIRST), (2, FIRST + 2)):
        bench.owners.release(bench.owners.own(frames(first, 2), "system", f"dma-buf {number}"))
    bench.touch(bench.camera, FIRST + 1, 2)
    bench.owners.own(frames(FIRST, 4), "system", "dma-buf 3")
    assert [(access.owner, access.pages) for access in bench.owners.late] == [
        ("dma-buf 1 of heap system", 1),
        ("dma-buf 2 of heap system", 1),
    ]


def test_scattered_pages_of_two_banks(bench: Bench) -> None:
    mine = np.array([FIRST + 130, FIRST + 3, FIRST + 9, FIRST + 131])
    bench.owners.release(bench.owners.own(mine, "system", "dma-buf 1"))
    bench.touch(bench.camera, FIRST + 128, 8)
    bench.owners.own(frames(FIRST + 128, 8), "system", "dma-buf 2")
    assert [(access.pages, access.first) for access in bench.owners.late] == [(2, FIRST + 130)]


@pytest.mark.parametrize("take", ["alloc", "alloc_pages", "movable", "range", "keep"])
def test_pages_that_somebody_else_got_are_his(bench: Bench, take: str) -> None:
    """Whatever way they leave the page allocator: what happens then is no use after free, before it is."""
    pages, owners = bench.pages, bench.owners
    first = pages.alloc(4)
    assert first is not None
    owner = owners.own(frames(first, 16), "system", "dma-buf 1")
    owners.release(owner)
    pages.free(first, 4)
    bench.touch(bench.camera, first)
    takers = {
        "alloc": lambda: pages.alloc(6),
        "alloc_pages": lambda: pages.alloc_pages(64),
        "movable": lambda: pages.alloc_movable(64, "app"),
        "range": lambda: pages.take_range(first, 16),
        "keep": lambda: [pages.keep(frame) for frame in range(first, first + 16)],
    }
    assert takers[take]() is not None
    assert [access.written for access in owners.late] == [PAGE]
    bench.touch(bench.camera, first, 16)
    assert owners.audit() == []
    owners.own(frames(first, 16), "system", "dma-buf 2")
    assert len(owners.late) == 1


def test_an_allocation_that_failed_took_nothing(bench: Bench) -> None:
    first = bench.pages.alloc(4)
    assert first is not None
    bench.owners.release(bench.owners.own(frames(first, 16), "system", "dma-buf 1"))
    bench.pages.free(first, 4)
    assert bench.pages.alloc_pages(65) is None
    bench.touch(bench.camera, first)
    assert len(bench.owners.audit()) == 1


def test_pages_with_two_owners_are_a_warning(bench: Bench) -> None:
    bench.owners.own(frames(FIRST, 4), "system", "dma-buf 1")
    bench.owners.own(frames(FIRST + 3, 4), "carveout", "dma-buf 2")
    assert bench.log.warnings == [
        "carveout: dma-buf 2 was given frame 0x80003, which belongs to dma-buf 1 of heap system"
    ]


def test_the_last_owner_of_a_page_is_known_until_there_is_a_new_one(bench: Bench) -> None:
    assert bench.owners.last_owner(FIRST) is None
    first = bench.owners.own(frames(FIRST, 4), "system", "dma-buf 1")
    assert bench.owners.live == [first]
    bench.owners.release(first)
    assert bench.owners.live == []
    assert bench.owners.last_owner(FIRST) is first
    second = bench.owners.own(frames(FIRST, 3), "system", "dma-buf 2")
    assert bench.owners.last_owner(FIRST) is second
    assert bench.owners.last_owner(FIRST + 3) is first
    assert first.pages == 1


def test_the_kernels_memory_tells_it_of_every_page_that_is_taken(tmp_path: Path) -> None:
    small = SmallMemory(tmp_path)
    address = small.memory.alloc_pages(1)
    small.memory.owners.release(small.memory.owners.own(frames(address >> 12, 1), "system", "dma-buf 1"))
    small.memory.free_pages(address, 1)
    assert small.memory.alloc_pages(1) == address, "cleared by the CPU, who has it now"
    assert small.memory.owners.audit() == []
    small.close()


class OwnersMachine(RuleBasedStateMachine):
    """Against one dictionary per page: state, last owner and bytes moved since the free."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.state: dict[int, tuple[str, str]] = {}
        self.moved: dict[int, int] = {}
        self.held: list[tuple[object, list[int]]] = []
        self.expected: list[tuple[str, int]] = []
        self.count = 0

    def expect(self, pages: list[int]) -> None:
        for owner in sorted({self.state[page][1] for page in pages if self.moved.get(page)}, key=len):
            mine = [page for page in pages if self.state[page][1] == owner]
            self.expected.append((owner, sum(self.moved.get(page, 0) for page in mine)))
        for page in pages:
            self.moved.pop(page, None)

    @rule(pages=st.lists(st.integers(0, 15), min_size=1, max_size=6, unique=True))
    def own(self, pages: list[int]) -> None:
        pages = [page for page in pages if self.state.get(page, ("",))[0] != "owned"]
        if not pages:
            return
        self.expect([page for page in pages if self.state.get(page, ("",))[0] == "freed"])
        self.count += 1
        name = "b" * self.count
        owner = self.bench.owners.own(np.array(pages) + FIRST, "heap", name)
        self.held.append((owner, pages))
        self.state.update(dict.fromkeys(pages, ("owned", f"{name} of heap heap")))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        owner, pages = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.bench.owners.release(owner)
        self.state.update({page: ("freed", self.state[page][1]) for page in pages})

    @rule(first=st.integers(0, 15), count=st.integers(1, 4), write=st.booleans())
    def touch(self, first: int, count: int, write: bool) -> None:
        self.bench.touch(self.bench.camera, FIRST + first, count, write)
        for page in range(first, first + count):
            if self.state.get(page, ("",))[0] == "freed":
                self.moved[page] = self.moved.get(page, 0) + PAGE

    @rule(first=st.integers(0, 15), count=st.integers(1, 4))
    def taken(self, first: int, count: int) -> None:
        pages = [page for page in range(first, first + count) if self.state.get(page, ("",))[0] == "freed"]
        self.expect(pages)
        self.bench.owners.taken(FIRST + first, count)
        self.state.update({page: ("free", self.state[page][1]) for page in pages})

    @rule()
    def audit(self) -> None:
        self.expect([page for page, (state, _) in self.state.items() if state == "freed"])
        self.bench.owners.audit()

    @invariant()
    def late_is_as_expected(self) -> None:
        late = [(access.owner, access.read + access.written) for access in self.bench.owners.late]
        assert sorted(late) == sorted(self.expected)
        for page, (_, owner) in self.state.items():
            assert str(self.bench.owners.last_owner(FIRST + page)) == owner

    def teardown(self) -> None:
        self.bench.close()


TestOwners = OwnersMachine.TestCase
