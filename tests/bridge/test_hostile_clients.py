"""Clients that lie, stop in the middle or never answer: one clear error, nothing kept, others served."""

from __future__ import annotations

import os
import socket
import struct
from array import array

import pytest

from soc.bridge.payload import CONFIRMATION, TICKET, Gift, Run
from soc.bridge.protocol import HEADER, MAGIC, Kind, encode
from soc.bridge.server import MOST_PEERS
from soc.bridge.session import MOST_TICKETS
from tests.bridge.bench import Board, Paged, host_fds
from tests.bridge.raw import ME, RawClient


@pytest.fixture
def frame(board: Board) -> Paged:
    frame = board.scattered(2)
    board.server.publish("frame", frame.dmabuf)
    return frame


def header(magic: bytes = MAGIC, version: int = 1, kind: int = 2, size: int = 0, fds: int = 0) -> bytes:
    return HEADER.pack(magic, version, kind, size, fds)


def gift(name: bytes, runs: bytes, length: int | None = None) -> bytes:
    return bytes([len(name) if length is None else length]) + name + runs


def run(file: int = 0, offset: int = 0, size: int = 4096) -> bytes:
    return struct.pack("<IQQ", file, offset, size)


NONSENSE = {
    "magic": (b"GET / HTTP/1.1\r\n\r\n", "a message begins with b'GET ', not with b'SoCb'"),
    "version": (header(version=2), "version 2 of the protocol, this is version 1"),
    "kind": (header(kind=99), "unknown kind of message 99"),
    "payload": (
        header(size=1 << 31),
        "a message of 2147483648 bytes and 0 file descriptors, 1048576 and 16 may be",
    ),
    "count": (header(fds=17), "a message of 0 bytes and 17 file descriptors, 1048576 and 16 may be"),
    "no files": (header(fds=2), "a message of 2 file descriptors came with 0"),
    "answer": (header(kind=Kind.OK), "OK is not for a client to send"),
    "name": (
        encode(Kind.GET, b"two\nlines", ()),
        "'two\\nlines' is no name: it has 1 to 63 bytes, all printable",
    ),
    "text": (encode(Kind.GET, b"\xff", ()), "a text is not UTF-8"),
    "ticket": (encode(Kind.RELEASE, TICKET.pack(7), ()), f"{ME} has no ticket 7"),
    "short ticket": (encode(Kind.RELEASE, b"\1", ()), "a payload of 1 bytes, it should have 4"),
    "confirmation": (encode(Kind.CONFIRM, CONFIRMATION.pack(7, 3), ()), f"{ME} has no ticket 7"),
    "empty gift": (encode(Kind.GIVE, b"", ()), "a payload of 0 bytes is cut off"),
    "cut name": (encode(Kind.GIVE, gift(b"ab", b"", 9), ()), "a name is cut off"),
    "wrong name": (encode(Kind.GIVE, gift(b"\xff", run()), ()), "a name is not UTF-8"),
    "no runs": (encode(Kind.GIVE, gift(b"a", b""), ()), "0 bytes are no list of runs of 20 bytes each"),
    "half a run": (
        encode(Kind.GIVE, gift(b"a", run()[:9]), ()),
        "9 bytes are no list of runs of 20 bytes each",
    ),
    "file": (encode(Kind.GIVE, gift(b"a", run()), ()), "a run of file 0 in a message with 0"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_one_clear_error_and_the_end_of_the_connection(
    board: Board, frame: Paged, case: str
) -> None:
    data, error = NONSENSE[case]
    other, client = RawClient(board), RawClient(board)
    client.get("frame")
    assert frame.dmabuf.file.f_count == 3
    client.send(data)
    assert client.hung_up() == error
    assert frame.dmabuf.file.f_count == 2, "what it had is put"
    assert board.errors() == [f"bridge: {ME}: {error}"]
    assert other.ask(Kind.LIST).payload == b"frame", "others are served"


@pytest.mark.parametrize(
    ("offset", "size"), [(1, 4096), (0, 4095), (0, 0), (4096, 1 << 40), (2**64 - 4096, 4096)]
)
def test_runs_that_are_not_whole_pages_are_nonsense(board: Board, offset: int, size: int) -> None:
    client = RawClient(board)
    fds = [os.memfd_create("given")]
    before = host_fds()
    client.send(encode(Kind.GIVE, gift(b"a", run(0, offset, size)), fds), fds)
    assert client.hung_up() == f"a run of {size} bytes at {offset} is not whole pages"
    assert host_fds() == before - 1, "the server's end of the connection and what it was sent are closed"


def test_a_confirmation_is_given_once_with_a_number_that_can_be(board: Board, frame: Paged) -> None:
    client = RawClient(board)
    offer = client.get("frame")
    assert frame.holders() == f"kernel bridge, as frame, kernel paged, message to {ME}"
    client.confirm(offer.ticket, 5)
    assert frame.holders() == f"fd 5 of {ME}, kernel bridge, as frame, kernel paged"
    client.send(encode(Kind.CONFIRM, CONFIRMATION.pack(offer.ticket, 6), ()))
    assert client.hung_up() == f"ticket {offer.ticket} cannot be confirmed with fd 6"
    client = RawClient(board)
    offer = client.get("frame")
    client.send(encode(Kind.CONFIRM, CONFIRMATION.pack(offer.ticket, -1), ()))
    assert client.hung_up() == f"ticket {offer.ticket} cannot be confirmed with fd -1"


# --- in the middle ----------------------------------------------------------------


@pytest.mark.parametrize("sent", range(0, 40, 3))
def test_a_connection_that_ends_mid_message_leaves_nothing(board: Board, sent: int) -> None:
    before = host_fds()
    fds = [os.memfd_create("given") for _ in range(3)]
    client = RawClient(board)
    client.send(encode(Kind.GIVE, Gift("a", (Run(0, 0, 4096),)).pack(), fds)[:sent], fds)
    client.close()
    for fd in fds:
        os.close(fd)
    assert host_fds() == before
    assert board.server.clients == []
    assert board.errors() == []


def test_a_message_may_come_byte_by_byte(board: Board, frame: Paged) -> None:
    client = RawClient(board)
    for byte in encode(Kind.LIST, b"", ()) * 2:
        client.send(bytes([byte]))
    assert [client.answer().payload for _ in range(2)] == [b"frame"] * 2  # type: ignore[union-attr]


def test_many_requests_in_one_piece_are_answered_one_by_one(board: Board, frame: Paged) -> None:
    client = RawClient(board)
    client.send(encode(Kind.LIST, b"", ()) * 500)
    assert [client.answer().payload for _ in range(500)] == [b"frame"] * 500  # type: ignore[union-attr]


def test_a_client_that_reads_nothing_holds_up_nobody(board: Board, frame: Paged) -> None:
    """It gets no more than the socket takes; the rest of its requests wait in the socket, too."""
    silent, other = RawClient(board), RawClient(board)
    request = encode(Kind.GET, b"frame", ())
    with pytest.raises(BlockingIOError):
        while True:
            silent.send(request * 100)
    assert other.ask(Kind.LIST).payload == b"frame"
    assert frame.dmabuf.file.f_count > 10
    silent.close()
    assert frame.dmabuf.file.f_count == 2


def test_a_client_that_never_confirms_holds_messages_until_it_is_gone(board: Board, frame: Paged) -> None:
    client = RawClient(board)
    for _ in range(MOST_TICKETS):
        client.get("frame")
    assert client.ask(Kind.GET, b"frame").text() == f"{ME} has 1024 buffers: it must give some back"
    assert frame.holders() == f"kernel bridge, as frame, kernel paged, message to {ME} (1024 times)"
    client.close()
    assert frame.dmabuf.file.f_count == 2


# --- file descriptors ---------------------------------------------------------------


@pytest.mark.parametrize("count", [17, 100, 253])
def test_too_many_files_are_closed_and_refused(board: Board, count: int) -> None:
    client = RawClient(board)
    before = host_fds()
    fd = os.memfd_create("given")
    rights = array("i", [fd] * count)
    client.sock.sendmsg([header(fds=1)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    client.settle()
    assert client.hung_up() == "more than 16 file descriptors, or no room for them here"
    os.close(fd)
    assert host_fds() == before - 1


def test_files_that_belong_to_no_message_are_closed_and_refused(board: Board) -> None:
    client = RawClient(board)
    before = host_fds()
    fds = [os.memfd_create("given") for _ in range(2)]
    client.send(header(), fds)
    assert client.hung_up() == "2 file descriptors belong to no message"
    for fd in fds:
        os.close(fd)
    assert host_fds() == before - 1


def test_files_sent_with_requests_that_take_none_are_closed(board: Board, frame: Paged) -> None:
    client = RawClient(board)
    fds = [os.memfd_create("given") for _ in range(2)]
    before = host_fds()
    assert client.ask(Kind.LIST, b"", fds).payload == b"frame"
    assert host_fds() == before


def test_more_clients_than_are_served_are_turned_away(board: Board) -> None:
    clients = [RawClient(board) for _ in range(MOST_PEERS)]
    late = RawClient(board)
    assert late.answer() is None
    assert board.errors() == [f"bridge: a client was refused, {MOST_PEERS} are connected"]
    clients[0].close()
    assert RawClient(board).ask(Kind.LIST).payload == b""
