"""Evidence: names of page frames, and the bytes moved since a moment."""

from __future__ import annotations

import numpy as np

from soc.address import PhysAddr
from soc.bus import Bus
from soc.memory.dram import Bank, Dram
from soc.memory.span import PageSpan
from soc.verify.evidence import BufferRange, buffers_used
from soc.verify.traffic_window import TrafficWindow
from tests.verify.crafted import fetched, good, pages, produced

DRAM = PhysAddr(0x8000_0000)


def test_page_frames_are_called_by_their_buffers() -> None:
    evidence = good()
    assert evidence.name_of(pages(1)) == "buffer 1"
    assert evidence.name_of(pages(2)[-1:]) == "buffer 2"
    assert evidence.name_of(np.concatenate([pages(2), pages(0), pages(0)])) == "buffer 0, buffer 2"
    assert evidence.name_of(pages(7)) == "memory at 0x8001c000"
    assert evidence.name_of(pages(0)[:0]) == "nothing"


def test_buffers_are_where_the_engines_worked_and_called_what_software_calls_them() -> None:
    records = [*produced("a", "b", "c"), *fetched("a", "b", None, fault="late")]
    named = buffers_used(records, [BufferRange("dma-buf 2", pages(1))])
    assert [buffer.name for buffer in named] == ["buffer at 0x80000000", "dma-buf 2", "buffer at 0x80008000"]
    assert all(np.array_equal(buffer.frames, pages(n)) for n, buffer in enumerate(named))
    assert buffers_used([], [BufferRange("dma-buf 2", pages(1))]) == []


def test_a_window_counts_what_moves_between_its_ends() -> None:
    bus = Bus(Dram([Bank(DRAM, 1 << 16)]))
    camera, spy = bus.master("camera"), bus.master("spy")
    inside = PageSpan.linear(PhysAddr(DRAM + 0x1000), 0x1000)
    outside = PageSpan.linear(PhysAddr(DRAM + 0x3000), 0x1000)
    camera.read_span(inside)
    window = TrafficWindow(bus)
    assert window.moved(inside.frames) == {}
    camera.read_span(PageSpan.linear(PhysAddr(DRAM + 0x1FF0), 0x20))
    camera.write_span(outside, np.zeros(0x1000, dtype=np.uint8))
    spy.read_span(outside)
    assert window.moved(inside.frames) == {"camera": (0x10, 0)}
    bus.master("late").write(PhysAddr(DRAM + 0x1008), 8, 1)
    window.close()
    camera.read_span(inside)
    bus.master("latest").read(PhysAddr(DRAM + 0x1008), 8)
    assert window.moved(inside.frames) == {"camera": (0x10, 0), "late": (0, 8)}
    both = np.concatenate([inside.frames, outside.frames])
    touched = {name: (list(r), list(w)) for name, (r, w) in window.touched(both).items()}
    frame = int(inside.frames[0])
    assert touched["camera"] == ([frame], [frame + 2])
    assert touched["spy"] == ([frame + 2], [])
    assert touched["late"] == ([], [frame])
