"""The rows of SEMANTICS.md 7.2 that a queue of imported buffers has."""

from __future__ import annotations

from collections.abc import Callable
from errno import EAGAIN, EBUSY, EFAULT, EINVAL, ENOMEM
from pathlib import Path

import pytest

from soc.kernel.errors import ERESTARTSYS, KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from soc.v4l2.vb2_queue import V4L2_MEMORY_MMAP, V4L2_MEMORY_USERPTR, BufferState, Vb2Queue
from tests.drm.bench import PAGE, CardBench, card_bench

GENERATIONS = pytest.mark.parametrize("generation", [Generation.V4_9, Generation.V6_12], ids=str)


def capture(bench: CardBench, *plane_sizes: int) -> Vb2Queue:
    """The camera's queue, of one plane of two pages by default, with three slots."""
    queue = Vb2Queue(bench.camera, "capture", DmaDirection.FROM_DEVICE, plane_sizes or (2 * PAGE,))
    assert queue.reqbufs(3) == 3
    return queue


def refused(errno: int, call: Callable[..., object], *args: object) -> str:
    with pytest.raises(KernelError) as caught:
        call(*args)
    assert caught.value.errno == errno
    return caught.value.why


# --- REQBUFS ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (32, 32), (33, 32), (1000, 32)])
def test_reqbufs_gives_as_many_as_there_may_be(bench: CardBench, asked: int, given: int) -> None:
    queue = capture(bench)
    assert queue.reqbufs(asked) == given == len(queue.buffers)


@pytest.mark.parametrize("memory", [V4L2_MEMORY_MMAP, V4L2_MEMORY_USERPTR, 0])
def test_reqbufs_other_memory_is_einval(bench: CardBench, memory: int) -> None:
    why = refused(EINVAL, capture(bench).reqbufs, 2, memory)
    assert why == f"camera capture takes dma-bufs only, not memory {memory}"


def test_reqbufs_while_streaming_is_ebusy(bench: CardBench) -> None:
    queue = capture(bench)
    queue.streamon()
    refused(EBUSY, queue.reqbufs, 0)
    queue.streamoff()
    assert queue.reqbufs(0) == 0


@pytest.mark.parametrize(("nth", "given"), [(2, 1), (3, 2)])
def test_reqbufs_gives_what_there_is_memory_for(bench: CardBench, nth: int, given: int) -> None:
    queue = capture(bench)
    bench.kernel.faults.fail_nth(nth)
    assert queue.reqbufs(3) == given
    bench.kernel.faults.fail_nth(1)
    refused(ENOMEM, queue.reqbufs, 3)
    assert queue.buffers == []


def test_reqbufs_0_gives_everything_back(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 1)
    for index in range(3):
        queue.qbuf(bench.app, index, [(fd, 0)])
    dmabuf = bench.dmabuf(fd)
    assert (dmabuf.file.f_count, len(dmabuf.attachments), len(dmabuf.mappings)) == (4, 3, 3)
    queue.reqbufs(0)
    assert (dmabuf.file.f_count, dmabuf.attachments, dmabuf.mappings) == (1, [], [])


# --- QBUF -------------------------------------------------------------------------------------


def test_qbuf_of_a_slot_that_there_is_not_is_einval(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 1)
    for index in (-1, 3):
        assert (
            refused(EINVAL, queue.qbuf, bench.app, index, [(fd, 0)]) == f"camera capture has no slot {index}"
        )


def test_qbuf_of_a_queued_slot_is_einval(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 1)
    queue.qbuf(bench.app, 1, [(fd, 0)])
    assert refused(EINVAL, queue.qbuf, bench.app, 1, [(fd, 0)]) == "camera capture slot 1 is queued"
    queue.reqbufs(0)


def test_qbuf_with_other_planes_than_the_queue_s_is_einval(bench: CardBench) -> None:
    queue, fd = capture(bench, PAGE, PAGE), bench.foreign_fd(0, 1)
    assert refused(EINVAL, queue.qbuf, bench.app, 0, [(fd, 0)]) == "camera capture has 2 planes, not 1"


@pytest.mark.parametrize("what", ["closed", "no dma-buf"])
def test_qbuf_of_a_bad_fd_is_einval_not_ebadf(bench: CardBench, what: str) -> None:
    queue = capture(bench)
    fd = 77 if what == "closed" else bench.open()
    why = refused(EINVAL, queue.qbuf, bench.app, 0, [(fd, 0)])
    assert why.startswith("camera capture slot 0 plane 0: invalid dmabuf fd: ")


