"""The dmaengine: DMA controllers offer channels, clients have them move memory.

1. descriptor = channel.prep_memcpy(target, source, size)      DMA addresses, mapped by the client
2. descriptor.callback = ...                                   called in interrupt context
3. cookie = descriptor.submit()                                queued, nothing moves yet
4. channel.issue_pending()                                     everything submitted may run
5. channel.tx_status(cookie), or the callback                  how far it is

Descriptors of a channel run one after the other in the order of their cookies.
Source: drivers/dma/dmaengine.{c,h}, include/linux/dmaengine.h.

Not modelled: slave transfers (dmas properties, cyclic, scatter-gather), memset, XOR
and other operations, pause and resume, channels shared by clients, tasklets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from errno import EINVAL, ENODEV
from typing import TYPE_CHECKING

from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.log import KernelLog

if TYPE_CHECKING:
    from soc.kernel.device import Device

FIRST_COOKIE = 1
LAST_COOKIE = 0x7FFF_FFFF


class DmaStatus(Enum):
    """enum dma_status."""

    COMPLETE = 0
    IN_PROGRESS = 1
    PAUSED = 2
    ERROR = 3


class DmaResult(Enum):
    """enum dmaengine_tx_result."""

    NOERROR = 0
    WRITE_FAILED = 1
    READ_FAILED = 2
    ABORTED = 3


@dataclass(frozen=True)
class TxState:
    """What tx_status says: `residue` is the bytes not yet moved."""

    status: DmaStatus
    residue: int = 0


Callback = Callable[[DmaResult], None]


@dataclass(eq=False)
class DmaDescriptor:
    """One transfer of `size` bytes; `cookie` is 0 until it is submitted."""

    channel: DmaChannel
    size: int
    callback: Callback | None = None
    cookie: int = 0

    def submit(self) -> int:
        """Queue it; its cookie. -EINVAL if it was submitted before."""
        if self.cookie:
            raise KernelError(EINVAL, f"{self.channel.name}: descriptor {self.cookie} is submitted already")
        self.cookie = self.channel.assign_cookie()
        self.channel.submitted.append(self)
        return self.cookie


class DmaChannel(ABC):
    """A channel of a controller: a driver's class fills in the hardware.

    `device` is the controller, for which clients map what is to be copied.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.device: Device | None = None
        self.busy = False
        self.submitted: list[DmaDescriptor] = []
        self._last_used = FIRST_COOKIE
        self._last_complete = FIRST_COOKIE
        self._failed: set[int] = set()

    # --- what a controller's driver provides -------------------------------

    @abstractmethod
    def prep_memcpy(self, target: int, source: int, size: int) -> DmaDescriptor:
        """A copy of `size` bytes between DMA addresses. -EINVAL for one the controller cannot make."""

    @abstractmethod
    def issue_pending(self) -> None:
        """Start what was submitted, or put it behind what runs."""

    @abstractmethod
    def terminate_all(self) -> None:
        """Stop, and drop everything without calling back. What was moved stays moved."""

    @abstractmethod
    def residue(self, cookie: int) -> int:
        """Bytes that an unfinished transfer has yet to move."""

    @abstractmethod
    def allocate(self) -> None:
        """A client has requested the channel (alloc_chan_resources)."""

    @abstractmethod
    def free(self) -> None:
        """The client has released it (free_chan_resources)."""

    # --- for clients -------------------------------------------------------

    def tx_status(self, cookie: int) -> TxState:
        """How a submitted transfer stands; one that is not known counts as complete."""
        if cookie in self._failed:
            return TxState(DmaStatus.ERROR)
        if self._complete(cookie):
            return TxState(DmaStatus.COMPLETE)
        return TxState(DmaStatus.IN_PROGRESS, self.residue(cookie))

    # --- cookies, for the driver -------------------------------------------

    def reset_cookies(self) -> None:
        """A new client begins (dma_cookie_init)."""
        self._last_used = self._last_complete = FIRST_COOKIE
        self._failed.clear()

    def assign_cookie(self) -> int:
        """The next cookie; after the last one they begin anew."""
        self._last_used = self._last_used + 1 if self._last_used < LAST_COOKIE else FIRST_COOKIE
        self._failed.discard(self._last_used)
        return self._last_used

    def complete(self, descriptor: DmaDescriptor, result: DmaResult = DmaResult.NOERROR) -> None:
        """The transfer is over; tell the client."""
        self._last_complete = descriptor.cookie
        if result is not DmaResult.NOERROR:
            self._failed.add(descriptor.cookie)
        if descriptor.callback is not None:
            descriptor.callback(result)

    def drop(self, descriptor: DmaDescriptor) -> None:
        """The transfer was terminated: complete, and nobody is called."""
        self._last_complete = descriptor.cookie

    def _complete(self, cookie: int) -> bool:
        """Whether `cookie` is outside (last complete, last used], which may wrap round."""
        complete, used = self._last_complete, self._last_used
        if complete <= used:
            return cookie <= complete or cookie > used
        return used < cookie <= complete


class DmaEngines:
    """Every DMA controller of one kernel that can copy memory (DMA_MEMCPY)."""

    def __init__(self, log: KernelLog) -> None:
        self._log = log
        self._controllers: dict[str, Sequence[DmaChannel]] = {}

    def register(self, device: Device, channels: Sequence[DmaChannel]) -> None:
        """dma_async_device_register. -EINVAL without channels."""
        if not channels:
            raise KernelError(EINVAL, f"{device.name}: a DMA controller without channels")
        self._controllers[device.name] = channels
        for channel in channels:
            channel.device = device

    def unregister(self, device: Device) -> None:
        """dma_async_device_unregister. WARN for every channel that a client still has."""
        for channel in self._controllers.pop(device.name):
            if channel.busy:
                self._log.warn(f"{channel.name}: unregistered while a client holds a reference")

    def request_channel(self) -> DmaChannel:
        """A free channel (dma_request_chan_by_mask), the client's until it releases it.

        -EPROBE_DEFER while there is no controller at all, -ENODEV when all channels are taken.
        """
        if not self._controllers:
            raise KernelError(EPROBE_DEFER, "no DMA controller has been registered")
        for channels in self._controllers.values():
            for channel in channels:
                if not channel.busy:
                    channel.allocate()
                    channel.busy = True
                    return channel
        raise KernelError(ENODEV, "no DMA channel is free")

    def release_channel(self, channel: DmaChannel) -> None:
        """dma_release_channel. A channel that is free already is a WARN and nothing else."""
        if not channel.busy:
            self._log.warn(f"{channel.name}: released, but no client has it")
            return
        channel.free()
        channel.busy = False
