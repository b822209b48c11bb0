"""The DMA-330: registers, debug instructions, interrupts; its threads do the work.

Interrupt lines: irq_abort, then irq[0], irq[1], ... as far as the node has
`interrupts`; the last of them carries all the rest, and a single one everything.
`request` is what a peripheral calls, `requests` its interfaces.

Time: see thread.py. Channels run side by side, each as if alone on the bus, and
what a slice moves is moved at its beginning.

Not modelled: the load lock (a channel waits for MFIFO space only), alignment of
data inside MFIFO lines (space counts in bytes), read and write queues, barriers
(every burst is complete when the next instruction starts), arbitration between
channels, cache misses as a state, AXI protection and cache attributes on the bus
(the ACP too is memory like any other), the second, secure slave interface (one serves
both worlds), a stream id for each channel (all use the node's first).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from devices.pl330.hardware.channel import Channel, Peripherals
from devices.pl330.hardware.events import Events
from devices.pl330.hardware.manager import Manager
from devices.pl330.hardware.mfifo import Mfifo, Watchdog
from devices.pl330.hardware.requests import RequestInterface
from devices.pl330.hardware.thread import CYCLE, Shared
from devices.pl330.regs import CHANNELS, MFIFO_BYTES, PERIPHERALS, TABLE
from soc.bus import Target
from soc.device import Slot
from soc.registers import RegisterFile, RegisterTable

WATCHDOG_CYCLES = 1024
ALL = 0xFFFF_FFFF


@dataclass(frozen=True)
class Straps:
    """The pins that are read at reset. `events` and `peripherals`: bit n, number n is non-secure."""

    boot_from_pc: bool = False
    boot_address: int = 0
    manager_non_secure: bool = True
    events_non_secure: int = ALL
    peripherals_non_secure: int = ALL


class Pl330:
    """Hardware model. `channels` and `manager` are its threads."""

    compatible: ClassVar[tuple[str, ...]] = ("arm,pl330",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = True
    straps: ClassVar[Straps] = Straps()

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (self.regs,)
        self.requests = tuple(RequestInterface() for _ in range(PERIPHERALS))
        self._events = Events(self._update_irqs)
        self._mfifo = Mfifo(MFIFO_BYTES, CHANNELS, self._space_released)
        self._watchdog = Watchdog(
            slot.clock, self._mfifo, WATCHDOG_CYCLES * CYCLE, self._irq_only, self._update_irqs
        )
        self._shared = Shared(
            slot.clock, slot.dma, self._events, self.straps.events_non_secure, self._update_irqs
        )
        self.channels: tuple[Channel, ...] = ()
        self.manager = Manager(self._shared, self.straps.manager_non_secure, self._start_channel)
        self.channels = tuple(self._channel(number) for number in range(CHANNELS))
        self._watchdog.channels = self.channels
        for number, interface in enumerate(self.requests):
            interface.arrived = partial(self._request_arrived, number)
        self._wire_registers()
        if self.straps.boot_from_pc:
            self.manager.start(self.straps.boot_address, self.straps.manager_non_secure)

    def request(self, peripheral: int, burst: bool, last: bool = False) -> None:
        """Peripheral 0 .. 31 asks for a burst or a single transfer, the `last` of its data or not."""
        self.requests[peripheral].request(burst, last)

    # --- building ----------------------------------------------------------

    def _channel(self, number: int) -> Channel:
        peripherals = Peripherals(self.requests, self.straps.peripherals_non_secure)
        return Channel(number, self._shared, self._mfifo, self._watchdog, peripherals)

    def _wire_registers(self) -> None:
        regs, manager, events, straps = self.regs, self.manager, self._events, self.straps
        regs.set("CR0", self._configuration())
        regs.set("CR2", straps.boot_address)
        regs.set("CR3", straps.events_non_secure)
        regs.set("CR4", straps.peripherals_non_secure)
        readers: dict[str, Callable[[], int]] = {
            "DSR": lambda: manager.status,
            "DPC": lambda: manager.pc,
            "INTEN": lambda: events.enabled,
            "INT_EVENT_RIS": lambda: events.raw,
            "INTMIS": lambda: events.masked,
            "FSRD": lambda: int(manager.faulting),
            "FSRC": lambda: sum(channel.faulting << n for n, channel in enumerate(self.channels)),
            "FTRD": lambda: manager.fault,
        }
        for name, reader in readers.items():
            regs.on_read(name, reader)
        regs.on_read("FTR", lambda index: self.channels[index].fault)
        for number, channel in enumerate(self.channels):
            self._wire_channel(number, channel)
        regs.on_write("INTEN", events.enable)
        regs.on_write("INTCLR", events.clear)
        regs.on_write("DBGCMD", self._debug_command)

    def _wire_channel(self, number: int, channel: Channel) -> None:
        self.regs.on_read(f"CSR{number}", lambda: channel.status)
        self.regs.on_read(f"CPC{number}", lambda: channel.pc)
        self.regs.on_read(f"SAR{number}", lambda: channel.data.source)
        self.regs.on_read(f"DAR{number}", lambda: channel.data.target)
        self.regs.on_read(f"CCR{number}", lambda: channel.data.control)
        self.regs.on_read(f"LC0_{number}", lambda: channel.counters[0])
        self.regs.on_read(f"LC1_{number}", lambda: channel.counters[1])

    def _configuration(self) -> int:
        """CR0 with what the straps say."""
        boot, non_secure = TABLE["CR0"].field("BOOT_EN"), TABLE["CR0"].field("MGR_NS_AT_RST")
        value = TABLE["CR0"].reset & ~(boot.mask | non_secure.mask)
        return value | boot.put(self.straps.boot_from_pc) | non_secure.put(self.straps.manager_non_secure)

    # --- for the threads ---------------------------------------------------

    def _start_channel(self, number: int, address: int, non_secure: bool) -> None:
        self.channels[number].start(address, non_secure)

    def _space_released(self) -> None:
        for channel in self.channels:
            channel.space_released()

    def _request_arrived(self, peripheral: int) -> None:
        for channel in self.channels:
            channel.request_arrived(peripheral)

    def _irq_only(self) -> bool:
        return bool(self.regs.get("WD"))

    # --- debug instructions ------------------------------------------------

    def _debug_command(self, value: int) -> None:
        """Execute DBGINST; after the instruction under way, if it is that which wrote the command."""
        if TABLE["DBGCMD"].field("DBGCMD").get(value):
            return
        if self._shared.executing:
            self.regs.set("DBGSTATUS", 1)
            self._slot.clock.after(0, self._debug)
        else:
            self._debug()

    def _debug(self) -> None:
        self.regs.set("DBGSTATUS", 0)
        first = self.regs.get("DBGINST0")
        fields = TABLE["DBGINST0"]
        code = fields.field("INSTRUCTION").get(first).to_bytes(2, "little")
        code += self.regs.get("DBGINST1").to_bytes(4, "little")
        if fields.field("DEBUG_THREAD").get(first):
            self.channels[fields.field("CHANNEL_NUMBER").get(first)].debug(code)
        else:
            self.manager.debug(code)

    # --- interrupts --------------------------------------------------------

    def _update_irqs(self) -> None:
        lines = self._slot.irqs
        if not lines or not self.channels:
            return
        threads = (self.manager, *self.channels)
        abort = any(thread.faulting for thread in threads) or self._watchdog.barking
        raised = self._events.masked
        if len(lines) == 1:
            lines[0].set(abort or bool(raised))
            return
        lines[0].set(abort)
        last = len(lines) - 2
        for event in range(last):
            lines[1 + event].set(bool(raised >> event & 1))
        lines[-1].set(bool(raised >> last))
