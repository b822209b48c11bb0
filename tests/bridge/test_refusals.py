"""What cannot be handed out, and the ways of the host: each with one clear line."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IMODE

import numpy as np
import pytest

from soc.address import PAGE_SIZE, PhysAddr
from soc.bridge.protocol import BridgeError
from soc.bridge.server import BufferServer
from soc.dmabuf import DmaBuf, DmaBufOps, dma_buf_export
from tests.bridge.bench import Board, Paged

TRY = """
try: board.get("frame")
except BridgeError as error: say(error)
hear()
"""


def dma_buf(board: Board, **ops: object) -> DmaBuf:
    """A buffer of an exporter with these operations."""
    table = DmaBufOps(lambda *a: None, lambda *a: None, lambda *a: None, **ops)  # type: ignore[arg-type]
    return dma_buf_export(board.kernel, board, table, PAGE_SIZE, os.O_RDWR, "odd")


def test_a_buffer_that_no_program_may_map_is_refused(board: Board) -> None:
    """As a protected heap's."""
    board.server.publish("frame", dma_buf(board))
    dmabuf = board.kernel.files.live()[-1]
    child = board.process(TRY)
    assert child.line() == f"-EINVAL: {dmabuf}: its exporter maps nothing for programs"
    assert dmabuf.f_count == 2, "the exporter and the bridge"


def test_a_buffer_that_may_move_is_refused(board: Board) -> None:
    board.server.publish("frame", dma_buf(board, pin=lambda a: None, unpin=lambda a: None))
    child = board.process(TRY)
    dmabuf = board.kernel.files.live()[-1]
    assert child.line() == f"-EINVAL: {dmabuf}: its exporter may move it, a host process would not notice"


def test_a_buffer_that_may_only_be_read_is_refused(board: Board) -> None:
    frame = Paged(board.kernel, board.scattered(1).frames, os.O_RDONLY)
    board.server.publish("frame", frame.dmabuf)
    assert board.process(TRY).line() == f"-EACCES: {frame.dmabuf} is not open for writing"


def test_a_buffer_whose_pages_come_when_they_are_touched_is_handed_out(board: Board) -> None:
    frames = board.scattered(3).frames
    frame = Paged(board.kernel, frames, lazy=True)
    board.server.publish("frame", frame.dmabuf)
    child = board.process("frame = board.get('frame'); frame.array[4096 * 2] = 8; say('done'); hear()")
    assert child.line() == "done"
    assert board.bytes_of(frames)[2 * PAGE_SIZE] == 8


def test_a_buffer_in_two_banks_is_one_piece_there(tmp_path: Path) -> None:
    def two_banks(text: str) -> str:
        whole = "reg: [[0x80000000, 1G]]"
        assert whole in text
        return text.replace(whole, "reg: [[0x80000000, 1G], [0x100000000, 64M]]")

    board = Board(tmp_path, change=two_banks)
    _, high = board.dram.banks
    frames = np.array([high.first_frame + 5, 0x9000_0000 >> 12, high.first_frame + 4])
    board.server.publish("frame", Paged(board.kernel, frames).dmabuf)
    child = board.process(
        "frame = board.get('frame'); frame.array[::4096] = [1, 2, 3]; say(len(frame.fds)); hear()"
    )
    assert child.line() == "2"
    assert [int(board.dram.view(PhysAddr(frame << 12), 1)[0]) for frame in frames.tolist()] == [1, 2, 3]
    board.close()


# --- the socket -------------------------------------------------------------------


def test_only_the_owner_may_connect(board: Board) -> None:
    assert S_IMODE(board.server.path.stat().st_mode) == 0o600


def test_a_socket_that_is_there_is_not_taken_over(board: Board) -> None:
    path = board.server.path
    with pytest.raises(BridgeError) as error:
        BufferServer(board.kernel, path)
    why = "another server is there, or one that was killed; then remove it"
    assert str(error.value) == f"cannot listen at {path}: {why}"
    assert path.exists()


@pytest.mark.parametrize(
    ("path", "why"),
    [("nowhere/bridge", "No such file or directory"), ("x" * 120, "AF_UNIX path too long")],
    ids=["no folder", "too long"],
)
def test_a_path_where_nothing_can_be_made_is_refused(
    board: Board, tmp_path: Path, path: str, why: str
) -> None:
    with pytest.raises(BridgeError) as error:
        BufferServer(board.kernel, tmp_path / path)
    assert str(error.value) == f"cannot listen at {tmp_path / path}: {why}"


def test_names_are_published_once_and_can_be_printed(board: Board) -> None:
    frame = board.scattered(1)
    board.server.publish("frame", frame.dmabuf)
    with pytest.raises(BridgeError, match="^a buffer 'frame' is published already$"):
        board.server.publish("frame", frame.dmabuf)
    for name in ("", "two\nlines", "x" * 64):
        with pytest.raises(BridgeError, match="is no name: it has 1 to 63 bytes, all printable$"):
            board.server.publish(name, frame.dmabuf)
    board.server.withdraw("frame")
    with pytest.raises(BridgeError, match="^no buffer 'frame' is published$"):
        board.server.withdraw("frame")
    assert frame.dmabuf.file.f_count == 1


def test_a_client_without_a_server_hears_so(board: Board, tmp_path: Path) -> None:
    child = board.process(
        f"""
try: connect({str(tmp_path / "none")!r})
except BridgeError as error: say(error)
hear()
"""
    )
    assert child.line() == f"no server answers at {tmp_path / 'none'}: No such file or directory"


def test_the_servers_fileno_serves_in_a_loop_of_ones_own(board: Board) -> None:
    assert board.server.service() is False
    child = board.process("say(board.names()); hear()")
    assert child.line() == "[]", "the test waits on the fileno"
    assert board.server.clients == [child.pid]
