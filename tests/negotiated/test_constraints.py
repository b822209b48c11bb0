"""What devices need, one by one and together: soc/dmabuf/constraints.py against plain arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.dmabuf.constraints import DmaConstraints, collate, constraints_of, cut, fits, impossible
from soc.kernel.dma.of.ranges import DmaWindow, DmaWindows
from soc.kernel.scatterlist import SgTable

PAGE = 4096
MIB = 1 << 20
DRAM = 0x8000_0000, 0x1_8000_0000


def _kernel() -> SimpleNamespace:
    bank = SimpleNamespace(base=DRAM[0], end=DRAM[1])
    return SimpleNamespace(cpu=SimpleNamespace(bus=SimpleNamespace(dram=SimpleNamespace(banks=[bank]))))


@dataclass
class Engine:
    """A device as far as constraints look at it."""

    dma_mask: int | None = 32
    bus_dma_limit: int | None = None
    dma_windows: DmaWindows | None = None
    max_segment_size: int = 1 << 32
    segment_boundary: int = 0xFFFF_FFFF
    one_segment: bool = False
    behind_iommu: bool = False
    name: str = "engine"
    kernel: SimpleNamespace = field(default_factory=_kernel)


def frames(first: int, count: int) -> np.ndarray:
    return np.arange(first // PAGE, first // PAGE + count, dtype=np.int64)


@pytest.mark.parametrize(
    ("engine", "below"),
    [
        (Engine(64), None),
        (Engine(33), None),
        (Engine(32), 1 << 32),
        (Engine(32, 0x9FFF_FFFF), 0xA000_0000),
        (Engine(64, 0x9FFF_FFFF), 0xA000_0000),
        (Engine(None), 1),
        (Engine(32, behind_iommu=True), None),
        (Engine(32, dma_windows=DmaWindows((DmaWindow(0, DRAM[0], 1 << 30),))), DRAM[0] + (1 << 30)),
        (Engine(29, dma_windows=DmaWindows((DmaWindow(0, DRAM[0], 1 << 30),))), DRAM[0] + (1 << 29)),
        (Engine(64, dma_windows=DmaWindows((DmaWindow(0, 0, 1 << 40),))), None),
    ],
    ids=["64", "33", "32", "bus limit", "64 and a bus limit", "no mask", "IOMMU", "window", "short", "wide"],
)
def test_what_a_device_does_not_reach(engine: Engine, below: int | None) -> None:
    assert constraints_of(engine).below == below


def test_together_they_need_the_least_of_all() -> None:
    engines = [
        Engine(64, max_segment_size=8 * PAGE, segment_boundary=0xFFFF),
        Engine(32, one_segment=True),
        Engine(32, behind_iommu=True, max_segment_size=2 * PAGE, segment_boundary=0xFFF),
    ]
    needs = collate(engines)
    assert needs == DmaConstraints(1 << 32, 2 * PAGE, 0xFFFF, True)
    assert str(needs) == "below 0x100000000, in one run"
    assert str(collate([engines[0]])) == "anywhere, in segments of up to 32 KiB"
    assert collate([]) == DmaConstraints()


NEEDS = st.builds(
    DmaConstraints,
    st.one_of(st.none(), st.integers(1, 1 << 40)),
    st.integers(PAGE, 1 << 32),
    st.sampled_from([0xFFF, 0xFFFF, 0xFFFF_FFFF]),
    st.booleans(),
)


@given(NEEDS, NEEDS, NEEDS)
def test_collation_has_no_order(a: DmaConstraints, b: DmaConstraints, c: DmaConstraints) -> None:
    assert a & b == b & a
    assert (a & b) & c == a & (b & c)
    assert a & a == a == a & DmaConstraints()


@pytest.mark.parametrize(
    ("engine", "where", "good"),
    [
        (Engine(32), frames(0xFFFF_F000, 1), True),
        (Engine(32), frames(0xFFFF_F000, 2), False),
        (Engine(32, behind_iommu=True, one_segment=True), frames(1 << 32, 9)[::2], True),
        (Engine(64), frames(1 << 32, 9)[::2], True),
        (Engine(64, one_segment=True), frames(1 << 32, 9)[::2], False),
        (Engine(64, one_segment=True), frames(1 << 32, 9), True),
        (Engine(64, one_segment=True, max_segment_size=8 * PAGE), frames(1 << 32, 9), False),
        (Engine(64, one_segment=True), frames((1 << 32) - PAGE, 2), False),
        (Engine(32, dma_windows=DmaWindows((DmaWindow(0, DRAM[0], MIB),))), frames(DRAM[0] + MIB, 1), False),
        (Engine(20, dma_windows=DmaWindows((DmaWindow(0, DRAM[0], MIB),))), frames(DRAM[0], 256), True),
        (Engine(None), frames(DRAM[0], 1), False),
    ],
    ids=[
        "last 32-bit page",
        "one beyond",
        "IOMMU",
        "scattered",
        "one segment, scattered",
        "one segment, one run",
        "one run, too long",
        "one run, across the boundary",
        "outside the window",
        "moved by the window",
        "no mask",
    ],
)
def test_whether_pages_do_as_they_are(engine: Engine, where: np.ndarray, good: bool) -> None:
    assert fits(engine, where) is good


@pytest.mark.parametrize(
    ("engine", "size", "why"),
    [
        (Engine(32), 1 << 40, None),
        (Engine(31), PAGE, "engine reaches no memory"),
        (Engine(None), PAGE, "engine reaches no memory"),
        (Engine(one_segment=True, max_segment_size=MIB), MIB, None),
        (
            Engine(one_segment=True, max_segment_size=MIB),
            MIB + PAGE,
            "engine takes one segment of up to 1 MiB, not 1028 KiB",
        ),
        (
            Engine(one_segment=True, behind_iommu=True, segment_boundary=0xFFFF),
            MIB,
            "engine takes one segment of up to 64 KiB, not 1 MiB",
        ),
    ],
)
def test_what_no_memory_would_do_for(engine: Engine, size: int, why: str | None) -> None:
    assert impossible(engine, size) == why


@given(
    runs=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 40)), min_size=1, max_size=8),
    longest=st.integers(1, 40 * PAGE),
    boundary=st.sampled_from([0xFFF, 0x3FFF, 0xFFFF, 0xFFFF_FFFF]),
    offset=st.one_of(st.none(), st.integers(0, 64).map(lambda pages: pages * PAGE)),
    iommu=st.booleans(),
)
def test_a_cut_table_has_the_same_pages_in_segments_that_are_allowed(
    runs: list[tuple[int, int]], longest: int, boundary: int, offset: int | None, iommu: bool
) -> None:
    """`offset` is how far bus addresses lie from physical ones: a boundary is one of the bus."""
    table = SgTable.of([(DRAM[0] + first * PAGE, count * PAGE) for first, count in runs])
    windows = None if offset is None else DmaWindows((DmaWindow(DRAM[0] - offset, DRAM[0], 1 << 40),))
    engine = Engine(
        64, dma_windows=windows, max_segment_size=longest, segment_boundary=boundary, behind_iommu=iommu
    )
    done = cut(table, engine)
    assert done is not table and done.nents == 0
    assert done.frames().tolist() == table.frames().tolist()
    assert (done.lengths <= max(longest // PAGE * PAGE, PAGE)).all()
    if not iommu:
        bus = done.starts - (offset or 0)
        assert (bus // (boundary + 1) == (bus + done.lengths - 1) // (boundary + 1)).all()
    fewest = cut(done, engine)
    assert fewest.orig_nents == done.orig_nents, "nothing is left to cut"


def test_a_table_that_is_allowed_is_only_copied() -> None:
    table = SgTable.of([(DRAM[0], MIB), (DRAM[0] + 2 * MIB, PAGE)])
    assert cut(table, Engine()).starts is table.starts
