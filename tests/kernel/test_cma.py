"""CMA areas: runs found, borrowers moved out, exact messages, counters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EBUSY, EFAULT, ENOMEM
from pathlib import Path

import numpy as np
import pytest

from soc.clock import SECOND
from soc.kernel.errors import KernelError
from soc.kernel.mm.cma import BadRelease, CmaArea
from tests.kernel.rehearsal import Rehearsal
from tests.kernel.small_memory import BASE, BOARD, MIB, SmallMemory, frames

FIRST = 0x81000
"""The area's first frame; it has 2048."""

Make = Callable[..., SmallMemory]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[SmallMemory] = []

    def build(**options: str) -> SmallMemory:
        made.append(SmallMemory(tmp_path, **options))
        return made[-1]

    yield build
    for small in made:
        small.close()


@pytest.fixture
def small(make: Make) -> SmallMemory:
    small = make()
    small.kernel_log.entries.clear()
    return small


@pytest.fixture
def area(small: SmallMemory) -> CmaArea:
    assert small.memory.cma.default is not None
    return small.memory.cma.default


def fails(area: CmaArea, count: int, align: int = 0, no_warn: bool = False) -> KernelError:
    with pytest.raises(KernelError) as caught:
        area.alloc(count, align, no_warn)
    return caught.value


# --- areas ------------------------------------------------------------------


def test_areas_come_from_the_reusable_pools_and_are_announced(make: Make) -> None:
    more = "  video@80c00000: {compatible: shared-dma-pool, reg: [[0x80c00000, 4M]], reusable: true}"
    small = make(more=more)
    cma = small.memory.cma
    assert [(area.name, area.base_frame, area.count) for area in cma.areas] == [
        ("video@80c00000", 0x80C00, 1024),
        ("linux,cma@81000000", 0x81000, 2048),
    ]
    video, firmware = small.tree.reserved[0], small.tree.reserved[2]
    assert (cma.of(video), cma.of(firmware), cma.default) == (cma.areas[0], None, cma.areas[1])
    assert small.log() == [
        ("info", "Reserved memory: created CMA memory pool at 0x0000000080c00000, size 4 MiB"),
        ("info", "Reserved memory: created CMA memory pool at 0x0000000081000000, size 8 MiB"),
    ]


def test_without_the_flag_there_is_no_default_area(make: Make) -> None:
    small = make(board=BOARD.replace("    linux,cma-default: true\n", ""))
    assert (len(small.memory.cma.areas), small.memory.cma.default) == (1, None)


def test_an_area_over_two_banks_is_not_activated_and_becomes_ordinary_memory(make: Make) -> None:
    board = """\
'#address-cells': 2
'#size-cells': 2
memory@0:
  device_type: memory
  reg: [[0x0, 8M], [0x800000, 8M]]
reserved-memory:
  ranges: true
  pool@400000: {{compatible: shared-dma-pool, reg: [[0x400000, 8M]], reusable: true}}
"""
    small = make(board=board)
    assert small.log() == [("error", "cma: CMA area pool@400000 could not be activated")]
    assert (small.memory.cma.areas, small.pages.total_cma, small.pages.total_frames) == ([], 0, 4096)
    assert len(small.memory.words(0x40_0000, 1)) == 1


def test_the_twenty_first_area_has_no_slot(make: Make) -> None:
    pools = "\n".join(
        f"  pool@{base:x}: {{{{compatible: shared-dma-pool, reg: [[{base:#x}, 4M]], reusable: true}}}}"
        for base in range(0x80_0000, 0x80_0000 + 21 * 0x40_0000, 0x40_0000)
    )
    board = (
        "'#address-cells': 2\n'#size-cells': 2\nmemory@0: {{device_type: memory, reg: [[0, 128M]]}}\n"
        "reserved-memory:\n  ranges: true\n" + pools
    )
    small = make(board=board)
    assert small.log()[-1] == ("error", "cma: Not enough slots for CMA reserved regions!")
    assert (len(small.memory.cma.areas), small.pages.total_cma) == (20, 20 * 1024)


# --- runs ---------------------------------------------------------------------


