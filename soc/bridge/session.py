"""What one client may ask for, and which references it holds.

A buffer on its way to a client is held by `message to host process PID` until
the client confirms that it has it, and by `fd N of host process PID` from then
on; both go with the connection, whichever way that ends. What a client gives is
held by `message from host process PID` until the model takes it, as a message
in a socket is, even when the client is gone by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from soc.bridge.host_buffer import HostBuffer
from soc.bridge.payload import CONFIRMATION, INO, TICKET, Gift, Offer, check_name, unpack_exactly
from soc.bridge.protocol import BridgeError, Kind, Message, ProtocolError
from soc.bridge.region import Region
from soc.bridge.shared import Shared, SharedBuffers
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel

MOST_TICKETS = 1024
MOST_GIFTS = 64


class Answer(NamedTuple):
    """`fds` belong to the buffer the answer is about."""

    kind: Kind
    payload: bytes = b""
    fds: Sequence[int] = ()


@dataclass(eq=False)
class Desk:
    """What all clients share: `published` buffers by name, `given` ones with who holds them."""

    kernel: Kernel
    shared: SharedBuffers
    region: Region | None
    published: dict[str, DmaBuf] = field(default_factory=dict)
    given: dict[str, tuple[DmaBuf, Holder]] = field(default_factory=dict)


@dataclass(eq=False)
class _Ticket:
    shared: Shared
    holder: Holder
    confirmed: bool = False


class Session:
    """The client with process number `pid`."""

    def __init__(self, desk: Desk, pid: int) -> None:
        self.name = f"host process {pid}"
        self._desk = desk
        self._tickets: dict[int, _Ticket] = {}
        self._last_ticket = 0
        self._requests: dict[Kind, Callable[[Message], Answer]] = {
            Kind.LIST: self._list,
            Kind.GET: self._get,
            Kind.CONFIRM: self._confirm,
            Kind.RELEASE: self._release,
            Kind.GIVE: self._give,
        }

    def answer(self, message: Message) -> Answer:
        """Do what the client asks; what cannot be done is answered with ERROR. ProtocolError for nonsense."""
        try:
            if message.kind not in self._requests:
                raise ProtocolError(f"{message.kind.name} is not for a client to send")
            return self._requests[message.kind](message)
        except ProtocolError:
            raise
        except (BridgeError, KernelError) as error:
            return Answer(Kind.ERROR, str(error).encode())
        finally:
            message.close()

    def close(self) -> None:
        """The client is gone: what it had, or was about to have, is put."""
        for number in list(self._tickets):
            self._drop(number)

    # --- requests ---------------------------------------------------------------

    def _list(self, message: Message) -> Answer:
        return Answer(Kind.NAMES, "\n".join(sorted(self._desk.published)).encode())

    def _get(self, message: Message) -> Answer:
        name = check_name(message.text())
        dmabuf = self._desk.published.get(name)
        if dmabuf is None:
            raise BridgeError(f"no buffer {name!r} is published")
        if len(self._tickets) == MOST_TICKETS:
            raise BridgeError(f"{self.name} has {MOST_TICKETS} buffers: it must give some back")
        holder = Holder("message", f"to {self.name}")
        dmabuf.file.get(holder)
        try:
            shared = self._desk.shared.acquire(dmabuf)
        except (BridgeError, KernelError):
            dmabuf.file.put(holder)
            raise
        self._last_ticket += 1
        self._tickets[self._last_ticket] = _Ticket(shared, holder)
        offer = Offer(self._last_ticket, dmabuf.ino, shared.way, shared.runs)
        return Answer(Kind.BUFFER, offer.pack(), shared.fds)

    def _confirm(self, message: Message) -> Answer:
        number, fd = unpack_exactly(CONFIRMATION, message.payload)
        ticket = self._ticket(number)
        if ticket.confirmed or fd < 0:
            raise ProtocolError(f"ticket {number} cannot be confirmed with fd {fd}")
        holder = Holder("fd", f"{fd} of {self.name}")
        ticket.shared.dmabuf.file.transfer(ticket.holder, holder)
        ticket.holder, ticket.confirmed = holder, True
        return Answer(Kind.OK)

    def _release(self, message: Message) -> Answer:
        [number] = unpack_exactly(TICKET, message.payload)
        self._ticket(number)
        self._drop(number)
        return Answer(Kind.OK)

    def _give(self, message: Message) -> Answer:
        gift = Gift.unpack(message.payload, len(message.fds))
        desk = self._desk
        if gift.name in desk.given:
            raise BridgeError(f"a buffer {gift.name!r} was given before and is not taken yet")
        if len(desk.given) == MOST_GIFTS:
            raise BridgeError(f"{MOST_GIFTS} buffers were given and are not taken yet")
        holder = Holder("message", f"from {self.name}")
        dmabuf = desk.shared.find(message.fds, gift.runs)
        if dmabuf is not None:
            dmabuf.file.get(holder)
        else:
            dmabuf = self._import(gift, message.fds)
            dmabuf.file.transfer(dmabuf.exporter, holder)
        desk.given[gift.name] = dmabuf, holder
        return Answer(Kind.TAKEN, INO.pack(dmabuf.ino))

    # --- inside -----------------------------------------------------------------

    def _import(self, gift: Gift, fds: list[int]) -> DmaBuf:
        if self._desk.region is None:
            raise BridgeError("this machine has no region for memory from outside")
        if len(gift.runs) != 1 or len(fds) != 1:
            raise BridgeError(f"memory from outside is a run of a memfd, not {len(gift.runs)} of {len(fds)}")
        [run] = gift.runs
        return HostBuffer(self._desk.kernel, self._desk.region, fds[0], run.offset, run.size).export()

    def _ticket(self, number: int) -> _Ticket:
        if number not in self._tickets:
            raise ProtocolError(f"{self.name} has no ticket {number}")
        return self._tickets[number]

    def _drop(self, number: int) -> None:
        ticket = self._tickets.pop(number)
        self._desk.shared.release(ticket.shared)
        ticket.shared.dmabuf.file.put(ticket.holder)
