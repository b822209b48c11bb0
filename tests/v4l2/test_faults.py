"""Every allocation and mapping of a queue fails once: the slot has nothing, the dma-buf nobody but its fd."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from soc.v4l2.vb2_queue import BufferState, Vb2Queue
from tests.drm.bench import PAGE, CardBench, card_bench


def queue_both(bench: CardBench, queue: Vb2Queue, luma: int, chroma: int) -> None:
    queue.reqbufs(2)
    queue.qbuf(bench.app, 0, [(luma, 0), (chroma, 0)])
    queue.qbuf(bench.app, 1, [(chroma, 0), (chroma, 0)])


@pytest.mark.parametrize("generation", [Generation.V4_9, Generation.V6_12], ids=str)
def test_each_place_in_turn(tmp_path: Path, generation: Generation) -> None:
    nth, failures = 0, []
    while True:
        nth += 1
        with card_bench(tmp_path, generation) as bench:
            queue = Vb2Queue(bench.camera, "capture", DmaDirection.FROM_DEVICE, (PAGE, PAGE))
            fds = bench.foreign_fd(0, 1), bench.foreign_fd(2)
            before = bench.counts()
            bench.kernel.faults.fail_nth(nth)
            with suppress(KernelError):
                queue_both(bench, queue, *fds)
            failures.append(bench.kernel.faults.failed)
            for buffer in queue.buffers:
                if buffer.state is BufferState.DEQUEUED:
                    assert [(plane.dmabuf, plane.memory) for plane in buffer.planes] == [(None, None)] * 2
            queue.reqbufs(0)
            assert bench.counts() == before
            for fd in fds:
                dmabuf = bench.dmabuf(fd)
                assert (dmabuf.file.f_count, dmabuf.attachments, dmabuf.mappings) == (1, [], [])
            if failures[-1] is None:
                break
    assert {"kmalloc of vb2_buffer", "kmalloc of vb2_dc_buf", "kmalloc of dma_buf_attachment"} <= set(
        failures
    )
    assert len(failures) > 8
