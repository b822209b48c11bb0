"""SEMANTICS 1.4: a later attach fits, waits and moves the memory, or is -EBUSY. A static exporter of 6.12."""

from __future__ import annotations

from errno import EBUSY, ENOMEM
from pathlib import Path

import pytest

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.dmabuf.fence import dma_fence_put, dma_fence_signal
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from tests.negotiated.bench import HIGH, SIZE, TO, NegotiatedBench, behind, frames
from tests.negotiated.play import job, used

BOTH = DmaDirection.BIDIRECTIONAL


def test_a_device_that_reaches_the_memory_changes_nothing(bench: NegotiatedBench) -> None:
    display, sgt = used(bench)
    dmabuf, where = display.dmabuf, frames(display.dmabuf)
    dma_buf_detach(dmabuf, dma_buf_attach(dmabuf, bench.device("display")))
    assert (frames(dmabuf) == where).all()
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    bench.end(dmabuf)


@pytest.mark.parametrize("late", ["camera", "scaler", "port"])
def test_what_nobody_has_mapped_moves_at_once_with_its_bytes(bench: NegotiatedBench, late: str) -> None:
    display, sgt = used(bench)
    dmabuf = display.dmabuf
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    free, cpu = bench.kernel.memory.pages.free_frames, bench.kernel.cpu.traffic.total()
    attachment = dma_buf_attach(dmabuf, bench.device(late))
    read, written = bench.kernel.cpu.traffic.total()
    assert (read - cpu[0], written - cpu[1]) == (SIZE, 2 * SIZE), "cleared, then copied by the CPU: booked"
    assert bench.kernel.memory.pages.free_frames == free, "the old memory is free"
    moved = dma_buf_map_attachment_unlocked(attachment, TO)
    assert bench.device_has(late, moved) and bench.has(dmabuf)
    assert moved.bounced_bytes == 0 and (late != "camera" or (frames(dmabuf) < HIGH >> 12).all())
    assert [event.who for event in dmabuf.history if event.what == "move"] == [attachment.device.name]
    (owner,) = bench.kernel.memory.owners.live
    assert owner.buffer == f"dma-buf {dmabuf.ino}"
    dma_buf_unmap_attachment_unlocked(attachment, moved, TO)
    bench.end(dmabuf)


def test_a_program_that_has_it_mapped_sees_the_same_bytes_and_writes_where_they_are_now(
    bench: NegotiatedBench,
) -> None:
    dmabuf = bench.buffer()
    bench.fill(dmabuf)
    address = bench.app.mmap(0, SIZE)
    assert bench.app.load(address, 8) == b"page0000"
    child = bench.app.fork("child")
    camera = dma_buf_attach(dmabuf, bench.device("camera"))
    assert (bench.app.mm.vmas[0].frames < 0).all()
    bench.app.store(address, b"written!")
    assert child.load(address, 8) == b"written!"
    sgt = dma_buf_map_attachment_unlocked(camera, TO)
    assert bench.engine_reads("camera", sgt, 8) == b"written!"
    dma_buf_unmap_attachment_unlocked(camera, sgt, TO)
    child.exit()
    bench.end(dmabuf)


def test_work_that_is_still_under_way_is_waited_for(bench: NegotiatedBench) -> None:
    """Nobody has it mapped any more, but a fence says that somebody is not done: BOOKKEEP, too."""
    display, sgt = used(bench)
    dmabuf = display.dmabuf
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    fence = job(dmabuf)
    bench.kernel.clock.at(5_000, lambda: dma_fence_signal(fence))
    dma_buf_attach(dmabuf, bench.device("camera"))
    assert bench.kernel.clock.now == 5_000
    dma_fence_put(fence)
    bench.end(dmabuf)


def test_the_caches_are_right_after_a_move(tmp_path: Path) -> None:
    """What a device wrote is copied, not the CPU's older lines; and the new device reads no older DRAM."""
    bench = NegotiatedBench(tmp_path, dynamic=False, cached=True)
    display, sgt = used(bench)
    dmabuf = display.dmabuf
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    assert bench.cache is not None
    bench.cache.incidents.clear()
    sgt = dma_buf_map_attachment_unlocked(display, BOTH)
    bench.engine_writes("display", sgt, b"device!!")
    dma_buf_unmap_attachment_unlocked(display, sgt, BOTH)
    camera = dma_buf_attach(dmabuf, bench.device("camera"))
    moved = dma_buf_map_attachment_unlocked(camera, TO)
    assert bench.engine_reads("camera", moved, 8) == b"device!!"
    assert bench.cache.incidents == []
    dma_buf_unmap_attachment_unlocked(camera, moved, TO)
    bench.end(dmabuf)
    bench.close()


# --- what cannot move ---------------------------------------------------------------


def test_a_vmapped_buffer_is_ebusy_until_vunmap(bench: NegotiatedBench) -> None:
    display, sgt = used(bench)
    dmabuf = display.dmabuf
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    mapping = dma_buf_vmap_unlocked(dmabuf)
    with pytest.raises(KernelError) as error:
        dma_buf_attach(dmabuf, bench.device("camera"))
    assert error.value.errno == EBUSY
    assert bytes(mapping.read(0, 8)) == b"page0000"
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    dma_buf_attach(dmabuf, bench.device("camera"))
    bench.end(dmabuf)


def test_without_memory_for_all_it_is_ebusy_and_stays(bench: NegotiatedBench) -> None:
    display, sgt = used(bench)
    dmabuf, where = display.dmabuf, frames(display.dmabuf)
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    area = bench.kernel.memory.cma.default
    assert area is not None
    taken = area.alloc(area.count - 4)
    with pytest.raises(KernelError) as error:
        dma_buf_attach(dmabuf, bench.device("port"))
    assert error.value.errno == EBUSY
    assert (frames(dmabuf) == where).all() and bench.has(dmabuf)
    assert behind(dmabuf).mover is None
    area.release(taken, area.count - 4)
    dma_buf_attach(dmabuf, bench.device("port"))
    assert bench.has(dmabuf)
    bench.end(dmabuf)


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_move_that_fails_leaves_the_buffer_where_it_is(bench: NegotiatedBench, nth: int) -> None:
    display, sgt = used(bench)
    dmabuf, where = display.dmabuf, frames(display.dmabuf)
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    before = bench.baseline()
    bench.kernel.faults.fail_nth(nth)
    try:
        dma_buf_attach(dmabuf, bench.device("port"))
    except KernelError as error:
        assert error.errno in (EBUSY, ENOMEM)
        assert (frames(dmabuf) == where).all() and bench.baseline() == before
    else:
        assert bench.kernel.faults.failed is None
    bench.kernel.faults.fail_nth(0)
    assert bench.has(dmabuf)
    bench.end(dmabuf)
