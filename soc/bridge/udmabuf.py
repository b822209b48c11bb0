"""The host's own udmabuf device: pages of memfds as a real dma-buf, which shows these pages and nothing else.

Source: Documentation/userspace-api/dma-buf-alloc-exchange.rst, drivers/dma-buf/udmabuf.c.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from soc.address import human_size
from soc.bridge.protocol import BridgeError
from soc.kernel.uapi.udmabuf import (
    UDMABUF_CREATE_LIST,
    UDMABUF_FLAGS_CLOEXEC,
    UdmabufCreateItem,
    udmabuf_create_list,
)
from soc.memory.host_mmap import Run

DEVICE = Path("/dev/udmabuf")
PARAMETERS = Path("/sys/module/udmabuf/parameters")
LIST_LIMIT = 1024
SIZE_LIMIT_MB = 64


class HostUdmabuf:
    """The device at `device`, with the limits that its module has in the folder `parameters`."""

    def __init__(
        self,
        device: Path = DEVICE,
        parameters: Path = PARAMETERS,
        ioctl: Callable[[int, int, bytearray], int] = fcntl.ioctl,
    ) -> None:
        self.device = device
        self._parameters = parameters
        self._ioctl = ioctl

    def why_not(self, runs: Sequence[Run]) -> str | None:
        """Why no dma-buf can be made of `runs` (fd, offset, bytes); None if it can."""
        if not self.device.exists():
            return f"{self.device} is missing: the host's kernel needs CONFIG_UDMABUF (modprobe udmabuf)"
        if not os.access(self.device, os.R_OK | os.W_OK):
            return f"{self.device} may not be opened by this user"
        most, size = self._limit("list_limit", LIST_LIMIT), sum(run[2] for run in runs)
        if len(runs) > most:
            return f"the buffer has {len(runs)} runs of pages, list_limit of udmabuf is {most}"
        most = self._limit("size_limit_mb", SIZE_LIMIT_MB)
        if size > most << 20:
            return f"the buffer has {human_size(size)}, size_limit_mb of udmabuf is {most}"
        return None

    def create(self, runs: Sequence[Run]) -> int:
        """The fd of a dma-buf of `runs`. BridgeError if the host refuses."""
        items = [UdmabufCreateItem(fd, 0, offset, size) for fd, offset, size in runs]
        argument = udmabuf_create_list(items, UDMABUF_FLAGS_CLOEXEC)
        try:
            device = os.open(self.device, os.O_RDWR | os.O_CLOEXEC)
            try:
                return self._ioctl(device, UDMABUF_CREATE_LIST, argument)
            finally:
                os.close(device)
        except OSError as error:
            raise BridgeError(
                f"{self.device} makes no dma-buf of {len(runs)} runs: {error.strerror}"
            ) from error

    def _limit(self, name: str, default: int) -> int:
        """A parameter of the module; what it is by default where it cannot be read."""
        try:
            return int((self._parameters / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return default
