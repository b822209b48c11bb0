"""SEMANTICS 1.4, dynamic importers: told of a move, behind a KERNEL fence. A dynamic exporter of 6.15."""

from __future__ import annotations

from errno import EBUSY, ENOMEM
from pathlib import Path

import pytest

from soc.clock import SECOND
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_pin,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_unpin,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.dmabuf.fence import dma_fence_put, dma_fence_signal
from soc.dmabuf.resv import (
    DmaResvUsage,
    dma_resv_fences,
    dma_resv_test_signaled,
    dma_resv_wait_timeout,
)
from soc.kernel.errors import KernelError
from soc.kernel.fs.poll import EPOLLIN, EPOLLOUT
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import TEST
from tests.negotiated.bench import HIGH, SIZE, TO, Follower, NegotiatedBench, behind, frames, mark
from tests.negotiated.play import job

KERNEL = DmaResvUsage.KERNEL


def followed(bench: NegotiatedBench, direction: DmaDirection = TO) -> tuple[DmaBuf, Follower]:
    """A buffer full of marks above 4 GiB that the display, a follower, has mapped."""
    bench.wear()
    dmabuf = bench.buffer()
    follower = bench.importer(dmabuf, "display", direction)
    bench.device_fills("display", follower.map())
    assert (frames(dmabuf) >= HIGH >> 12).all()
    return dmabuf, follower


def end(bench: NegotiatedBench, dmabuf: DmaBuf, *followers: Follower) -> None:
    for follower in followers:
        follower.unmap()
    bench.kernel.sched.run_ready()
    bench.end(dmabuf)
    assert bench.kernel.memory.owners.live == []


def test_a_follower_is_told_and_not_waited_for(dynamic: NegotiatedBench) -> None:
    dmabuf, follower = followed(dynamic)
    camera = dynamic.importer(dmabuf, "camera")
    assert (follower.told, follower.sgt, camera.told) == (1, None, 0)
    assert dynamic.kernel.clock.now == 0
    assert (frames(dmabuf) < HIGH >> 12).all()
    assert [event.what for event in dmabuf.history if event.what in ("move", "move_notify")] == [
        "move_notify",
        "move",
    ]
    end(dynamic, dmabuf, follower, camera)


def test_the_copy_is_made_behind_a_kernel_fence(dynamic: NegotiatedBench) -> None:
    dmabuf, follower = followed(dynamic)
    camera = dynamic.importer(dmabuf, "camera")
    (fence,) = dma_resv_fences(dmabuf.resv, KERNEL)
    assert (fence.driver_name, fence.timeline_name, fence.signalled) == ("negotiated", "move", False)
    assert str(fence.blockers()[0]) == f"move of {dmabuf}", "who is to signal it is known"
    new = camera.map()
    assert not dynamic.device_has("camera", new), "the bytes are not there yet"
    dma_resv_wait_timeout(dmabuf.resv, KERNEL)
    assert dynamic.device_has("camera", new) and dynamic.device_has("display", follower.map())
    assert dma_resv_test_signaled(dmabuf.resv, DmaResvUsage.BOOKKEEP)
    end(dynamic, dmabuf, follower, camera)


def test_the_copy_waits_for_work_that_still_uses_the_old_memory(dynamic: NegotiatedBench) -> None:
    """A follower that is slow keeps its stale mapping for the work it has submitted."""
    dmabuf, follower = followed(dynamic)
    follower.slow = True
    work, stale = job(dmabuf), follower.map()
    camera = dynamic.importer(dmabuf, "camera")
    dynamic.kernel.sched.run_ready()
    assert not dma_resv_test_signaled(dmabuf.resv, KERNEL)
    dynamic.engine_writes("display", stale, b"late")
    dma_fence_signal(work)
    dma_fence_put(work)
    dynamic.kernel.sched.run_ready()
    assert dma_resv_test_signaled(dmabuf.resv, KERNEL)
    assert dynamic.engine_reads("camera", camera.map(), 8) == b"late" + mark(0)[4:]
    assert len(dynamic.kernel.memory.owners.live) == 2, "the old memory is still mapped"
    follower.unmap(stale)
    assert len(dynamic.kernel.memory.owners.live) == 1
    end(dynamic, dmabuf, camera)