@pytest.mark.parametrize(("length", "pages"), [(2 * PAGE - 1, 2), (0, 1)], ids=["said", "of the dma-buf"])
def test_qbuf_of_too_little_is_einval(bench: CardBench, length: int, pages: int) -> None:
    queue, fd = capture(bench), bench.foreign_fd(*range(pages))
    why = refused(EINVAL, queue.qbuf, bench.app, 0, [(fd, length)])
    few = length or pages * PAGE
    assert why == f"camera capture slot 0 plane 0: {few} bytes are too few, it needs 8192"
    assert bench.dmabuf(fd).file.f_count == 1


def test_qbuf_with_more_length_than_the_dma_buf_has_is_efault(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 1)
    refused(EFAULT, queue.qbuf, bench.app, 0, [(fd, 3 * PAGE)])
    assert bench.dmabuf(fd).file.f_count == 1


def test_qbuf_18_of_a_scattered_buffer_is_efault(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 2)
    refused(EFAULT, queue.qbuf, bench.app, 0, [(fd, 0)])
    dmabuf = bench.dmabuf(fd)
    assert (dmabuf.file.f_count, dmabuf.attachments, dmabuf.mappings) == (1, [], [])
    assert "camera camera: contiguous chunk is too small 4096/8192" in [
        entry.text for entry in bench.kernel.log.entries
    ]


def test_a_failure_in_any_plane_drops_all_planes(bench: CardBench) -> None:
    queue = capture(bench, PAGE, 2 * PAGE)
    good, short, scattered = bench.foreign_fd(0, 1), bench.foreign_fd(2), bench.foreign_fd(3, 5)
    queue.qbuf(bench.app, 0, [(good, 0), (good, 0)])
    queue.streamon()
    queue.streamoff()
    for second, errno in ((short, EINVAL), (77, EINVAL), (scattered, EFAULT)):
        refused(errno, queue.qbuf, bench.app, 0, [(good, 0), (second, 0)])
        for fd in (good, short, scattered):
            dmabuf = bench.dmabuf(fd)
            assert (dmabuf.file.f_count, dmabuf.attachments, dmabuf.mappings) == (1, [], [])
        assert queue.buffers[0].state is BufferState.DEQUEUED
    queue.qbuf(bench.app, 0, [(good, 0), (good, 0)])
    queue.reqbufs(0)


def test_planes_of_one_dma_buf_share_an_attachment(bench: CardBench) -> None:
    queue = capture(bench, PAGE, PAGE, PAGE)
    luma, chroma = bench.foreign_fd(0, 1), bench.foreign_fd(2, 3)
    queue.qbuf(bench.app, 0, [(luma, 0), (chroma, 0), (luma, 0)])
    buffer = queue.buffers[0]
    assert [len(bench.dmabuf(fd).attachments) for fd in (luma, chroma)] == [1, 1]
    assert [bench.dmabuf(fd).file.f_count for fd in (luma, chroma)] == [3, 2]
    assert [buffer.dma_addr(plane) for plane in range(3)] == [bench.pool, bench.pool + 8192, bench.pool]
    queue.reqbufs(0)
    assert bench.dmabuf(luma).attachments == []


# --- the same dma-buf again ---------------------------------------------------------------------


def round_trip(queue: Vb2Queue, bench: CardBench, fd: int, length: int = 0) -> None:
    queue.qbuf(bench.app, 0, [(fd, length)])
    buffer = queue.take()
    assert buffer is not None
    assert buffer.dma_addr() is not None
    queue.vb2_buffer_done(buffer)
    assert queue.dqbuf() == 0


@GENERATIONS
def test_a_slot_keeps_the_attachment_of_the_same_dma_buf(tmp_path: Path, generation: Generation) -> None:
    with card_bench(tmp_path, generation) as bench:
        queue, fd = capture(bench), bench.foreign_fd(0, 1)
        queue.streamon()
        dmabuf = bench.dmabuf(fd)
        maps = []
        for _ in range(3):
            round_trip(queue, bench, fd)
            maps.append(len(dmabuf.mappings))
            assert (dmabuf.file.f_count, len(dmabuf.attachments)) == (2, 1)
        modern = generation is Generation.V6_12
        assert maps == ([1, 1, 1] if modern else [0, 0, 0])
        deeds = [event.what for event in dmabuf.history if event.what in ("attach", "map", "unmap")]
        assert deeds == (["attach", "map"] if modern else ["attach", *["map", "unmap"] * 3])
        queue.streamoff()
        queue.reqbufs(0)
        assert (dmabuf.file.f_count, dmabuf.attachments, dmabuf.mappings) == (1, [], [])


