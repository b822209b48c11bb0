"""Every allocation, fd, copy and mapping of PRIME fails once: afterwards everything is where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.kernel.errors import KernelError
from tests.drm.bench import CardBench, card_bench


def work(bench: CardBench) -> None:
    """Objects of both cards and a foreign buffer, exported and imported crosswise."""
    shows, draws = bench.open("card0"), bench.open("card1")
    frame = bench.to_fd(shows, bench.dumb(shows))
    texture = bench.to_fd(draws, bench.dumb(draws, pages=1))
    for fd in (frame, texture, bench.foreign_fd(0), frame):
        bench.to_handle(draws, fd)
        bench.to_handle(shows, fd)
    bench.to_fd(draws, bench.to_handle(draws, frame))
    bench.gem_close(draws, 1)


def places(folder: Path) -> int:
    with card_bench(folder) as bench:
        bench.kernel.faults.fail_nth(0)
        work(bench)
        return bench.kernel.faults.count


def test_each_place_in_turn(tmp_path: Path) -> None:
    count = places(tmp_path)
    assert count > 60
    for nth in range(1, count + 1):
        with card_bench(tmp_path) as bench:
            bench.kernel.faults.fail_nth(nth)
            with pytest.raises(KernelError):
                work(bench)
            failed = bench.kernel.faults.failed
            assert failed is not None
            bench.app.exit()
            bench.app = bench.kernel.process("app")
            assert bench.counts() == bench.baseline, failed


@pytest.mark.parametrize("times", range(1, 12))
def test_a_failed_import_leaves_client_and_dma_buf_as_they_were(bench: CardBench, times: int) -> None:
    """The call itself cleans up, not the end of the program."""
    card, fd = bench.open("card1"), bench.foreign_fd(0, 2)
    dmabuf, before = bench.dmabuf(fd), bench.counts()
    bench.kernel.faults.fail_nth(times)
    try:
        handle = bench.to_handle(card, fd)
    except KernelError:
        # what was told to nobody because the copy out failed is the one thing that stays
        if bench.kernel.faults.failed == "user copy of copy_to_user":
            assert len(bench.client(card).handles.numbers) == 1
            handle = bench.to_handle(card, fd)
        else:
            handle = None
    bench.kernel.faults.fail_nth(0)
    if handle is not None:
        bench.gem_close(card, handle)
    assert bench.counts() == before
    assert (dmabuf.file.f_count, dmabuf.attachments, dmabuf.mappings) == (1, [], [])
    assert bench.client(card).handles.numbers == []