def test_runs_go_lowest_first_and_come_back(small: SmallMemory, area: CmaArea) -> None:
    assert [area.alloc(10), area.alloc(1), area.alloc(2000)] == [FIRST, FIRST + 10, FIRST + 11]
    assert (area.used, small.pages.free_cma) == (2011, 37)
    area.release(FIRST, 10)
    assert area.alloc(11) == FIRST + 2011
    assert area.alloc(4) == FIRST
    area.release(FIRST + 11, 2000)
    area.release(FIRST + 2011, 11)
    area.release(FIRST + 10, 1)
    area.release(FIRST, 4)
    assert (area.used, small.pages.free_cma) == (0, 2048)
    assert small.pages.free_blocks()[10] == 7
    assert (area.alloc_success, area.release_success, area.alloc_fail) == (2026, 2026, 0)
    assert small.log() == []


def test_alignment_is_of_the_physical_address(area: CmaArea) -> None:
    assert [area.alloc(1), area.alloc(3, 2), area.alloc(8, 3), area.alloc(1)] == [
        FIRST,
        FIRST + 4,
        FIRST + 8,
        FIRST + 1,
    ]
    assert area.alloc(1, 10) == FIRST + 1024


def test_an_alignment_above_the_base_of_the_area_finds_nothing(area: CmaArea, small: SmallMemory) -> None:
    assert fails(area, 1, 15).errno == ENOMEM
    assert area.alloc(1, 12) == FIRST


def test_a_part_of_a_run_may_be_released(area: CmaArea) -> None:
    area.alloc(100)
    area.release(FIRST + 40, 20)
    assert area.used == 80
    assert area.alloc(20) == FIRST + 40


@pytest.mark.parametrize(
    ("frame", "count", "bad"),
    [
        (FIRST + 10, 1, FIRST + 10),
        (FIRST + 8, 4, FIRST + 10),
        (FIRST - 1, 2, FIRST - 1),
        (FIRST + 2047, 2, FIRST + 2048),
        (FIRST, 0, FIRST),
        (0x80000, 1, 0x80000),
    ],
)
def test_a_bad_release_is_refused_as_a_whole(area: CmaArea, frame: int, count: int, bad: int) -> None:
    area.alloc(10)
    with pytest.raises(BadRelease) as caught:
        area.release(frame, count)
    assert str(caught.value) == (
        f"release of {count} pages at frame {frame:#x}: frame {bad:#x} is not allocated "
        "from CMA area linux,cma@81000000"
    )
    assert (caught.value.frame, caught.value.area, area.used) == (bad, "linux,cma@81000000", 10)
    area.release(FIRST, 10)


# --- failures -------------------------------------------------------------------


def test_a_full_area_is_enomem_with_the_exact_lines(small: SmallMemory, area: CmaArea) -> None:
    area.alloc(2000)
    area.release(FIRST + 100, 50)
    error = fails(area, 51)
    assert str(error) == "-ENOMEM: CMA area linux,cma@81000000 has no free run of 51 pages"
    assert small.log() == [
        ("error", "cma: cma_alloc: linux,cma@81000000: alloc failed, req-size: 51 pages, ret: -12"),
        ("info", "cma: number of available pages: 50@100+48@2000=> 98 free of 2048 total pages"),
    ]
    assert (area.alloc_fail, area.failures) == (51, 1)
    assert fails(area, 51, no_warn=True).errno == ENOMEM
    assert (small.log(), area.alloc_fail) == ([], 102)


def test_more_than_the_area_has_fails_without_a_line(small: SmallMemory, area: CmaArea) -> None:
    assert str(fails(area, 2049)) == "-ENOMEM: CMA area linux,cma@81000000 has 2048 pages, not 2049 to give"
    assert fails(area, 0).errno == ENOMEM
    assert (small.log(), area.alloc_fail) == ([], 2049)


def test_messages_are_rate_limited(small: SmallMemory, area: CmaArea) -> None:
    area.alloc(2048)
    for _ in range(13):
        fails(area, 1)
    assert len([text for level, text in small.log() if level == "error"]) == 10
    small.clock.advance(small.clock.now + 6 * SECOND)
    fails(area, 1)
    assert small.log()[0] == ("info", "cma_alloc: 3 callbacks suppressed")


# --- borrowers ----------------------------------------------------------------


