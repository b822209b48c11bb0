"""Frame records: bytes, places and digests of what an engine moved."""

from __future__ import annotations

import numpy as np
import xxhash

from soc.address import Iova, PhysAddr
from soc.clock import Clock
from soc.frames import FrameRecorder
from soc.memory.span import PageSpan

FIRST = PageSpan.linear(PhysAddr(0x1000), 0x1800)
SECOND = PageSpan.linear(PhysAddr(0x2800), 0x1000)
BYTES = np.arange(0x2800, dtype=np.int64).astype(np.uint8)


def recorder() -> tuple[Clock, FrameRecorder]:
    clock = Clock()
    return clock, FrameRecorder("camera", clock)


def record(recorder: FrameRecorder, *cuts: int) -> None:
    edges = [0, *cuts, BYTES.size]
    for start, end in zip(edges, edges[1:], strict=False):
        recorder.add([PageSpan.linear(PhysAddr(0x1000 + start), end - start)], BYTES[start:end])


def test_a_complete_frame():
    clock, camera = recorder()
    heard = []
    camera.listeners.append(heard.append)
    clock.advance(100)
    camera.begin(Iova(0xABC000))
    camera.add([FIRST], BYTES[:0x1800])
    camera.add([SECOND], BYTES[0x1800:])
    clock.advance(250)
    camera.finish()
    (frame,) = camera.records
    assert heard == [frame]
    assert (frame.engine, frame.sequence, frame.iova) == ("camera", 0, 0xABC000)
    assert (frame.started, frame.ended, frame.size, frame.fault) == (100, 250, 0x2800, None)
    assert frame.complete
    assert frame.digest == xxhash.xxh3_128(BYTES.tobytes()).hexdigest()
    assert frame.frames.tolist() == [1, 2, 3]


def test_the_digest_is_of_the_bytes_however_they_were_cut():
    _, camera = recorder()
    for cuts in ((), (1,), (0x1000, 0x1001, 0x2000)):
        camera.begin(Iova(0))
        record(camera, *cuts)
        camera.finish()
    camera.begin(Iova(0))
    camera.add([FIRST], np.zeros(4, dtype=np.uint8))
    camera.finish()
    digests = [frame.digest for frame in camera.records]
    assert len(set(digests[:3])) == 1
    assert digests[3] != digests[0]
    assert [frame.sequence for frame in camera.records] == [0, 1, 2, 3]


def test_bytes_that_are_not_contiguous_in_the_host():
    _, camera = recorder()
    camera.begin(Iova(0))
    camera.add([FIRST], BYTES[::2])
    camera.finish()
    assert camera.records[0].digest == xxhash.xxh3_128(BYTES[::2].tobytes()).hexdigest()


def test_a_frame_cut_short_has_no_digest():
    _, camera = recorder()
    camera.begin(Iova(0))
    camera.add([FIRST], BYTES[:0x1800])
    camera.finish("F_TRANSLATION at iova 0x1800")
    (frame,) = camera.records
    assert (frame.complete, frame.fault, frame.size) == (False, "F_TRANSLATION at iova 0x1800", 0x1800)


def test_nothing_is_recorded_outside_a_frame():
    _, camera = recorder()
    camera.add([FIRST], BYTES)
    camera.finish()
    assert camera.records == []


def test_a_frame_without_bytes_has_no_page_frames():
    _, camera = recorder()
    camera.begin(Iova(0))
    camera.finish()
    assert camera.records[0].frames.tolist() == []


def test_without_digesting_the_bytes_are_still_counted():
    _, camera = recorder()
    camera.digesting = False
    camera.begin(Iova(0))
    camera.add([FIRST], BYTES[:0x1800])
    camera.finish()
    assert camera.records[0].size == 0x1800
    assert camera.records[0].digest == xxhash.xxh3_128(b"").hexdigest()


def test_without_keeping_only_the_listeners_see_a_record():
    _, camera = recorder()
    camera.keeping = False
    heard = []
    camera.listeners.append(heard.append)
    for _ in range(3):
        camera.begin(Iova(0))
        record(camera)
        camera.finish()
    assert [frame.sequence for frame in heard] == [0, 1, 2]
    assert (camera.records, camera.completed) == ([], 3)


def test_a_frame_that_was_discarded_on_the_way_lay_nowhere():
    _, display = recorder()
    display.begin(Iova(0x1000))
    display.add([PageSpan(np.empty(0, dtype=np.int64), 0, 0, contiguous=True)] * 2, BYTES)
    display.finish()
    (frame,) = display.records
    assert (frame.frames.tolist(), frame.size, frame.complete) == ([], BYTES.size, True)
