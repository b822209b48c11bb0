"""Buffers of the model in other host processes: the very pages, and a ledger that is right."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PAGE_SIZE
from soc.dmabuf import dma_buf_put
from tests.bridge.bench import Board, Paged

GET = """
frame = board.get("frame")
say("got", frame.fds[0], frame.ino, frame.size, frame.way.name)
"""


@pytest.fixture
def frame(board: Board) -> Paged:
    """A scattered buffer of eight pages, published as `frame`; its bytes tell their place."""
    frame = board.scattered()
    board.dram.write(frame.span, np.arange(8 * PAGE_SIZE, dtype=np.uint32).view(np.uint8)[: frame.span.size])
    board.server.publish("frame", frame.dmabuf)
    dma_buf_put(frame.dmabuf, frame.dmabuf.exporter)
    return frame


def test_a_scattered_buffer_is_contiguous_there_and_each_sees_the_others_writes_at_once(
    board: Board, frame: Paged
) -> None:
    child = board.process(
        GET
        + """
import numpy as np
say(bytes(frame.array).hex() == np.arange(32768, dtype=np.uint32).view(np.uint8)[:32768].tobytes().hex())
hear(); say(bytes(frame.array[4090:4100]))
frame.array[8190:8200] = 7
say("written")
hear()
"""
    )
    assert child.line().startswith("got ")
    assert child.line() == "True"
    board.dram.view(frame.span.address, 4096)[4090:] = 1
    second = PAGE_SIZE * int(frame.frames[1])
    board.dram.view(type(frame.span.address)(second), 4)[:] = 2
    child.tell()
    assert child.line() == str(bytes([1] * 6 + [2] * 4))
    assert child.line() == "written"
    assert bytes(board.bytes_of(frame.frames)[8190:8200]) == bytes([7] * 10)


def test_the_ledger_names_the_process_and_its_fd_until_it_closes(board: Board, frame: Paged) -> None:
    child = board.process(GET + "hear(); frame.close(); say('closed'); hear()")
    assert frame.holders() == "kernel bridge, as frame"
    fd = child.line().split()[1]
    assert frame.holders() == f"fd {fd} of host process {child.pid}, kernel bridge, as frame"
    child.tell()
    assert child.line() == "closed"
    assert frame.holders() == "kernel bridge, as frame"


def test_a_client_that_is_killed_holds_nothing_any_more(board: Board, frame: Paged) -> None:
    child = board.process(GET + "hear()")
    fd = child.line().split()[1]
    board.server.withdraw("frame")
    assert frame.holders() == f"fd {fd} of host process {child.pid}"
    assert not frame.released
    child.kill()
    assert frame.released
    assert board.kernel.files.live() == []


def test_a_client_that_is_killed_before_it_confirms_holds_nothing_any_more(
    board: Board, frame: Paged
) -> None:
    child = board.process(
        """
from soc.bridge.protocol import Kind
board._ask(Kind.GET, Kind.BUFFER, b"frame")
say("offered"); hear()
"""
    )
    assert child.line() == "offered"
    board.server.withdraw("frame")
    assert frame.holders() == f"message to host process {child.pid}"
    child.kill()
    assert frame.released


def test_a_client_that_ends_gives_everything_back(board: Board, frame: Paged) -> None:
    child = board.process(GET)
    child.line()
    child.end()
    assert frame.holders() == "kernel bridge, as frame"


def test_two_clients_have_the_same_buffer(board: Board, frame: Paged) -> None:
    code = GET + "hear(); frame.array[:4] = list(b'mark'); say('marked'); hear()"
    one, other = board.process(code), board.process(GET + "hear(); say(bytes(frame.array[:4])); hear()")
    inos = {one.line().split()[2], other.line().split()[2]}
    assert inos == {str(frame.dmabuf.ino)}
    assert frame.dmabuf.file.f_count == 3
    one.tell()
    assert one.line() == "marked"
    other.tell()
    assert other.line() == "b'mark'"
    one.kill()
    assert frame.dmabuf.file.f_count == 2


def test_a_client_may_have_a_buffer_twice_and_gives_each_back(board: Board, frame: Paged) -> None:
    child = board.process(
        GET + "again = board.get('frame'); say('twice'); hear(); frame.close(); say('once'); hear()"
    )
    child.line()
    assert child.line() == "twice"
    assert frame.dmabuf.file.f_count == 3
    child.tell()
    assert child.line() == "once"
    assert frame.dmabuf.file.f_count == 2


def test_views_left_after_close_see_zeros_that_are_nobody_elses(board: Board, frame: Paged) -> None:
    child = board.process(
        GET
        + """
view = frame.array[100:104]
view[:] = 5
frame.close()
frame.close()
view[:] += 1
say(bytes(view)); hear()
"""
    )
    child.line()
    assert child.line() == str(bytes([1] * 4))
    assert bytes(board.bytes_of(frame.frames)[100:104]) == bytes([5] * 4)


def test_the_client_needs_nothing_of_the_model(board: Board, frame: Paged) -> None:
    child = board.process("say(*sorted(name for name in sys.modules if name.split('.')[0] == 'soc')); hear()")
    assert child.line().split() == [
        "soc",
        "soc.bridge",
        "soc.bridge.client",
        "soc.bridge.payload",
        "soc.bridge.protocol",
        "soc.memory",
        "soc.memory.host_mmap",
    ]


def test_names_are_listed_and_unknown_ones_refused(board: Board, frame: Paged) -> None:
    board.server.publish("another", board.scattered(1).dmabuf)
    child = board.process(
        """
say(board.names())
try: board.get("nothing")
except BridgeError as error: say(error)
say(board.get("frame").size); hear()
"""
    )
    assert child.line() == "['another', 'frame']"
    assert child.line() == "no buffer 'nothing' is published"
    assert child.line() == "32768", "the connection goes on"


def test_closing_the_server_ends_it_all(board: Board, frame: Paged) -> None:
    child = board.process(
        GET
        + """
hear()
try: board.names()
except BridgeError as error: say(error)
"""
    )
    child.line()
    path = board.server.path
    board.server.close()
    assert frame.released
    assert not path.exists()
    assert child.rest("go on") == f"the server at {path} is lost: Broken pipe\n"
