"""The host's udmabuf: the very bytes it is asked with, and what is said where it cannot be used."""

from __future__ import annotations

import os
import struct
from errno import EINVAL
from pathlib import Path

import pytest

from soc.bridge.protocol import BridgeError
from soc.bridge.udmabuf import HostUdmabuf
from tests.bridge.bench import Board

CREATE_LIST = 0x40087543


class FakeDevice:
    """A device file, and an ioctl that writes down what it is given and makes a memfd of that size."""

    def __init__(self, folder: Path, error: int = 0) -> None:
        self.path = folder / "udmabuf"
        self.path.write_bytes(b"")
        self.parameters = folder / "parameters"
        self.parameters.mkdir()
        self.calls: list[tuple[str, int, bytes]] = []
        self.made: list[int] = []
        self._error = error

    def ioctl(self, fd: int, number: int, argument: bytearray) -> int:
        self.calls.append((str(Path(f"/proc/self/fd/{fd}").readlink()), number, bytes(argument)))
        if self._error:
            raise OSError(self._error, os.strerror(self._error))
        _, count = struct.unpack_from("<II", argument)
        size = sum(struct.unpack_from("<IIQQ", argument, 8 + 24 * item)[3] for item in range(count))
        fd = os.memfd_create("dma-buf")
        os.ftruncate(fd, size)
        self.made.append(fd)
        return fd

    def udmabuf(self) -> HostUdmabuf:
        return HostUdmabuf(self.path, self.parameters, self.ioctl)


@pytest.fixture
def device(tmp_path: Path) -> FakeDevice:
    return FakeDevice(tmp_path)


def test_the_argument_byte_by_byte(device: FakeDevice) -> None:
    fd = device.udmabuf().create([(5, 0x3000, 0x1000), (5, 0x1000, 0x2000)])
    assert fd == device.made[0]
    assert device.calls == [
        (
            str(device.path),
            CREATE_LIST,
            bytes.fromhex(
                "01000000 02000000"
                "05000000 00000000 0030000000000000 0010000000000000"
                "05000000 00000000 0010000000000000 0020000000000000"
            ),
        )
    ]
    os.close(fd)


def test_a_host_with_the_device_hands_out_a_dma_buf_of_these_pages_only(
    tmp_path: Path, device: FakeDevice
) -> None:
    board = Board(tmp_path, udmabuf=device.udmabuf())
    frame = board.scattered(4)
    board.server.publish("frame", frame.dmabuf)
    code = "frame = board.get('frame'); say(frame.way.name, frame.size, len(frame.fds)); hear()\n"
    first = board.process(code + "say(board.give_back('back', frame)); hear()")
    second = board.process(code)
    assert [first.line(), second.line()] == ["DMA_BUF 16384 1"] * 2
    [(_, number, argument)] = device.calls
    assert number == CREATE_LIST
    bank = board.dram.banks[0]
    items = [struct.unpack_from("<IIQQ", argument, 8 + 24 * n) for n in range(4)]
    assert items == [(bank.fd, 0, (f - bank.first_frame) << 12, 4096) for f in frame.frames.tolist()]
    first.tell()
    assert first.line() == str(frame.dmabuf.ino), "handed back it is the same buffer"
    first.kill()
    os.fstat(device.made[0])
    second.kill()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(device.made[0])
    board.close()


def test_a_host_that_refuses_says_why(tmp_path: Path) -> None:
    device = FakeDevice(tmp_path, EINVAL)
    board = Board(tmp_path, udmabuf=device.udmabuf())
    frame = board.scattered(2)
    board.server.publish("frame", frame.dmabuf)
    child = board.process(
        """
try: board.get("frame")
except BridgeError as error: say(error)
hear()
"""
    )
    assert child.line() == f"{device.path} makes no dma-buf of 2 runs: Invalid argument"
    assert frame.dmabuf.file.f_count == 2
    board.close()


# --- where it cannot be used --------------------------------------------------------


def test_a_device_that_is_missing(tmp_path: Path) -> None:
    missing = HostUdmabuf(tmp_path / "udmabuf")
    why = f"{tmp_path / 'udmabuf'} is missing: the host's kernel needs CONFIG_UDMABUF (modprobe udmabuf)"
    assert missing.why_not([(1, 0, 4096)]) == why
    with pytest.raises(BridgeError, match="No such file or directory"):
        missing.create([(1, 0, 4096)])


def test_limits_are_those_of_the_module_or_else_the_usual_ones(device: FakeDevice) -> None:
    udmabuf = device.udmabuf()
    assert udmabuf.why_not([(1, 0, 4096)] * 1024) is None
    assert udmabuf.why_not([(1, 0, 4096)] * 1025) == (
        "the buffer has 1025 runs of pages, list_limit of udmabuf is 1024"
    )
    assert udmabuf.why_not([(1, 0, 64 << 20)]) is None
    assert udmabuf.why_not([(1, 0, (64 << 20) + 4096)]) == (
        "the buffer has 65540 KiB, size_limit_mb of udmabuf is 64"
    )
    (device.parameters / "list_limit").write_text("2\n")
    (device.parameters / "size_limit_mb").write_text("1\n")
    assert udmabuf.why_not([(1, 0, 4096)] * 3) is not None
    assert udmabuf.why_not([(1, 0, 2 << 20)]) is not None
    assert udmabuf.why_not([(1, 0, 1 << 20)]) is None


@pytest.mark.parametrize("pages_only", [False, True])
def test_beyond_the_limits_dram_is_shown_unless_pages_only_was_asked_for(
    tmp_path: Path, device: FakeDevice, pages_only: bool
) -> None:
    (device.parameters / "list_limit").write_text("3\n")
    board = Board(tmp_path, udmabuf=device.udmabuf(), pages_only=pages_only)
    frame = board.scattered(4)
    board.server.publish("frame", frame.dmabuf)
    child = board.process(
        """
try: say(board.get("frame").way.name)
except BridgeError as error: say(error)
hear()
"""
    )
    why = "the buffer has 4 runs of pages, list_limit of udmabuf is 3"
    expected = (
        f"{frame.dmabuf} may be handed out as a dma-buf of the host only: {why}" if pages_only else "MEMFD"
    )
    assert child.line() == expected
    assert device.calls == []
    board.close()
