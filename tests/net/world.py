"""A kernel with processes that have buffers to send."""

from __future__ import annotations

from collections.abc import Callable
from socket import CMSG_SPACE

import pytest

from soc.clock import Clock
from soc.dmabuf import DmaBuf, DmaBufOps, dma_buf_export, dma_buf_fd, dma_buf_put
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File
from soc.kernel.net.sockets import UnixSockets
from soc.kernel.process import Process

PATH = "/run/camera"
ONE_FD = CMSG_SPACE(4)


class World:
    """`released` are the inode numbers of buffers, in the order they went."""

    def __init__(self) -> None:
        self.kernel = KernelCore(Clock())
        self.released: list[int] = []
        self.ops = DmaBufOps(lambda attachment, direction: None, lambda *given: None, self._release)

    def process(self, comm: str = "app", limit: int = 1024) -> Process:
        return self.kernel.process(comm, limit)

    def buffer(self, process: Process) -> tuple[int, DmaBuf]:
        """An fd of `process`, which has the one reference to the new buffer."""
        dmabuf = dma_buf_export(self.kernel, self, self.ops, 4096, 2, "test")
        try:
            return dma_buf_fd(process, dmabuf), dmabuf
        except KernelError:
            dma_buf_put(dmabuf, dmabuf.exporter)
            raise

    @property
    def sockets(self) -> UnixSockets:
        return self.kernel.subsystem(UnixSockets)

    def live(self) -> list[File]:
        return self.kernel.files.live()

    def assert_clean(self) -> None:
        """Nothing is left, and nobody complained."""
        assert self.live() == []
        assert (self.sockets.in_flight, self.sockets.sockets_in_flight) == (0, 0)
        assert list(self.sockets.live) == []
        assert self.kernel.log.warnings == []

    def _release(self, dmabuf: DmaBuf) -> None:
        self.released.append(dmabuf.ino)


def errno_of(call: Callable[[], object]) -> int:
    with pytest.raises(KernelError) as error:
        call()
    return error.value.errno


def control(fds: int) -> int:
    """Bytes of a control buffer for exactly `fds`."""
    return 16 + 4 * fds