def test_movable_pages_borrow_cma_and_unmovable_ones_never(small: SmallMemory) -> None:
    pages = small.pages
    small.fill()
    assert (pages.free_frames, pages.alloc(), pages.alloc_pages(1)) == (2048, None, None)
    handle = pages.alloc_movable(2048, "app")
    assert handle is not None
    assert sorted(handle.frames.tolist()) == list(range(FIRST, FIRST + 2048))
    assert pages.free_cma == 0
    pages.movable.free(handle)
    assert pages.free_cma == 2048


def test_movable_pages_leave_cma_alone_until_it_is_most_of_what_is_free(small: SmallMemory) -> None:
    # 5120 pages are free outside, 2048 in CMA: 3073 of them make CMA more than half of the rest.
    small.movable(3000)
    assert small.pages.free_cma == 2048
    rest = small.pages.alloc_pages(73)
    assert rest is not None
    assert small.movable(1).frames[0] >= FIRST
    assert small.pages.free_cma == 2047


def test_borrowers_are_moved_out_with_their_bytes_and_told(small: SmallMemory, area: CmaArea) -> None:
    hog = small.fill()
    handle = small.movable(700)
    before = handle.frames
    told: list[tuple[list[int], list[int]]] = []
    handle.moved = lambda old, new: told.append((old.tolist(), new.tolist()))
    small.pages.free_pages(hog[:2000])
    read, written = small.cpu.traffic.total()
    frame = area.alloc(2048)
    assert frame == FIRST
    assert small.numbers(handle) == list(range(700))
    assert not np.isin(handle.frames, frames(FIRST, 2048)).any()
    assert told == [(before.tolist(), handle.frames.tolist())]
    assert before.tolist() != handle.frames.tolist()
    assert small.memory.migration.migrated == 700
    moved = 700 * 4096
    assert small.cpu.traffic.total() == (read + moved, written + moved)
    assert small.log() == []
    area.release(frame, 2048)
    small.pages.movable.free(handle)
    assert small.pages.free_frames == 2000 + 2048


def test_only_the_borrowers_in_the_run_move(small: SmallMemory, area: CmaArea) -> None:
    hog = small.fill()
    low, high = small.movable(1024, "low"), small.movable(1024, "high")
    small.pages.free_pages(hog[:50])
    where = sorted([low, high], key=lambda handle: int(handle.frames.min()))
    before = where[1].frames
    assert area.alloc(30) == FIRST
    assert where[1].frames is before
    assert small.numbers(low) == small.numbers(high) == list(range(1024))


def test_no_room_for_the_borrowers_is_enomem_and_moves_nobody(small: SmallMemory, area: CmaArea) -> None:
    hog = small.fill()
    handle = small.movable(2048)
    before = handle.frames
    small.pages.free_pages(hog[:9])
    assert str(fails(area, 10)) == "-ENOMEM: no room to move 10 pages to"
    assert small.log()[0][1].endswith("req-size: 10 pages, ret: -12")
    assert handle.frames is before
    assert (area.used, small.pages.free_frames) == (0, 9)
    assert area.alloc(9) == FIRST


# --- pins ---------------------------------------------------------------------


def test_a_pinned_page_makes_the_search_go_on_behind_it(small: SmallMemory, area: CmaArea) -> None:
    hog = small.fill()
    handle = small.movable(2048)
    small.pages.free_pages(hog)
    small.pages.movable.pin(frames(FIRST + 5, 1))
    assert area.alloc(8) == FIRST + 6
    assert (area.retries, small.memory.migration.failed) == (1, 1)
    assert area.alloc(5) == FIRST
    assert small.numbers(handle) == list(range(2048))
    assert small.log() == []


def test_pins_everywhere_are_ebusy_with_the_page_that_was_in_the_way(
    small: SmallMemory, area: CmaArea
) -> None:
    hog = small.fill()
    handle = small.movable(2048, "camera-app")
    small.pages.free_pages(hog)
    pinned = frames(FIRST + 1023, 1)
    small.pages.movable.pin(pinned)
    small.pages.movable.pin(pinned)
    assert str(fails(area, 1025)) == "-EBUSY: migration failure at frame 0x813ff of camera-app"
    assert small.log() == [
        ("info", "page: refcount:2049 mapcount:1 pfn:0x813ff owner:camera-app"),
        ("info", "page dumped because: migration failure"),
        ("error", "cma: cma_alloc: linux,cma@81000000: alloc failed, req-size: 1025 pages, ret: -16"),
        ("info", "cma: number of available pages: 2048@0=> 2048 free of 2048 total pages"),
    ]
    assert area.used == 0
    # What could move has moved; what is pinned has not.
    assert small.numbers(handle) == list(range(2048))
    assert FIRST + 1023 in handle.frames
    small.pages.movable.unpin(pinned)
    assert fails(area, 1025, no_warn=True).errno == EBUSY
    assert small.log() == []
    small.pages.movable.unpin(pinned)
    assert area.alloc(1025) == FIRST


