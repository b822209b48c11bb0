"""Everything that takes memory, in any order, against a plain model of who has which page."""

from __future__ import annotations

from errno import EBUSY, ENOMEM
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from soc.kernel.errors import KernelError
from soc.kernel.mm.cma import BadRelease
from soc.memory.movable import MovablePages
from soc.memory.pages import BadFree
from tests.kernel.small_memory import SmallMemory

BOARD = """\
'#address-cells': 2
'#size-cells': 2
memory@80000000: {{device_type: memory, reg: [[0x80000000, 16M]]}}
reserved-memory:
  ranges: true
  pool@80800000: {{compatible: shared-dma-pool, reg: [[0x80800000, 8M]], reusable: true}}
"""
"""As much CMA as other memory: the first unmovable page makes it the one that movable pages take."""

CMA = range(0x80800, 0x81000)
END = 0x81000
USABLE = set(range(0x80000, END))
BELOW = 0x80500
SIZES = st.one_of(st.integers(1, 40), st.integers(200, 1500))


class MemoryMachine(RuleBasedStateMachine):
    """`owner` says who has a page: nobody is missing from it, and nothing is in it twice."""

    blocks = Bundle("blocks")
    pages = Bundle("pages")
    handles = Bundle("handles")
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        with TemporaryDirectory() as folder:
            self.small = SmallMemory(Path(folder), board=BOARD)
        self.memory = self.small.memory
        (self.area,) = self.memory.cma.areas
        self.owner: dict[int, object] = {}
        self.live: dict[int, tuple[MovablePages, int]] = {}
        self.pins: dict[int, int] = {}
        self.orphans: set[int] = set()
        self.stamp = 0

    def teardown(self) -> None:
        self.small.close()

    # --- unmovable ---

    @rule(target=blocks, order=st.integers(0, 10), low=st.booleans())
    def alloc(self, order: int, low: bool) -> object:
        below = BELOW << 12 if low else None
        frame = self.memory.pages.alloc(order, below)
        if frame is None:
            assert not self._room(order, BELOW if low else END)
            return multiple()
        assert frame % (1 << order) == 0
        assert not low or frame + (1 << order) <= BELOW
        self._take(range(frame, frame + (1 << order)), "kernel", cma=False)
        return frame, order

    @rule(block=consumes(blocks))
    def free(self, block: tuple[int, int]) -> None:
        frame, order = block
        self.memory.pages.free(frame, order)
        self._drop(range(frame, frame + (1 << order)))
        with pytest.raises(BadFree):
            self.memory.pages.free(frame, order)

    @rule(target=pages, count=SIZES)
    def alloc_pages(self, count: int) -> object:
        taken = self.memory.pages.alloc_pages(count)
        if taken is None:
            assert count > len(self._free(cma=False))
            return multiple()
        assert len(taken) == count
        self._take(taken.tolist(), "kernel", cma=False)
        return taken

    @rule(taken=consumes(pages))
    def free_pages(self, taken: np.ndarray) -> None:
        self.memory.pages.free_pages(taken[::-1])
        self._drop(taken.tolist())

    # --- movable ---

    @rule(target=handles, count=SIZES)
    def alloc_movable(self, count: int) -> object:
        handle = self.memory.pages.alloc_movable(count, "app")
        if handle is None:
            assert count > len(self._free(cma=True))
            return multiple()
        self.stamp += 10_000
        for number, frame in enumerate(handle.frames.tolist()):
            self.small.dram.words(frame << 12, 1)[0] = self.stamp + number
        self._take(handle.frames.tolist(), handle.number, cma=True)
        self.live[handle.number] = handle, self.stamp
        handle.moved = self._moved
        return handle

    @rule(handle=consumes(handles))
    def free_movable(self, handle: MovablePages) -> None:
        self.memory.pages.movable.free(handle)
        del self.live[handle.number]
        for frame in handle.frames.tolist():
            if self.pins.get(frame):
                self.owner[frame] = "pin"
                self.orphans.add(frame)
            else:
                del self.owner[frame]

    @rule(picks=st.lists(st.integers(0, 2047), min_size=1, max_size=6))
    def pin(self, picks: list[int]) -> None:
        """Pin pages of programs, those in CMA if there are any."""
        movable = sorted(frame for frame, who in self.owner.items() if who in self.live)
        inside = [frame for frame in movable if frame in CMA] or movable
        if not inside:
            return
        chosen = np.unique(np.array(inside)[np.array(picks) % len(inside)])
        self.memory.pages.movable.pin(chosen)
        for frame in chosen.tolist():
            self.pins[frame] = self.pins.get(frame, 0) + 1

    @rule(pick=st.integers(0, 99))
    def unpin(self, pick: int) -> None:
        if not self.pins:
            return
        frame = sorted(self.pins)[pick % len(self.pins)]
        self.memory.pages.movable.unpin(np.array([frame]))
        self.pins[frame] -= 1
        if not self.pins[frame]:
            del self.pins[frame]
            if frame in self.orphans:
                self.orphans.discard(frame)
                del self.owner[frame]

    # --- contiguous ---

    @rule(target=runs, count=st.one_of(st.integers(1, 40), st.integers(500, 2048)), align=st.integers(0, 4))
    def cma_alloc(self, count: int, align: int) -> object:
        expected = self._first_run(count, align)
        try:
            frame = self.area.alloc(count, align)
        except KernelError as error:
            if not self._candidates(count, align):
                assert (error.errno, "no free run" in error.why) == (ENOMEM, True)
            elif expected is not None or error.errno == ENOMEM:
                assert (error.errno, "no room to move" in error.why) == (ENOMEM, True)
            else:
                assert error.errno == EBUSY
            return multiple()
        assert frame == expected
        self._take(range(frame, frame + count), "cma", cma=True)
        return frame, count

    @rule(run=consumes(runs), split=st.integers(0, 2048))
    def cma_release(self, run: tuple[int, int], split: int) -> None:
        frame, count = run
        middle = frame + min(split, count)
        for first, end in ((middle, frame + count), (frame, middle)):
            if first < end:
                self.area.release(first, end - first)
        self._drop(range(frame, frame + count))
        with pytest.raises(BadRelease):
            self.area.release(frame, count)

    # --- what must hold ---

    @invariant()
    def counts_add_up(self) -> None:
        pages = self.memory.pages
        assert pages.free_frames == len(USABLE) - len(self.owner)
        assert pages.free_cma == len(self._free(cma=True)) - len(self._free(cma=False))
        assert self.area.used == sum(who == "cma" for who in self.owner.values())
        assert sum(count << order for order, count in enumerate(pages.free_blocks())) == pages.free_frames

    @invariant()
    def movable_pages_keep_their_bytes(self) -> None:
        for handle, stamp in self.live.values():
            assert all(self.owner[frame] == handle.number for frame in handle.frames.tolist())
            pages = self.small.dram.pages_of(handle.frames)
            numbers = pages[:, :8].copy().view("<u8").ravel()
            assert (numbers == stamp + np.arange(len(numbers))).all()

    @invariant()
    def nothing_stays_split(self) -> None:
        if not self.owner:
            assert self.memory.pages.free_blocks() == [0] * 10 + [4]

    def _moved(self, old: np.ndarray, new: np.ndarray) -> None:
        assert not set(old.tolist()) & set(self.pins)
        who = [self.owner.pop(frame) for frame in old.tolist()]
        for frame, number in zip(new.tolist(), who, strict=True):
            assert frame in USABLE
            assert frame not in self.owner
            self.owner[frame] = number

    def _take(self, taken: range | list[int], who: object, cma: bool) -> None:
        assert len(set(taken)) == len(taken)
        assert USABLE.issuperset(taken)
        assert cma or not set(taken) & set(CMA)
        assert not set(taken) & set(self.owner)
        self.owner.update(dict.fromkeys(taken, who))

    def _drop(self, given: range | list[int]) -> None:
        for frame in given:
            del self.owner[frame]

    def _free(self, cma: bool) -> set[int]:
        return USABLE - set(self.owner) - (set() if cma else set(CMA))

    def _room(self, order: int, end: int) -> bool:
        """Whether an aligned block outside CMA is free below frame `end`, found the slow way."""
        free, size = self._free(cma=False), 1 << order
        return any(
            free.issuperset(range(frame, frame + size)) for frame in range(0x80000, end - size + 1, size)
        )

    def _candidates(self, count: int, align: int) -> list[int]:
        step = 1 << align
        taken = np.array([self.owner.get(frame) == "cma" for frame in CMA])
        before = np.concatenate(([0], np.cumsum(taken)))
        firsts = range(-(-CMA.start // step) * step, CMA.stop - count + 1, step)
        return [first for first in firsts if before[first - CMA.start + count] == before[first - CMA.start]]

    def _first_run(self, count: int, align: int) -> int | None:
        """The lowest run without a page that is allocated or pinned, whoever borrows the rest."""
        pinned = sorted(frame for frame in self.pins if frame in CMA)
        return next(
            (
                first
                for first in self._candidates(count, align)
                if not any(first <= frame < first + count for frame in pinned)
            ),
            None,
        )


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
