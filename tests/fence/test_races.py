"""Bugs 23 and 33: device accesses that no fence orders. Each race is planted, and done right beside it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soc.dmabuf.fence import (
    DmaFence,
    dma_fence_array_create,
    dma_fence_chain_init,
    dma_fence_get,
    dma_fence_put,
    dma_fence_signal,
)
from soc.dmabuf.resv import (
    DmaResv,
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_fences,
    dma_resv_reserve_fences,
    dma_resv_usage_rw,
)
from soc.dmabuf.sanitizer.access import Access, describe
from soc.dmabuf.sanitizer.races import RaceChecker
from soc.kernel.core import KernelCore
from soc.kernel.scatterlist import SgTable
from tests.fence.bench import make_fence

PAGE = 4096
SCATTERED = SgTable.of([(0x9000_0000, 2 * PAGE), (0x8000_0000, 4 * PAGE), (0x9100_0000, 2 * PAGE)])


@pytest.fixture
def checker(kernel: KernelCore) -> RaceChecker:
    return kernel.subsystem(RaceChecker)


def reads(sgt: SgTable = SCATTERED, offset: int = 0, size: int | None = None) -> list[Access]:
    return [Access.of("dma-buf 3 'frame'", sgt, False, offset, size)]


def writes(sgt: SgTable = SCATTERED, offset: int = 0, size: int | None = None) -> list[Access]:
    return [Access.of("dma-buf 3 'frame'", sgt, True, offset, size)]


def assert_race(kernel: KernelCore, checker: RaceChecker, *texts: str) -> None:
    assert [str(race) for race in checker.races] == list(texts)
    assert kernel.log.warnings == list(texts)


# --- what is a race ---------------------------------------------------------------------


def test_a_reader_that_ignores_the_writer_s_fence_is_named(kernel: KernelCore, checker: RaceChecker) -> None:
    checker.submit("camera", writes(), fence=make_fence(kernel))
    checker.submit("lcdif", reads(), fence=make_fence(kernel))
    assert_race(
        kernel,
        checker,
        "data race: job 2 of lcdif reads dma-buf 3 'frame', pages 0..7 (bytes 0x0..0x7fff), "
        "which job 1 of camera writes; no fence orders them",
    )


def test_a_reader_that_waits_for_it_is_not(kernel: KernelCore, checker: RaceChecker) -> None:
    fence = make_fence(kernel)
    checker.submit("camera", writes(), fence=fence)
    checker.submit("lcdif", reads(), waits=[fence], fence=make_fence(kernel))
    assert_race(kernel, checker)


def test_a_frame_queued_again_before_the_display_let_go_of_it_is_named(
    kernel: KernelCore, checker: RaceChecker
) -> None:
    scanout = checker.submit("lcdif", reads())
    checker.submit("camera", writes(), fence=make_fence(kernel))
    assert_race(
        kernel,
        checker,
        "data race: job 2 of camera writes dma-buf 3 'frame', pages 0..7 (bytes 0x0..0x7fff), "
        "which job 1 of lcdif reads; no fence orders them",
    )
    checker.finish(scanout)


def test_a_frame_queued_again_after_the_flip_is_not(kernel: KernelCore, checker: RaceChecker) -> None:
    checker.finish(checker.submit("lcdif", reads()))
    checker.submit("camera", writes(), fence=make_fence(kernel))
    assert_race(kernel, checker)


@pytest.mark.parametrize(("first", "second"), [(reads, reads)], ids=["read read"])
def test_readers_do_not_race(kernel: KernelCore, checker: RaceChecker, first: object, second: object) -> None:
    checker.submit("lcdif", first())
    checker.submit("codec", second())
    assert_race(kernel, checker)


@pytest.mark.parametrize(
    ("usage", "races"),
    [(DmaResvUsage.READ, 1), (DmaResvUsage.WRITE, 0)],
    ids=["writer says READ", "writer says WRITE"],
)
def test_a_writer_that_adds_its_fence_as_a_reader_makes_readers_race(
    kernel: KernelCore, checker: RaceChecker, usage: DmaResvUsage, races: int
) -> None:
    resv, fence = DmaResv(kernel, "frame"), make_fence(kernel)
    with resv.locked():
        dma_resv_reserve_fences(resv, 1)
        checker.submit("camera", writes(), fence=fence)
        dma_resv_add_fence(resv, fence, usage)
    with resv.locked():
        waits = list(dma_resv_fences(resv, dma_resv_usage_rw(write=False)))
        checker.submit("lcdif", reads(), waits=waits)
    assert len(checker.races) == races


# --- where ------------------------------------------------------------------------------


def test_the_bytes_that_both_touch_are_named_by_offset_in_the_buffer(
    kernel: KernelCore, checker: RaceChecker
) -> None:
    checker.submit("camera", writes(offset=PAGE, size=2 * PAGE))
    checker.submit("codec", reads(offset=2 * PAGE + 0x10, size=4 * PAGE))
    assert_race(
        kernel,
        checker,
        "data race: job 2 of codec reads dma-buf 3 'frame', pages 2..2 (bytes 0x2010..0x2fff), "
        "which job 1 of camera writes; no fence orders them",
    )


def test_a_single_byte_is_a_range_too() -> None:
    assert describe([(0x1000, 0x1001), (0x3FFF, 0x4001)]) == (
        "pages 1..1, 3..4 (bytes 0x1000..0x1000, 0x3fff..0x4000)"
    )


def test_two_halves_of_one_page_do_not_overlap(kernel: KernelCore, checker: RaceChecker) -> None:
    checker.submit("camera", writes(offset=0, size=0x800))
    checker.submit("codec", writes(offset=0x800, size=0x800))
    assert_race(kernel, checker)


def test_another_buffer_on_the_same_memory_is_named(kernel: KernelCore, checker: RaceChecker) -> None:
    checker.submit("camera", writes())
    other = SgTable.of([(0x8000_1000, PAGE), (0x7000_0000, PAGE), (0x9100_1000, PAGE)])
    checker.submit("lcdif", [Access.of("dma-buf 9 'logo'", other, False)])
    assert_race(
        kernel,
        checker,
        "data race: job 2 of lcdif reads dma-buf 9 'logo', pages 0..0, 2..2 (bytes 0x0..0xfff, "
        "0x2000..0x2fff), which job 1 of camera writes as dma-buf 3 'frame'; no fence orders them",
    )


# --- what orders ------------------------------------------------------------------------


def test_a_dependency_holds_through_other_jobs(kernel: KernelCore, checker: RaceChecker) -> None:
    first, second = make_fence(kernel), make_fence(kernel)
    checker.submit("camera", writes(), fence=first)
    checker.submit("codec", reads(), waits=[first], fence=second)
    checker.submit("lcdif", writes(), waits=[second])
    assert_race(kernel, checker)


def test_a_job_without_a_fence_hides_no_other(kernel: KernelCore, checker: RaceChecker) -> None:
    elsewhere = SgTable.of([(0x7000_0000, PAGE)])
    fence = make_fence(kernel)
    checker.submit("lcdif", reads(elsewhere))
    checker.submit("camera", writes(), fence=fence)
    checker.submit("codec", reads(), waits=[fence])
    assert_race(kernel, checker)


def test_a_job_comes_after_those_of_its_own_context(kernel: KernelCore, checker: RaceChecker) -> None:
    checker.submit("camera", writes(), fence=make_fence(kernel, 5, 1))
    checker.submit("camera", writes(), fence=make_fence(kernel, 5, 2))
    assert_race(kernel, checker)


def test_a_later_fence_of_a_context_stands_for_the_earlier_ones(
    kernel: KernelCore, checker: RaceChecker
) -> None:
    checker.submit("camera", writes(), fence=make_fence(kernel, 5, 1))
    later = make_fence(kernel, 5, 2)
    checker.submit("lcdif", reads(), waits=[later])
    assert_race(kernel, checker)


def test_an_earlier_fence_does_not_stand_for_a_later_one(kernel: KernelCore, checker: RaceChecker) -> None:
    earlier = make_fence(kernel, 5, 1)
    checker.submit("camera", writes(), fence=make_fence(kernel, 5, 2))
    checker.submit("lcdif", reads(), waits=[earlier])
    assert len(checker.races) == 1


@pytest.mark.parametrize(
    ("wrap", "races"), [("all", 0), ("any", 1), ("chain", 0)], ids=["array of all", "array of any", "chain"]
)
def test_containers_stand_for_their_members(
    kernel: KernelCore, checker: RaceChecker, wrap: str, races: int
) -> None:
    fence, other = make_fence(kernel), make_fence(kernel)
    members: list[DmaFence] = [dma_fence_get(fence), other]
    container: DmaFence
    if wrap == "chain":
        container = dma_fence_chain_init(kernel, dma_fence_chain_init(kernel, None, fence, 1), other, 2)
    else:
        container = dma_fence_array_create(kernel, members, 9, 1, signal_on_any=wrap == "any")
    checker.submit("camera", writes(), fence=fence)
    checker.submit("lcdif", reads(), waits=[container])
    assert len(checker.races) == races


@pytest.mark.parametrize("end", [dma_fence_signal, dma_fence_put], ids=["signalled", "released"])
def test_a_job_whose_fence_is_over_is_over(kernel: KernelCore, checker: RaceChecker, end: object) -> None:
    fence = make_fence(kernel)
    checker.submit("camera", writes(), fence=fence)
    end(fence)
    checker.submit("lcdif", reads())
    assert_race(kernel, checker)


def test_the_checker_takes_no_reference_and_asks_no_driver(kernel: KernelCore, checker: RaceChecker) -> None:
    fence = make_fence(kernel)
    checker.submit("camera", writes(), waits=[fence], fence=fence)
    assert (fence.refcount, fence.signaling_enabled, fence.callbacks) == (1, False, [])


# --- the arithmetic, against sets of bytes -------------------------------------------------

RUNS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 4)), min_size=1, max_size=6)


def table(runs: list[tuple[int, int]]) -> SgTable:
    """Runs of 16 bytes each at most, which never overlap: each in a slot of its own."""
    slots = dict(runs)
    return SgTable.of([(slot * 4, length) for slot, length in slots.items()])


@example(mine=[(0, 2)], theirs=[(0, 4)], offset=2, size=4)  # a run that is cut to nothing
@given(mine=RUNS, theirs=RUNS, offset=st.integers(0, 10), size=st.integers(0, 12))
def test_conflicts_are_the_common_bytes(
    mine: list[tuple[int, int]], theirs: list[tuple[int, int]], offset: int, size: int
) -> None:
    sgt, other = table(mine), table(theirs)
    addresses = [a for s, n in zip(sgt.starts, sgt.lengths, strict=True) for a in range(s, s + n)]
    touched = {a for s, n in zip(other.starts, other.lengths, strict=True) for a in range(s, s + n)}
    expected = [i for i, a in enumerate(addresses) if a in touched and offset <= i < offset + size]
    found = Access.of("a", sgt, True, offset, size).conflicts(Access.of("b", other, False))
    assert [i for low, high in found for i in range(low, high)] == expected
    assert all(low < high for low, high in found)
    assert all(a[1] < b[0] for a, b in zip(found, found[1:], strict=False))