def test_a_pinned_page_outlives_its_owner(small: SmallMemory, area: CmaArea) -> None:
    hog = small.fill()
    handle = small.movable(2048)
    small.pages.movable.pin(frames(FIRST, 1))
    small.pages.movable.free(handle)
    small.pages.free_pages(hog)
    assert small.pages.free_cma == 2047
    assert (
        str(fails(area, 2048)) == "-EBUSY: migration failure at frame 0x81000 of nobody, freed while pinned"
    )
    small.pages.movable.unpin(frames(FIRST, 1))
    assert small.pages.free_cma == 2048
    assert area.alloc(2048) == FIRST


def test_a_long_term_pin_takes_the_pages_out_of_cma_first(small: SmallMemory, area: CmaArea) -> None:
    hog = small.fill()
    handle = small.movable(100)
    small.pages.free_pages(hog[:100])
    kept = small.memory.migration.pin_long_term(handle)
    assert kept is handle.frames
    assert not np.isin(kept, frames(FIRST, 2048)).any()
    assert small.numbers(handle) == list(range(100))
    assert small.pages.movable.pins(kept).tolist() == [1] * 100
    assert area.alloc(2048) == FIRST


def test_a_long_term_pin_without_room_outside_is_enomem(small: SmallMemory) -> None:
    small.fill()
    handle = small.movable(100)
    with pytest.raises(KernelError, match="^-ENOMEM: no room to move 100 pages to$"):
        small.memory.migration.pin_long_term(handle)
    small.pages.movable.pin(handle.frames[:1])
    with pytest.raises(KernelError, match="^-ENOMEM: a page of app is pinned in a CMA region$"):
        small.memory.migration.pin_long_term(handle)
    assert small.pages.movable.pins(handle.frames).sum() == 1


# --- what the kernel may touch ------------------------------------------------


def test_words_of_an_area_are_the_kernels_while_it_holds_them(small: SmallMemory, area: CmaArea) -> None:
    address = BASE + 16 * MIB
    with pytest.raises(
        KernelError, match="is not the kernel's: /reserved-memory/linux,cma@81000000"
    ) as error:
        small.memory.words(address, 1)
    assert error.value.errno == EFAULT
    assert area.alloc(2) == address >> 12
    assert len(small.memory.words(address, 1024)) == 1024
    with pytest.raises(KernelError, match="is not the kernel's"):
        small.memory.words(address, 1025)
    with pytest.raises(KernelError, match="is not the kernel's: /reserved-memory/firmware@81800000"):
        small.memory.words(0x8180_0000, 1)


def test_areas_are_found_by_what_they_have_allocated(small: SmallMemory, area: CmaArea) -> None:
    first = area.alloc(4)
    cma = small.memory.cma
    assert (cma.find(first, 4), cma.find(first + 3, 2), cma.find(0x80000)) == (area, None, None)


def test_kernel_pages_can_be_asked_for_below_a_limit(small: SmallMemory) -> None:
    address = small.memory.alloc_pages(4, below=0x8000_4000)
    assert address == BASE
    with pytest.raises(KernelError, match="^-ENOMEM: no 1 contiguous free pages$"):
        small.memory.alloc_pages(1, below=0x8000_4000)
    small.memory.free_pages(address, 4)


def test_a_booted_kernel_has_its_areas_and_their_files() -> None:
    board = Rehearsal()
    log = board.log()
    first = log.index("Machine model: dmabuf-soc rehearsal board")
    assert log[first + 1] == "Reserved memory: created CMA memory pool at 0x00000000a0000000, size 64 MiB"
    area = board.kernel.memory.cma.default
    assert area is not None
    assert area.alloc(2048) == 0xA0000
    assert board.kernel.views.read("/sys/kernel/debug/cma/linux,cma@a0000000/used") == "2048\n"
    assert "CmaFree:           57344 kB\n" in board.kernel.views.read("/proc/meminfo")
    board.close()
