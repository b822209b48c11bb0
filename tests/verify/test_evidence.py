"""Evidence: names of page frames, and the bytes moved since a moment."""

from __future__ import annotations

import numpy as np

from soc.address import PhysAddr
from soc.bus import Bus
from soc.memory.dram import Bank, Dram, PageSpan
from soc.verify.evidence import TrafficWindow
from tests.verify.crafted import good, pages

DRAM = PhysAddr(0x8000_0000)


def test_page_frames_are_called_by_their_buffers() -> None:
    evidence = good()
    assert evidence.name_of(pages(1)) == "buffer 1"
    assert evidence.name_of(pages(2)[-1:]) == "buffer 2"
    assert evidence.name_of(np.concatenate([pages(2), pages(0), pages(0)])) == "buffer 0, buffer 2"
    assert evidence.name_of(pages(7)) == "memory at 0x8001c000"
    assert evidence.name_of(pages(0)[:0]) == "nothing"


def test_a_window_counts_what_moves_on_its_pages_from_then_on() -> None:
    bus = Bus(Dram([Bank(DRAM, 1 << 16)]))
    camera, spy = bus.master("camera"), bus.master("spy")
    inside = PageSpan.linear(PhysAddr(DRAM + 0x1000), 0x1000)
    outside = PageSpan.linear(PhysAddr(DRAM + 0x3000), 0x1000)
    camera.read_span(inside)
    window = TrafficWindow(bus, inside.frames)
    assert window.moved() == {}
    camera.read_span(PageSpan.linear(PhysAddr(DRAM + 0x1FF0), 0x20))
    camera.write_span(outside, np.zeros(0x1000, dtype=np.uint8))
    spy.read_span(outside)
    assert window.moved() == {"camera": (0x10, 0)}
    bus.master("late").write(PhysAddr(DRAM + 0x1008), 8, 1)
    assert window.moved() == {"camera": (0x10, 0), "late": (0, 8)}