@GENERATIONS
def test_another_dma_buf_or_length_takes_the_place_of_the_old(tmp_path: Path, generation: Generation) -> None:
    with card_bench(tmp_path, generation) as bench:
        queue, first, second = capture(bench), bench.foreign_fd(0, 1, 2), bench.foreign_fd(3, 4)
        queue.streamon()
        old = bench.dmabuf(first)
        round_trip(queue, bench, first)
        attachment = old.attachments[0]
        round_trip(queue, bench, first, 2 * PAGE)
        assert old.attachments != [attachment]
        round_trip(queue, bench, second)
        assert (old.file.f_count, old.attachments, old.mappings) == (1, [], [])
        queue.streamoff()
        queue.reqbufs(0)


@GENERATIONS
def test_the_buffer_lives_in_the_slot_when_its_fd_is_closed(tmp_path: Path, generation: Generation) -> None:
    with card_bench(tmp_path, generation) as bench:
        queue, fd = capture(bench), bench.foreign_fd(0, 1)
        queue.streamon()
        dmabuf = bench.dmabuf(fd)
        round_trip(queue, bench, fd)
        bench.app.close(fd)
        assert dmabuf.file.held_by() == "importer camera capture slot 0 plane 0"
        queue.streamoff()
        assert not dmabuf.released
        queue.reqbufs(0)
        assert dmabuf.released


# --- STREAMON, DQBUF, STREAMOFF -----------------------------------------------------------------


def test_streamon_without_buffers_is_einval_and_twice_is_nothing(bench: CardBench) -> None:
    queue = capture(bench)
    queue.reqbufs(0)
    assert refused(EINVAL, queue.streamon) == "camera capture has no buffers"
    queue.reqbufs(1)
    queue.streamon()
    queue.streamon()
    queue.streamoff()
    queue.streamoff()


def test_dqbuf_gives_the_oldest_that_is_done(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 1)
    refused(EINVAL, queue.dqbuf)
    assert queue.take() is None
    for index in (2, 0, 1):
        queue.qbuf(bench.app, index, [(fd, 0)])
    assert queue.take() is None
    queue.streamon()
    refused(EAGAIN, queue.dqbuf, True)
    taken = [queue.take() for _ in range(4)]
    assert [buffer and buffer.index for buffer in taken] == [2, 0, 1, None]
    for buffer in (taken[1], taken[0]):
        assert buffer is not None
        queue.vb2_buffer_done(buffer, error=buffer.index == 2)
    assert queue.buffers[2].state is BufferState.ERROR
    assert [queue.dqbuf(), queue.dqbuf()] == [0, 2]
    assert queue.buffers[1].state is BufferState.ACTIVE
    queue.streamoff()
    assert {buffer.state for buffer in queue.buffers} == {BufferState.DEQUEUED}
    queue.reqbufs(0)


def test_a_buffer_the_driver_does_not_have_cannot_be_done(bench: CardBench) -> None:
    queue = capture(bench)
    queue.vb2_buffer_done(queue.buffers[1])
    assert bench.warned() == ["vb2_buffer_done: camera capture slot 1 is dequeued, not active"]


def test_dqbuf_waits_for_the_device(bench: CardBench) -> None:
    queue, fd = capture(bench), bench.foreign_fd(0, 1)
    queue.qbuf(bench.app, 0, [(fd, 0)])
    queue.streamon()
    buffer = queue.take()
    assert buffer is not None
    bench.kernel.clock.at(bench.kernel.clock.now + 1000, lambda: queue.vb2_buffer_done(buffer))
    assert (queue.dqbuf(), bench.kernel.clock.now) == (0, 1000)
    queue.streamoff()
    queue.reqbufs(0)


def test_a_signal_or_the_end_of_the_stream_ends_the_wait(bench: CardBench) -> None:
    queue = capture(bench)
    queue.streamon()
    waits = [bench.kernel.sched.spawn(bench.app, queue.dqbuf) for _ in range(2)]
    bench.kernel.sched.run_ready()
    bench.app.send_signal()
    bench.kernel.sched.run()
    for wait in waits:
        refused(ERESTARTSYS, wait.result)
    bench.app.clear_signals()
    wait = bench.kernel.sched.spawn(bench.app, queue.dqbuf)
    bench.kernel.sched.run_ready()
    queue.streamoff()
    bench.kernel.sched.run()
    assert refused(EINVAL, wait.result) == "camera capture was stopped"
