"""Gather and scatter of pages against a plain bytearray, with one bank and with several."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.memory.dram import Bank, Dram
from soc.memory.span import PageSpan

PAGE = 4096
LAYOUTS = {
    "one bank": [(0x10, 8)],
    "two banks with a hole": [(0x10, 4), (0x40, 4)],
    "two adjacent banks": [(0x10, 3), (0x13, 5)],
}


class Model:
    """Memory as a dictionary of bytearrays, one page at a time."""

    def __init__(self, layout: list[tuple[int, int]]) -> None:
        self.pages = {first + n: bytearray(PAGE) for first, count in layout for n in range(count)}

    def write(self, frames: list[int], offset: int, data: bytes) -> None:
        for frame, start, end in pieces(frames, offset, len(data)):
            self.pages[frame][start:end] = data[: end - start]
            data = data[end - start :]

    def read(self, frames: list[int], offset: int, size: int) -> bytes:
        return b"".join(self.pages[frame][start:end] for frame, start, end in pieces(frames, offset, size))


def pieces(frames: list[int], offset: int, size: int) -> list[tuple[int, int, int]]:
    """(page, first byte, byte after the last) of a transfer."""
    ends = [min((n + 1) * PAGE, offset + size) for n in range(len(frames))]
    return [(f, max(n * PAGE, offset) - n * PAGE, ends[n] - n * PAGE) for n, f in enumerate(frames)]


@st.composite
def transfers(draw, layout):
    pages = [first + n for first, count in layout for n in range(count)]
    frames = draw(st.lists(st.sampled_from(pages), min_size=1, max_size=5))
    if draw(st.booleans()):
        frames = sorted(set(frames))
    edge = st.sampled_from([0, 1, 7, 8, 2048, PAGE - 1])
    offset = draw(edge)
    size = len(frames) * PAGE - offset - draw(edge)
    return (frames, offset, size) if size > 0 else (frames[:1], 0, 1)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_transfers_equal_a_bytearray(layout):
    @given(st.lists(st.tuples(transfers(layout), st.integers(0, 255)), min_size=1, max_size=6))
    def check(steps):
        dram = Dram([Bank(PhysAddr(first * PAGE), count * PAGE) for first, count in reversed(layout)])
        model = Model(layout)
        for (frames, offset, size), seed in steps:
            span = PageSpan.of(np.array(frames), offset, size)
            data = (np.arange(size) * 7 + seed).astype(np.uint8)
            assert dram.holds(span)
            dram.write(span, data)
            model.write(frames, offset, data.tobytes())
            assert dram.read(span).tobytes() == model.read(frames, offset, size)
        for frame, content in model.pages.items():
            assert dram.read(PageSpan.linear(PhysAddr(frame * PAGE), PAGE)).tobytes() == bytes(content)
        for bank in dram.banks:
            bank.close()

    check()


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, PAGE - 1), st.integers(1, 8 * PAGE)
)
def test_segments_name_the_same_bytes_coalesced(frames, offset, size):
    size = min(size, len(frames) * PAGE - offset)
    frames = frames[: (offset + size + PAGE - 1) // PAGE]
    span = PageSpan.of(np.array(frames), offset, size)
    segments = span.segments()
    listed = np.concatenate([np.arange(address, address + length) for address, length in segments])
    expected = [np.arange(f * PAGE + a, f * PAGE + b) for f, a, b in pieces(frames, offset, size)]
    assert (listed == np.concatenate(expected)).all()
    assert all(a + n != b for (a, n), (b, _) in zip(segments, segments[1:], strict=False))
    assert span.contiguous == (len(segments) == 1)
    assert span.address == segments[0][0]


@pytest.mark.parametrize(
    ("address", "size", "frames"),
    [(0x1000, 1, [1]), (0x1FFF, 1, [1]), (0x1FFF, 2, [1, 2]), (0x1000, 0x2000, [1, 2]), (0x1234, 0, [1])],
)
def test_a_linear_span_names_every_page_it_touches(address, size, frames):
    span = PageSpan.linear(PhysAddr(address), size)
    assert (span.frames.tolist(), span.address, span.size, span.contiguous) == (frames, address, size, True)


@pytest.mark.parametrize(
    ("frames", "held"),
    [
        ([0x10, 0x12], True),
        ([0x13, 0x40], True),
        ([0x10, 0x14, 0x12], False),
        ([0x13, 0x14], False),
        ([0x0F], False),
        ([0x43, 0x10], True),
        ([0x44], False),
    ],
)
def test_what_memory_holds(frames, held):
    dram = Dram([Bank(PhysAddr(0x10 * PAGE), 4 * PAGE), Bank(PhysAddr(0x40 * PAGE), 4 * PAGE)])
    assert dram.holds(PageSpan.of(np.array(frames), 0, len(frames) * PAGE)) is held
    for bank in dram.banks:
        bank.close()


def test_contiguous_reads_are_views_and_words_are_shared():
    bank = Bank(PhysAddr(0x10000), 2 * PAGE)
    dram = Dram([bank])
    view = dram.read(PageSpan.linear(PhysAddr(0x10008), 8))
    dram.words(PhysAddr(0x10008), 1)[0] = 0x0807060504030201
    assert view.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert os.pread(bank.fd, 8, 8) == bytes(range(1, 9))
    assert bank.host_pointer == bank.bytes.ctypes.data
    with pytest.raises(KeyError) as caught:
        dram.view(PhysAddr(0x11FFF), 2)
    assert caught.value.args == ("0x11fff+0x2 is not DRAM",)
    bank.close()


def test_a_bank_the_host_refuses_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    create = os.memfd_create

    def memfd_create(name: str, flags: int) -> int:
        opened.append(create(name, flags))
        return opened[-1]

    monkeypatch.setattr(os, "memfd_create", memfd_create)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        Bank(PhysAddr(0), 200_000 << 30)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_frames_that_are_not_dram_have_no_index(layout):
    dram = Dram([Bank(PhysAddr(first * PAGE), count * PAGE) for first, count in layout])
    held = np.array([first + n for first, count in layout for n in range(count)])
    assert dram.index(held).tolist() == list(range(8))
    assert dram.index(held[:0]).tolist() == []
    for outside in (0, 0xF, 0x18, 0x3F, 0x44, -1):
        if outside not in held:
            with pytest.raises(KeyError, match=f"frame {outside:#x} is not DRAM"):
                dram.index(np.array([0x10, outside]))
    for bank in dram.banks:
        bank.close()
