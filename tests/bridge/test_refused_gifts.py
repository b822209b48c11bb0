"""Memory from outside that will not do: one clear line, nothing taken, and the connection goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.bridge.session import MOST_GIFTS
from tests.bridge.bench import Board, host_fds

TRY = """
import fcntl
def memfd(size, seals):
    fd = os.memfd_create("given", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd
def attempt(fd, *where):
    try: say("given", board.give("result", fd, *where))
    except BridgeError as error: say(error)
SHRINK, WRITE, FUTURE_WRITE = fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_WRITE, 0x10
"""

NO_SHRINK = "the memfd has no F_SEAL_SHRINK: it could be cut while devices use it"
SEALED = "the memfd is sealed against writing: devices could not write it"


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("attempt(memfd(4096, 0))", NO_SHRINK),
        ("fd = os.memfd_create('plain'); os.ftruncate(fd, 4096); attempt(fd)", NO_SHRINK),
        ("attempt(memfd(4096, SHRINK | WRITE))", SEALED),
        ("attempt(memfd(4096, SHRINK | FUTURE_WRITE))", SEALED),
        (
            "fd = memfd(4096, SHRINK); attempt(os.open(f'/proc/self/fd/{fd}', os.O_RDONLY))",
            "the memfd is not open for reading and writing",
        ),
        ("attempt(memfd(4096, SHRINK), 8192)", "bytes 0 to 8192 were given of a memfd of 4096"),
        ("attempt(memfd(8192, SHRINK), 8192, 4096)", "bytes 4096 to 12288 were given of a memfd of 8192"),
        ("attempt(os.open('/proc/self/exe', os.O_RDONLY), 4096)", "what was given is not a memfd"),
        ("attempt(os.pipe()[0], 4096)", "what was given is not a memfd"),
        (
            "attempt(memfd(8 << 20, SHRINK))",
            "the region for memory from outside has no 8 MiB in one run",
        ),
    ],
    ids=[
        "no seal",
        "no sealing",
        "F_SEAL_WRITE",
        "F_SEAL_FUTURE_WRITE",
        "read-only",
        "longer than the memfd",
        "beyond its end",
        "a file",
        "a pipe",
        "no room",
    ],
)
def test_a_gift_that_will_not_do_is_refused(board: Board, code: str, answer: str) -> None:
    child = board.process(TRY + "say('ready'); hear()\n" + code + "\nattempt(memfd(4096, SHRINK)); hear()")
    assert child.line() == "ready"
    board.serve_until(lambda: child.pid in board.server.clients)
    before = host_fds()
    child.tell()
    assert child.line() == answer
    assert child.line().startswith("given"), "the next one is taken"
    assert host_fds() == before + 1
    assert board.pool.used == 4096
    assert [file.held_by() for file in board.kernel.files.live()] == [
        f"message from host process {child.pid}"
    ]


def test_a_name_is_given_once_until_it_is_taken(board: Board) -> None:
    child = board.process(TRY + "attempt(memfd(4096, SHRINK)); attempt(memfd(4096, SHRINK)); hear()")
    child.line()
    assert child.line() == "a buffer 'result' was given before and is not taken yet"


def test_only_so_many_gifts_wait(board: Board) -> None:
    child = board.process(
        TRY
        + f"""
for number in range({MOST_GIFTS}): board.give(str(number), memfd(4096, SHRINK))
attempt(memfd(4096, SHRINK)); hear()
"""
    )
    assert child.line() == "64 buffers were given and are not taken yet"
    assert len(board.server.given) == MOST_GIFTS


def test_memory_in_pieces_is_refused(board: Board) -> None:
    child = board.process(
        TRY
        + """
from soc.bridge.payload import Run
try: board._give("result", [Run(0, 4096, 4096), Run(0, 0, 4096)], [memfd(8192, SHRINK)])
except BridgeError as error: say(error)
hear()
"""
    )
    assert child.line() == "memory from outside is a run of a memfd, not 2 of 1"


def test_other_pages_of_dram_than_were_handed_out_are_refused(board: Board) -> None:
    """Who has the memfd of DRAM cannot make a buffer of any page of it."""
    frame = board.scattered(2)
    board.server.publish("frame", frame.dmabuf)
    child = board.process(
        """
from soc.bridge.payload import Run
frame = board.get("frame")
for runs in ([Run(0, 0, 4096)], frame.offer.runs[:1], frame.offer.runs[::-1]):
    try: say(board._give("result", runs, frame.fds))
    except BridgeError as error: say(error)
hear()
"""
    )
    why = "these pages are the machine's own DRAM, but no buffer that it handed out"
    assert [child.line() for _ in range(3)] == [why] * 3
    assert board.server.given == []


def test_without_a_region_nothing_is_taken_in(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.server._desk.region = None
    child = board.process(TRY + "attempt(memfd(4096, SHRINK)); hear()")
    assert child.line() == "this machine has no region for memory from outside"
    board.close()
