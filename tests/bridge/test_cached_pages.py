"""Pages that are out have one view: the machine's cache is taken from them, and given back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soc.bridge.protocol import BridgeError
from soc.bridge.shared import SharedBuffers
from soc.bridge.udmabuf import HostUdmabuf
from soc.memory.span import Bytes
from tests.bridge.bench import Board, Paged

GET = "frame = board.get('frame'); say(int(frame.array[0])); hear()\n"


@pytest.fixture
def frame(board: Board) -> Paged:
    frame = board.scattered()
    board.server.publish("frame", frame.dmabuf)
    return frame


def cpu_writes(board: Board, frame: Paged, value: int) -> None:
    board.kernel.cpu.write_span(frame.span, np.full(frame.span.size, value, dtype=np.uint8))


def device_writes(board: Board, frame: Paged, value: int) -> None:
    board.engine().write(frame.span, np.full(frame.span.size, value, dtype=np.uint8))


def device_reads(board: Board, frame: Paged) -> Bytes:
    return board.engine().read(frame.span).copy()


def test_a_device_and_a_client_see_each_other_at_once_without_any_sync(board: Board, frame: Paged) -> None:
    child = board.process(GET + "say(int(frame.array[0])); frame.array[:] = 3; say('done'); hear()")
    assert child.line() == "0"
    device_writes(board, frame, 2)
    child.tell()
    assert [child.line(), child.line()] == ["2", "done"]
    assert set(device_reads(board, frame).tolist()) == {3}
    assert board.kernel.cache is not None
    assert board.kernel.cache.incidents == []


def test_the_client_gets_the_newest_bytes_of_both_views(board: Board, frame: Paged) -> None:
    cpu_writes(board, frame, 9)
    child = board.process(GET)
    assert child.line() == "9", "dirty lines were written back"
    assert set(device_reads(board, frame).tolist()) == {9}
    child.kill()
    device_writes(board, frame, 4)
    child = board.process(GET)
    assert child.line() == "4", "stale lines were filled again"


def test_a_missing_sync_is_an_incident_again_when_the_client_is_gone(board: Board, frame: Paged) -> None:
    """The control: the cache is back."""
    assert board.kernel.cache is not None
    child = board.process(GET)
    child.line()
    cpu_writes(board, frame, 5)
    device_reads(board, frame)
    assert board.kernel.cache.incidents == []
    child.kill()
    cpu_writes(board, frame, 6)
    device_reads(board, frame)
    assert len(board.kernel.cache.incidents) == 1


def test_two_buffers_on_the_same_pages_are_cached_again_with_the_last(board: Board, frame: Paged) -> None:
    twin = Paged(board.kernel, frame.frames)
    board.server.publish("twin", twin.dmabuf)
    first = board.process(GET)
    second = board.process(GET.replace("'frame'", "'twin'"))
    assert [first.line(), second.line()] == ["0", "0"]
    first.kill()
    cpu_writes(board, frame, 6)
    device_reads(board, frame)
    assert board.kernel.cache is not None
    assert board.kernel.cache.incidents == []
    second.kill()
    cpu_writes(board, frame, 7)
    device_reads(board, frame)
    assert len(board.kernel.cache.incidents) == 1


def test_of_two_buffers_on_the_same_pages_the_one_that_is_out_longer_is_found(
    board: Board, frame: Paged
) -> None:
    twin = Paged(board.kernel, frame.frames)
    buffers = SharedBuffers(board.kernel, HostUdmabuf(Path("/nowhere")), pages_only=False)
    first, second = buffers.acquire(frame.dmabuf), buffers.acquire(twin.dmabuf)
    found = [buffers.find(first.fds, first.runs)]
    buffers.release(first)
    found.append(buffers.find(first.fds, first.runs))
    buffers.release(second)
    assert found == [frame.dmabuf, twin.dmabuf]
    with pytest.raises(BridgeError, match="no buffer that it handed out"):
        buffers.find(second.fds, second.runs)
