"""SEMANTICS 1.4: an attach waits for the buffer to be unmapped, new maps sleep; a signal ends both."""

from __future__ import annotations

from errno import EBUSY, EINTR
from pathlib import Path

import pytest

from soc.clock import SECOND
from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_map_attachment,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.resv import dma_resv_acquire_ctx
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from tests.negotiated.bench import HIGH, SIZE, TO, NegotiatedBench, frames
from tests.negotiated.play import Play, used

WAITING = [Generation.V2011, Generation.V4_9, Generation.V6_12, Generation.V6_15]


@pytest.mark.parametrize("generation", WAITING, ids=str)
def test_an_attach_waits_for_the_mapping_and_new_maps_sleep_meanwhile(
    tmp_path: Path, generation: Generation
) -> None:
    bench = NegotiatedBench(tmp_path, generation, dynamic=False)
    play = Play(bench)
    play.start()
    bench.kernel.sched.spawn(bench.app, play.unmap)
    bench.kernel.sched.run()
    assert play.said == ["unmapped", "attached", "mapped"]
    assert bench.kernel.clock.now < SECOND, "nobody ran into the timeout"
    assert (frames(play.dmabuf) < HIGH >> 12).all()
    sgt = dma_buf_map_attachment_unlocked(play.late, TO)
    assert bench.device_has("camera", sgt)
    dma_buf_unmap_attachment_unlocked(play.late, sgt, TO)
    assert bench.problems() == []
    bench.end(play.dmabuf)
    bench.close()


def test_a_signal_ends_the_sleep_of_a_map_with_eintr(bench: NegotiatedBench) -> None:
    play = Play(bench)
    _, mapping = play.start()
    play.other.send_signal()
    bench.kernel.sched.run_ready()
    with pytest.raises(KernelError) as error:
        mapping.result()
    assert error.value.errno == EINTR
    bench.kernel.sched.spawn(bench.app, play.unmap)
    bench.kernel.sched.run()
    assert play.said == ["unmapped", "attached"]
    assert not play.dmabuf.resv.held
    bench.end(play.dmabuf)


def test_a_signal_ends_the_wait_of_an_attach_and_the_memory_stays(bench: NegotiatedBench) -> None:
    play = Play(bench)
    where, free = frames(play.dmabuf), bench.kernel.memory.pages.free_frames
    attaching, _ = play.start()
    play.newcomer.send_signal()
    bench.kernel.sched.run_ready()
    with pytest.raises(KernelError) as error:
        attaching.result()
    assert error.value.errno == EINTR
    assert play.said == ["mapped"], "who slept may map the old memory"
    assert (frames(play.dmabuf) == where).all()
    assert bench.kernel.memory.pages.free_frames == free
    assert [attachment.device.name for attachment in play.dmabuf.attachments] == ["1001000.display"] * 2
    play.unmap()
    bench.end(play.dmabuf)


def test_who_waits_for_too_long_is_ebusy(bench: NegotiatedBench) -> None:
    display, sgt = used(bench)
    where = frames(display.dmabuf)
    with pytest.raises(KernelError) as error:
        dma_buf_attach(display.dmabuf, bench.device("camera"))
    assert error.value.errno == EBUSY
    assert "to be unmapped by 1001000.display for too long" in error.value.why
    assert bench.kernel.clock.now == SECOND
    assert (frames(display.dmabuf) == where).all()
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    bench.end(display.dmabuf)


def test_a_second_attach_that_must_move_it_waits_for_the_first(bench: NegotiatedBench) -> None:
    play = Play(bench)
    play.start()
    third = bench.kernel.process("third")
    late = bench.kernel.sched.spawn(third, lambda: dma_buf_attach(play.dmabuf, bench.device("port")))
    bench.kernel.sched.run_ready()
    assert not late.done
    bench.kernel.sched.spawn(bench.app, play.unmap)
    bench.kernel.sched.run()
    assert play.said[:2] == ["unmapped", "attached"]
    assert late.done and bench.kernel.memory.cma.default is not None
    assert bench.kernel.memory.cma.default.used == SIZE >> 12
    assert bench.has(play.dmabuf)
    bench.end(play.dmabuf)


def test_a_map_with_several_locks_is_ebusy_and_keeps_them(bench: NegotiatedBench) -> None:
    """It could not let go of this one and keep the promise of its context."""
    play = Play(bench)
    play.start()
    with bench.kernel.sched.running(bench.app):
        ctx = dma_resv_acquire_ctx(bench.kernel)
        play.dmabuf.resv.lock(ctx)
        with pytest.raises(KernelError) as error:
            dma_buf_map_attachment(play.second, TO)
        assert error.value.errno == EBUSY
        assert play.dmabuf.resv.held
        play.dmabuf.resv.unlock()
        ctx.fini()
    bench.kernel.sched.spawn(bench.app, play.unmap)
    bench.kernel.sched.run()
    bench.end(play.dmabuf)