@pytest.mark.parametrize("who", ["static importer", "program", "vmap", "SYNC", "poll"])
def test_everybody_waits_for_the_bytes_to_arrive(dynamic: NegotiatedBench, who: str) -> None:
    dmabuf, follower = followed(dynamic)
    camera = dynamic.importer(dmabuf, "camera")
    assert not dma_resv_test_signaled(dmabuf.resv, KERNEL)
    if who == "static importer":
        static = dma_buf_attach(dmabuf, dynamic.device("display"))
        sgt = dma_buf_map_attachment_unlocked(static, TO)
        assert dynamic.device_has("display", sgt)
        dma_buf_unmap_attachment_unlocked(static, sgt, TO)
        dma_buf_detach(dmabuf, static)
    elif who == "program":
        assert dynamic.has(dmabuf)
    elif who == "vmap":
        mapping = dma_buf_vmap_unlocked(dmabuf)
        assert bytes(mapping.read(0, 8)) == mark(0)
        dma_buf_vunmap_unlocked(dmabuf, mapping)
    elif who == "SYNC":
        with dynamic.kernel.sched.running(dynamic.app):
            dma_buf_begin_cpu_access(dmabuf, DmaDirection.FROM_DEVICE)
    else:
        assert dynamic.app.poll([(0, EPOLLIN | EPOLLOUT)], timeout=0) == [0]
        assert dynamic.app.poll([(0, EPOLLIN | EPOLLOUT)]) == [EPOLLIN | EPOLLOUT]
    assert dma_resv_test_signaled(dmabuf.resv, KERNEL)
    end(dynamic, dmabuf, follower, camera)


def test_a_second_move_before_the_first_copy_was_made(dynamic: NegotiatedBench) -> None:
    dmabuf, follower = followed(dynamic)
    camera = dynamic.importer(dmabuf, "camera")
    camera.map()
    port = dynamic.importer(dmabuf, "port")
    assert (follower.told, camera.told) == (2, 1)
    sgt = port.map()
    assert sgt.nents == 1
    dma_resv_wait_timeout(dmabuf.resv, KERNEL)
    assert dynamic.device_has("port", sgt) and dynamic.device_has("camera", camera.map())
    assert len(dynamic.kernel.memory.owners.live) == 1
    end(dynamic, dmabuf, follower, camera, port)


def test_a_buffer_that_is_released_while_it_moves(dynamic: NegotiatedBench) -> None:
    dmabuf, follower = followed(dynamic)
    camera = dynamic.importer(dmabuf, "camera")
    for attachment in list(dmabuf.attachments):
        dma_buf_detach(dmabuf, attachment)
    dynamic.app.exit()
    dma_buf_put(dmabuf, TEST)
    assert len(dynamic.kernel.memory.owners.live) == 2
    dynamic.kernel.sched.run_ready()
    assert dynamic.kernel.memory.owners.live == []
    assert (follower.told, camera.told) == (1, 0)


def test_what_the_cpu_copied_is_in_dram_for_who_mapped_before(tmp_path: Path) -> None:
    bench = NegotiatedBench(tmp_path, Generation.V6_15, cached=True)
    dmabuf, follower = followed(bench, DmaDirection.BIDIRECTIONAL)
    follower.slow = True
    stale = follower.map()
    bench.engine_writes("display", stale, b"newest!!")
    camera = bench.importer(dmabuf, "camera")
    new = camera.map()
    bench.kernel.sched.run_ready()
    assert bench.engine_reads("camera", new, 8) == b"newest!!"
    follower.unmap(stale)
    end(bench, dmabuf, camera)
    bench.close()


# --- what holds a dynamic exporter back -----------------------------------------------


def test_a_pin_holds_it(dynamic: NegotiatedBench) -> None:
    """Scan-out cannot take a move: -EBUSY until it is unpinned."""
    dmabuf, follower = followed(dynamic)
    with dmabuf.resv.locked():
        dma_buf_pin(follower.attachment)
        dma_buf_pin(follower.attachment)
    with pytest.raises(KernelError) as error:
        dynamic.importer(dmabuf, "camera")
    assert error.value.errno == EBUSY
    assert error.value.why == f"{dmabuf} is pinned by 1001000.display: it cannot move"
    assert (follower.told, dynamic.kernel.clock.now) == (0, 0), "refused at once"
    with dmabuf.resv.locked():
        dma_buf_unpin(follower.attachment)
        dma_buf_unpin(follower.attachment)
    camera = dynamic.importer(dmabuf, "camera")
    assert follower.told == 1
    end(dynamic, dmabuf, follower, camera)


