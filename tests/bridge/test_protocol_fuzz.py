"""Anything at all as input: messages, or one error, and a server that goes on."""

from __future__ import annotations

import os
import random
import socket

from hypothesis import given
from hypothesis import strategies as st

from soc.bridge.client import new_memory
from soc.bridge.payload import CONFIRMATION, TICKET, Gift, Offer, Run, Way
from soc.bridge.protocol import Inbox, Kind, ProtocolError, encode
from soc.dmabuf import dma_buf_put
from soc.kernel.fs.file import Holder
from tests.bridge.bench import Board, host_fds
from tests.bridge.raw import RawClient
from tests.conftest import CountFuzz

USER = Holder("kernel", "test")
RIGHT = [
    encode(Kind.LIST, b"", ()),
    encode(Kind.GET, b"frame", ()),
    encode(Kind.CONFIRM, CONFIRMATION.pack(1, 3), ()),
    encode(Kind.RELEASE, TICKET.pack(1), ()),
    encode(Kind.GIVE, Gift("a", (Run(0, 0, 4096),)).pack(), (0,)),
]
RIGHT_OR_NOT = st.binary(max_size=40) | st.sampled_from(RIGHT)


@given(st.lists(RIGHT_OR_NOT, max_size=5))
def test_whatever_comes_in_makes_messages_or_a_protocol_error(pieces: list[bytes]) -> None:
    one, other = socket.socketpair()
    inbox = Inbox()
    with one, other:
        for piece in pieces:
            if piece:
                one.sendall(piece)
                try:
                    inbox.receive(other)
                    while (message := inbox.next()) is not None:
                        assert message.kind in Kind
                except ProtocolError as error:
                    assert str(error)
                    break
    inbox.close()


@given(st.binary(max_size=200), st.integers(0, 3))
def test_whatever_a_payload_is_it_is_read_or_a_protocol_error(data: bytes, files: int) -> None:
    for kind in (Gift, Offer):
        try:
            read = kind.unpack(data, files)
        except ProtocolError as error:
            assert str(error)
        else:
            assert kind.unpack(read.pack(), files) == read


@given(
    st.builds(
        Offer,
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.sampled_from(Way),
        st.just((Run(0, 0, 4096),)),
    )
)
def test_an_offer_is_read_as_it_was_written(offer: Offer) -> None:
    assert Offer.unpack(offer.pack(), 1) == offer


def test_a_server_survives_clients_that_mutate_what_is_right(board: Board, count_fuzz: CountFuzz) -> None:
    """Right requests with bytes changed, cut off and repeated, with and without files."""
    frame = board.scattered(2)
    board.server.publish("frame", frame.dmabuf)
    dice = random.Random(4)
    before = host_fds()
    for _ in range(300):
        fd = new_memory(4096)
        client = RawClient(board)
        for _ in range(dice.randrange(1, 5)):
            data = bytearray(dice.choice(RIGHT))
            for _ in range(dice.choice([0, 0, 1, 2])):
                data[dice.randrange(len(data))] = dice.randrange(256)
            try:
                client.send(
                    bytes(data[: dice.choice([len(data), dice.randrange(len(data) + 1)])]),
                    dice.choice([[], [fd]]),
                )
            except (BrokenPipeError, ConnectionResetError):
                break
        client.close()
        os.close(fd)
        count_fuzz("the bridge's server")
    assert board.server.clients == []
    assert board.server.given, "some were right"
    for name in board.server.given:
        dma_buf_put(board.server.take(name, USER), USER)
    assert frame.dmabuf.file.f_count == 2
    assert host_fds() == before
    assert RawClient(board).ask(Kind.LIST).payload == b"frame"
