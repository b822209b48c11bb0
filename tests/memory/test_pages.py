"""The buddy allocator: set up around reserved memory, split, merge, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from soc.memory.migratetype import MigrateType
from soc.memory.movable import BadPin
from soc.memory.pages import MAX_ORDER, BadFree, PageAllocator, aligned_blocks, free_runs, zone_spans

PAGE = 4096
MIB = 1 << 20


def test_one_gib_is_256_blocks_of_order_10() -> None:
    pages = PageAllocator([(0x8000_0000, 1024 * MIB)])
    assert pages.free_frames == 262144
    assert pages.free_blocks() == [0] * 10 + [256]


def test_low_memory_goes_first() -> None:
    pages = PageAllocator([(0x8000_0000, 64 * MIB)])
    assert [pages.alloc(0), pages.alloc(0), pages.alloc(10)] == [0x80000, 0x80001, 0x80400]


def test_a_split_leaves_one_block_of_every_order_below() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    frame = pages.alloc(0)
    assert pages.free_blocks() == [1] * 10 + [0]
    assert frame is not None
    pages.free(frame)
    assert pages.free_blocks() == [0] * 10 + [1]


@pytest.mark.parametrize(
    ("reserved", "runs"),
    [
        ([], [(16, 32)]),
        ([(16 * PAGE, PAGE)], [(17, 32)]),
        ([(31 * PAGE, PAGE)], [(16, 31)]),
        ([(20 * PAGE + 1, 1)], [(16, 20), (21, 32)]),
        ([(20 * PAGE + 1, PAGE)], [(16, 20), (22, 32)]),
        ([(22 * PAGE, 4 * PAGE), (20 * PAGE, 4 * PAGE)], [(16, 20), (26, 32)]),
        ([(0, 64 * PAGE)], []),
        ([(0, 4 * PAGE), (40 * PAGE, PAGE)], [(16, 32)]),
        ([(20 * PAGE, 0)], [(16, 32)]),
    ],
)
def test_reserved_ranges_take_every_page_they_touch(
    reserved: list[tuple[int, int]], runs: list[tuple[int, int]]
) -> None:
    assert list(free_runs((16 * PAGE, 16 * PAGE), reserved)) == runs


def test_a_bank_gives_whole_pages_only() -> None:
    assert list(free_runs((100, 3 * PAGE), [])) == [(1, 3)]


def test_blocks_are_aligned_to_their_size() -> None:
    assert list(aligned_blocks(3, 13)) == [(3, 0), (4, 2), (8, 2), (12, 0)]


def test_blocks_of_two_banks_do_not_merge() -> None:
    pages = PageAllocator([(4 * MIB // 2, 2 * MIB), (0, 2 * MIB)])
    assert pages.free_blocks() == [0] * 9 + [2, 0]
    frames = pages.alloc_pages(1024)
    assert frames is not None
    pages.free_pages(frames)
    assert pages.free_blocks() == [0] * 9 + [2, 0]


def test_exhausted_and_impossible_orders_give_none() -> None:
    pages = PageAllocator([(0, 2 * PAGE)])
    assert pages.alloc(2) is None
    assert pages.alloc(MAX_ORDER + 1) is None
    with pytest.raises(ValueError, match="order must be 0 or more, not -1"):
        pages.alloc(-1)
    assert pages.alloc_pages(3) is None
    assert pages.free_frames == 2


def test_pages_come_from_the_largest_blocks_and_from_scraps() -> None:
    pages = PageAllocator([(0, 16 * PAGE)])
    kept = pages.alloc_pages(16)
    assert kept is not None
    pages.free_pages(kept[::2])
    assert pages.free_blocks()[0] == 8
    again = pages.alloc_pages(8)
    assert again is not None
    assert sorted(again.tolist()) == list(range(0, 16, 2))
    assert pages.free_frames == 0


@pytest.mark.parametrize(("frame", "order"), [(4, 1), (5, 0), (8, 0), (99, 0), (4, -64)])
def test_a_bad_free_is_refused_and_changes_nothing(frame: int, order: int) -> None:
    pages = PageAllocator([(0, 16 * PAGE)])
    taken = [pages.alloc(2), pages.alloc(2)]
    assert taken == [0, 4]
    before = pages.free_blocks()
    message = f"free of frame {frame:#x} with order {order}: no such block is allocated"
    with pytest.raises(BadFree) as error:
        pages.free(frame, order)
    assert str(error.value) == message
    assert (error.value.frame, error.value.order) == (frame, order)
    assert pages.free_blocks() == before


@pytest.mark.parametrize("frames", [[0, 1, 1], [0, 2], [0, 16], [-1, 0]])
def test_pages_freed_twice_or_never_allocated_are_refused_as_a_whole(frames: list[int]) -> None:
    pages = PageAllocator([(0, 16 * PAGE)])
    taken = pages.alloc_pages(2)
    assert taken is not None
    assert taken.tolist() == [0, 1]
    with pytest.raises(BadFree):
        pages.free_pages(np.array(frames))
    assert pages.free_frames == 14
    pages.free_pages(taken)
    assert pages.free_frames == 16


# --- zones and limits ---------------------------------------------------------


def test_zones_end_at_4_gib_and_banks_stay_apart() -> None:
    banks = [(0xFFC0_0000, 16 * MIB), (0x8000_0000, 8 * MIB), (0x2_0000_0000, 4 * MIB)]
    assert zone_spans(banks) == [
        ("DMA", (0x80000, 0x80800)),
        ("DMA", (0xFFC00, 0x100000)),
        ("Normal", (0x100000, 0x100C00)),
        ("Normal", (0x200000, 0x200400)),
    ]


def test_memory_above_4_gib_goes_first_and_dma_memory_last() -> None:
    pages = PageAllocator([(0xFFC0_0000, 8 * MIB)])
    assert [pages.alloc(10), pages.alloc(10), pages.alloc(10)] == [0x100000, 0xFFC00, None]


def test_a_limit_keeps_a_block_below_it_to_the_last_byte() -> None:
    pages = PageAllocator([(0xFFC0_0000, 8 * MIB)])
    assert pages.alloc(3, below=1 << 32) == 0xFFC00
    assert pages.alloc(3, below=0xFFC1_8000) == 0xFFC08
    assert pages.alloc(3, below=0xFFC1_8000) == 0xFFC10
    assert pages.alloc(3, below=0xFFC1_8000) is None
    assert pages.alloc(0, below=0xFFC0_0000) is None
    frames = pages.alloc_pages(1000, below=1 << 32)
    assert frames is not None
    assert int(frames.max()) < 0x100000
    free = pages.free_frames
    assert pages.alloc_pages(1, below=1 << 32) is None
    assert pages.alloc_pages(1025) is None
    assert pages.free_frames == free == 1024


def test_a_block_over_the_limit_gives_its_low_part() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    assert pages.alloc(10, below=3 * MIB) is None
    assert pages.alloc(9, below=2 * MIB) == 0
    assert pages.alloc(9, below=3 * MIB) is None
    assert pages.alloc(8, below=3 * MIB) == 512


def test_memory_held_back_at_boot_is_not_managed() -> None:
    pages = PageAllocator([(0, 16 * MIB)])
    assert pages.hold_back(1000, 2000)
    assert pages.total_frames == pages.free_frames == 2096
    assert not pages.hold_back(2999, 2)
    assert pages.total_frames == pages.free_frames == 2096
    with pytest.raises(BadFree):
        pages.give_range(1000, 1)


# --- migrate types ------------------------------------------------------------


def types(pages: PageAllocator) -> list[str]:
    return [MigrateType(kind).label for zone in pages.zones for kind in zone.types]


def test_unmovable_pages_claim_one_pageblock_and_stay_in_it() -> None:
    pages = PageAllocator([(0, 16 * MIB)])
    assert types(pages) == ["Movable"] * 4
    assert [pages.alloc(0) for _ in range(3)] == [0, 1, 2]
    assert types(pages) == ["Unmovable", "Movable", "Movable", "Movable"]
    movable = pages.alloc_movable(3000, "app")
    assert movable is not None
    assert int(movable.frames.min()) == 1024
    assert [pages.alloc(9), pages.alloc(8)] == [512, 256]


def test_unmovable_pages_take_over_a_pageblock_only_when_it_is_mostly_free() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    movable = pages.alloc_movable(500, "app")
    assert movable is not None
    pages.alloc(0)
    assert types(pages) == ["Unmovable"]
    pages = PageAllocator([(0, 4 * MIB)])
    movable = pages.alloc_movable(600, "app")
    pages.alloc(0)
    assert types(pages) == ["Movable"]


def test_movable_pages_take_small_blocks_of_unmovable_pageblocks_and_leave_large_ones() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    assert pages.alloc_pages(1000) is not None
    movable = pages.alloc_movable(1, "app")
    assert movable is not None
    assert movable.frames.tolist() == [1000]
    assert types(pages) == ["Unmovable"]
    assert pages.free_blocks() == [1, 1, 1, 0, 1] + [0] * 6


def test_movable_pages_claim_an_unmovable_pageblock_that_is_mostly_free() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    assert pages.alloc(0) == 0
    movable = pages.alloc_movable(1, "app")
    assert movable is not None
    assert movable.frames.tolist() == [1]
    assert types(pages) == ["Movable"]


def test_movable_pages_fill_everything_even_after_claiming_a_pageblock() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    pages.alloc(5)
    movable = pages.alloc_movable(992, "app")
    assert movable is not None
    assert pages.free_frames == 0
    assert pages.alloc_movable(1, "app") is None


def test_cma_is_lent_to_movable_pages_only() -> None:
    pages = PageAllocator([(0, 8 * MIB)], [], [(4 * MIB, 4 * MIB)])
    assert types(pages) == ["Movable", "CMA"]
    assert (pages.total_frames, pages.total_cma, pages.free_cma) == (2048, 1024, 1024)
    assert [pages.alloc(10), pages.alloc(0), pages.alloc_pages(1)] == [0, None, None]
    movable = pages.alloc_movable(1024, "app")
    assert movable is not None
    assert pages.free_cma == 0
    pages.movable.free(movable)
    assert pages.free_cma == 1024


def test_a_range_is_taken_exactly_or_not_at_all() -> None:
    pages = PageAllocator([(0, 8 * MIB)], [], [(4 * MIB, 4 * MIB)])
    assert pages.take_range(1030, 100)
    assert pages.free_cma == 924
    assert not pages.take_range(1020, 11)
    assert not pages.take_range(1129, 5)
    assert pages.take_range(1024, 6)
    with pytest.raises(BadFree) as error:
        pages.give_range(1100, 31)
    assert error.value.frame == 1130
    with pytest.raises(BadFree):
        pages.free_pages(np.array([1030]))
    pages.give_range(1050, 80)
    pages.give_range(1024, 26)
    assert pages.free_blocks() == [0] * 10 + [2]
    with pytest.raises(ValueError, match="frames 0x7ff..0x800 are not of one zone"):
        pages.take_range(2047, 2)


def test_isolated_pages_are_nobodys() -> None:
    pages = PageAllocator([(0, 8 * MIB)], [], [(4 * MIB, 4 * MIB)])
    with pages.isolated(1500, 1):
        assert (pages.free_frames, pages.free_cma) == (1024, 0)
        assert pages.alloc_movable(1025, "app") is None
        assert types(pages) == ["Movable", "Isolate"]
    assert (pages.free_cma, types(pages)) == (1024, ["Movable", "CMA"])


# --- movable pages --------------------------------------------------------------


def test_movable_pages_cannot_be_freed_as_others() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    movable = pages.alloc_movable(2, "app")
    assert movable is not None
    for order in (0, 16):
        with pytest.raises(BadFree):
            pages.free(int(movable.frames[0]), order)
    with pytest.raises(BadFree):
        pages.free_pages(movable.frames)
    pages.movable.free(movable)
    with pytest.raises(ValueError, match="<2 movable pages of app> were freed before"):
        pages.movable.free(movable)
    assert pages.free_frames == 1024


def test_only_movable_memory_can_be_pinned_and_only_pins_undone() -> None:
    pages = PageAllocator([(0, 4 * MIB)])
    movable = pages.alloc_movable(2, "app")
    kernel = pages.alloc(0)
    assert movable is not None
    first = int(movable.frames[0])
    with pytest.raises(BadPin, match=f"^frame {kernel:#x} cannot be pinned: it is not movable memory$"):
        pages.movable.pin(np.array([first, kernel]))
    with pytest.raises(BadPin, match="^frame 0x9999 cannot be pinned: it is not movable memory$"):
        pages.movable.pin(np.array([0x9999]))
    pages.movable.pin(np.array([first, first]))
    assert pages.movable.pins(movable.frames).tolist() == [2, 0]
    with pytest.raises(BadPin, match=f"^frame {first:#x} cannot be unpinned: it has no such pin$"):
        pages.movable.unpin(np.array([first, first, first]))
    pages.movable.unpin(np.array([first, first]))
    assert pages.movable.pins(movable.frames).tolist() == [0, 0]


def test_frames_of_a_handle_cannot_be_written() -> None:
    movable = PageAllocator([(0, 4 * MIB)]).alloc_movable(2, "app")
    assert movable is not None
    with pytest.raises(ValueError, match="read-only"):
        movable.frames[0] = 7


BANKS = [(0x1000_0000, 5 * MIB), (0x4000_3000, 3 * MIB)]
RESERVED = [(0x1010_0800, 0x1000), (0x4000_0000, 0x10_0000)]


class BuddyMachine(RuleBasedStateMachine):
    """The model is a set of allocated frames; the allocator must agree on every question."""

    blocks = Bundle("blocks")
    pages = Bundle("pages")

    def __init__(self) -> None:
        super().__init__()
        self.allocator = PageAllocator(BANKS, RESERVED)
        self.start = self.allocator.free_blocks()
        self.usable = {frame for bank in BANKS for run in free_runs(bank, RESERVED) for frame in range(*run)}
        self.taken: set[int] = set()
        self.live: dict[object, list[int]] = {}

    @rule(target=blocks, order=st.integers(0, MAX_ORDER))
    def alloc(self, order: int) -> object:
        frame = self.allocator.alloc(order)
        if frame is None:
            assert not self._room(order)
            return multiple()
        assert frame % (1 << order) == 0
        self._take(list(range(frame, frame + (1 << order))))
        return (frame, order)

    @rule(target=pages, count=st.integers(0, 700))
    def alloc_pages(self, count: int) -> object:
        frames = self.allocator.alloc_pages(count)
        if frames is None:
            assert count > len(self.usable - self.taken)
            return multiple()
        assert len(frames) == count
        self._take(frames.tolist())
        return tuple(frames.tolist())

    @rule(block=consumes(blocks))
    def free(self, block: tuple[int, int]) -> None:
        frame, order = block
        self.allocator.free(frame, order)
        self.taken -= set(range(frame, frame + (1 << order)))
        with pytest.raises(BadFree):
            self.allocator.free(frame, order)

    @rule(frames=consumes(pages), backwards=st.booleans())
    def free_pages(self, frames: tuple[int, ...], backwards: bool) -> None:
        self.allocator.free_pages(np.array(frames[::-1] if backwards else frames, dtype=np.int64))
        self.taken -= set(frames)

    @invariant()
    def every_frame_is_free_or_taken(self) -> None:
        assert self.allocator.free_frames == len(self.usable) - len(self.taken)

    @invariant()
    def nothing_stays_split(self) -> None:
        if not self.taken:
            assert self.allocator.free_blocks() == self.start

    def _take(self, frames: list[int]) -> None:
        assert len(set(frames)) == len(frames)
        assert self.usable.issuperset(frames)
        assert self.taken.isdisjoint(frames)
        self.taken.update(frames)

    def _room(self, order: int) -> bool:
        """Whether an aligned block of the order is free, found the slow way."""
        free = self.usable - self.taken
        size = 1 << order
        return any(
            frame % size == 0 and all(other in free for other in range(frame, frame + size)) for frame in free
        )


TestBuddy = BuddyMachine.TestCase
