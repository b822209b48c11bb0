"""2D transfers: every row in its place, padding untouched, the ledger exact; a plain loop is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import Iova, PhysAddr
from soc.bus import Bus
from soc.iommu.port import DmaPort
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.lines import touched
from soc.memory.cache.views import DramView
from soc.memory.dram import Bank, Dram
from soc.memory.rows import Rows
from soc.memory.span import PageSpan

BASE = 0x8000_0000
PAGES = 16
SIZE = PAGES * 4096

SHAPES = st.builds(
    lambda offset, width, height, gap: (offset, Rows(width, height, width + gap)),
    st.integers(0, 5000),
    st.integers(1, 3000),
    st.integers(1, 9),
    st.integers(0, 5000),
).filter(lambda shape: shape[0] + shape[1].extent <= SIZE)


class Scattered:
    """An IOMMU that hands out its pages in a shuffled order; remembers what it was asked."""

    def __init__(self) -> None:
        self.frames = np.random.default_rng(3).permutation(PAGES) + (BASE >> 12)
        self.asked: list[tuple[int, int]] = []
        self.spans: dict[tuple[int, int], PageSpan] = {}

    def translate(self, stream, iova, size, write, substream=None, privileged=False, rows=None):
        self.asked.append((iova, size))
        if (iova, size) not in self.spans:
            pages = self.frames[iova >> 12 : ((iova + size - 1) >> 12) + 1]
            self.spans[iova, size] = PageSpan.of(pages, iova & 0xFFF, size)
        return self.spans[iova, size]

    def peek(self, stream, iova, size, substream=None):
        return self.translate(stream, iova, size, False)


class Bench:
    def __init__(self) -> None:
        self.dram = Dram([Bank(PhysAddr(BASE), SIZE)])
        self.iommu = Scattered()
        self.port = DmaPort(Bus(self.dram).master("engine"), 1, self.iommu)
        self.fill()

    def fill(self) -> None:
        self.image[:] = np.random.default_rng(1).integers(0, 256, SIZE, dtype=np.uint8)
        self.dram.put_pages(self.iommu.frames, self.image.reshape(-1, 4096))

    image = np.zeros(SIZE, dtype=np.uint8)

    @property
    def seen(self) -> np.ndarray:
        """Memory in the order of its IOVAs."""
        return self.dram.pages_of(self.iommu.frames).reshape(-1)

    def close(self) -> None:
        self.dram.banks[0].close()


def lines_of(data: np.ndarray, offset: int, rows: Rows) -> np.ndarray:
    return np.stack(
        [data[offset + i * rows.stride : offset + i * rows.stride + rows.width] for i in range(rows.height)]
    )


@given(SHAPES)
def test_rows_are_written_and_read_as_a_plain_loop_would(shape):
    offset, rows = shape
    bench = Bench()
    data = np.random.default_rng(2).integers(0, 256, (rows.height, rows.width), dtype=np.uint8)
    expected = bench.image.copy()
    for line in range(rows.height):
        expected[offset + line * rows.stride :][: rows.width] = data[line]
    for _ in range(4):  # scattered at first, through a window later
        bench.port.write_rows(Iova(offset), data, rows.stride)
        assert (bench.seen == expected).all()
        assert (bench.port.read_rows(Iova(offset), rows)[1] == data).all()
    assert bench.port.master.traffic.total() == (4 * rows.size, 4 * rows.size)
    counts = np.zeros(PAGES, dtype=np.uint64)
    for at in range(rows.height):
        start = offset + at * rows.stride
        np.add.at(counts, (start + np.arange(rows.width)) // 4096, 4)
    by_page = bench.port.master.traffic.per_page(write=True)[bench.iommu.frames - (BASE >> 12)]
    assert (by_page == counts).all()
    bench.close()


def test_one_question_for_all_rows():
    bench = Bench()
    bench.port.write_rows(Iova(100), np.ones((8, 1000), dtype=np.uint8), 2000)
    assert bench.iommu.asked == [(100, 15_000)]
    bench.close()


def test_pages_between_far_rows_are_not_asked_for():
    bench = Bench()
    spans = bench.port.write_rows(Iova(0), np.ones((3, 10), dtype=np.uint8), 3 * 4096)
    assert bench.iommu.asked == [(0, 10), (3 * 4096, 10), (6 * 4096, 10)]
    assert len(spans) == 3
    bench.close()


@given(SHAPES)
def test_lines_that_rows_touch(shape):
    offset, rows = shape
    pages = (offset % 4096 + rows.extent + 4095) // 4096
    frames = np.arange(pages, dtype=np.int64)
    masks = touched(PageSpan(frames, offset % 4096, rows.extent, contiguous=True), rows)
    wanted = np.zeros(pages * 64, dtype=bool)
    for line in range(rows.height):
        start = offset % 4096 + line * rows.stride
        wanted[start // 64 : (start + rows.width - 1) // 64 + 1] = True
    found = np.unpackbits(masks.view(np.uint8), bitorder="little").astype(bool)
    assert (found == wanted).all()


@pytest.mark.parametrize("gap", [0, 100])
def test_behind_a_cache_only_the_rows_become_stale(gap):
    dram = Dram([Bank(PhysAddr(BASE), SIZE)])
    cache = CpuCache(dram, lambda: 0)
    master = Bus(dram).master("camera")
    master.memory = DramView(cache, "camera")
    DmaPort(master).write_rows(Iova(BASE), np.full((2, 64), 7, dtype=np.uint8), 64 + gap)
    stale = cache.state(np.array([BASE >> 12]))[1].tolist()
    assert stale == [0b11 if not gap else 0b1101]
    assert cache.peek_behind(PageSpan.linear(PhysAddr(BASE + 64 + gap), 64)).tolist() == [7] * 64
    cache.close()
    dram.banks[0].close()