def test_a_pin_takes_memory_for_a_buffer_without(dynamic: NegotiatedBench) -> None:
    dmabuf = dynamic.buffer()
    follower = dynamic.importer(dmabuf, "camera")
    with dmabuf.resv.locked():
        dma_buf_pin(follower.attachment)
        assert (frames(dmabuf) < HIGH >> 12).all()
        dma_buf_unpin(follower.attachment)
    end(dynamic, dmabuf, follower)


@pytest.mark.parametrize("move_notify", [False, True])
def test_a_mapping_pins_unless_move_notify_is_configured_in(tmp_path: Path, move_notify: bool) -> None:
    bench = NegotiatedBench(tmp_path, Generation.V6_15, move_notify=move_notify)
    dmabuf, follower = followed(bench)
    if move_notify:
        bench.importer(dmabuf, "camera")
    else:
        with pytest.raises(KernelError) as error:
            bench.importer(dmabuf, "camera")
        assert error.value.errno == EBUSY
    assert bench.kernel.clock.now == (0 if move_notify else SECOND)
    assert follower.told == int(move_notify)
    end(bench, dmabuf, follower)
    bench.close()


def test_a_static_importers_mapping_is_waited_for_and_followers_are_not(dynamic: NegotiatedBench) -> None:
    dmabuf, follower = followed(dynamic)
    static = dma_buf_attach(dmabuf, dynamic.device("display"))
    sgt = dma_buf_map_attachment_unlocked(static, TO)
    app = dynamic.kernel.process("newcomer")
    attaching = dynamic.kernel.sched.spawn(app, lambda: dynamic.importer(dmabuf, "camera"))
    dynamic.kernel.sched.run_ready()
    assert (attaching.done, follower.told) == (False, 0)
    dma_buf_unmap_attachment_unlocked(static, sgt, TO)
    dynamic.kernel.sched.run_ready()
    assert (attaching.done, follower.told) == (True, 1)
    end(dynamic, dmabuf, follower)


def test_in_6_12_another_importer_pins_a_dynamic_exporter_from_attach_on(tmp_path: Path) -> None:
    """Which is why the heap's exporters are static there by default."""
    bench = NegotiatedBench(tmp_path, Generation.V6_12, dynamic=True)
    dmabuf = bench.buffer()
    static = dma_buf_attach(dmabuf, bench.device("display"))
    assert static.sgt is not None and (frames(dmabuf) >= HIGH >> 12).all()
    behind(dmabuf).timeout = 0
    with pytest.raises(KernelError) as error:
        bench.attach_all(dmabuf, "camera")
    assert error.value.errno == EBUSY
    bench.end(dmabuf)
    assert not NegotiatedBench(tmp_path, Generation.V6_12).heap.dynamic
    bench.close()


@pytest.mark.parametrize("nth", range(1, 12))
def test_a_move_that_fails_leaves_the_buffer_where_it_is(dynamic: NegotiatedBench, nth: int) -> None:
    dmabuf, follower = followed(dynamic)
    where, free = frames(dmabuf), dynamic.kernel.memory.pages.free_frames
    work = job(dmabuf)
    dynamic.kernel.faults.fail_nth(nth)
    try:
        camera = dynamic.importer(dmabuf, "camera")
    except KernelError as error:
        assert error.errno in (ENOMEM, EBUSY)
        assert (frames(dmabuf) == where).all()
        assert dynamic.kernel.memory.pages.free_frames == free
        assert follower.told == 0 and dynamic.device_has("display", follower.map())
        assert len(dmabuf.attachments) == 1
    else:
        assert dynamic.kernel.faults.failed is None
        camera.unmap()
    dynamic.kernel.faults.fail_nth(0)
    dma_fence_signal(work)
    dma_fence_put(work)
    assert dmabuf.size == SIZE
    end(dynamic, dmabuf, follower)
