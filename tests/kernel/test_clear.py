"""Memory is zeroed by the CPU: in its books, and seen by its cache."""

from __future__ import annotations

import numpy as np

from soc.kernel.dma import dma_alloc_coherent, dma_alloc_noncontiguous
from soc.kernel.mm.clear import PIECE, clear
from soc.memory.span import PageSpan
from tests.kernel.dma_bench import FROM, PAGE, DmaBoard


def test_every_way_to_zeroed_memory_is_booked_once(tmp_path):
    board = DmaBoard(tmp_path)
    board.with_cache()
    kernel, device = board.kernel, board.device()
    for take in (
        lambda: kernel.memory.alloc_pages(3),
        lambda: dma_alloc_coherent(device, 3 * PAGE),
        lambda: dma_alloc_noncontiguous(device, 3 * PAGE, FROM),
    ):
        before = kernel.cpu.traffic.total()
        assert take() is not None
        read, written = (b - a for a, b in zip(before, kernel.cpu.traffic.total(), strict=True))
        assert (read, written) == (0, 3 * PAGE)
    board.close()


def test_scattered_pages_are_zeroed_in_pieces_and_their_lines_are_dirty(tmp_path):
    board = DmaBoard(tmp_path)
    cache, cpu = board.with_cache(), board.kernel.cpu
    frames = board.kernel.memory.pages.alloc_pages(2 * (PIECE + 1))[::2]
    span = PageSpan.of(frames, 0, len(frames) * PAGE)
    cpu.write_span(span, np.ones(span.size, dtype=np.uint8))
    cache.clean(span)
    clear(cpu, span)
    assert not cpu.read_span(span).any()
    assert cache.peek_behind(span).all(), "the zeros are in the cache only"
    assert (cache.state(frames)[0] == np.uint64((1 << 64) - 1)).all()
    board.close()
