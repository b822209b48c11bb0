"""The DMA-330's driver: a dmaengine controller whose channels copy memory.

Each channel has a piece of the microcode buffer, writes a program for one
transfer into it and starts it by DMAGO through the debug registers; DMASEV at the
program's end raises the channel's interrupt. Faults arrive by irq_abort: the
driver says what they were, kills the thread and goes on with the next transfer.
Source: drivers/dma/pl330.c; binding Documentation/devicetree/bindings/dma/arm,pl330.yaml.

Not modelled: transfers from and to peripherals, two programs in flight for a
channel, runtime power management, resets, the arm,pl330-* quirks.
"""

from __future__ import annotations

from errno import EINVAL, ENOMEM
from typing import ClassVar

import numpy as np

from devices.pl330.assembler import KILL, go
from devices.pl330.driver.channel import Pl330Channel
from devices.pl330.isa import Instruction, encode
from devices.pl330.regs import MANAGER_FAULTS, TABLE
from soc.address import page_align
from soc.kernel.device import Device, Driver
from soc.kernel.dma import CoherentMemory, dma_alloc_coherent, dma_free_coherent, dma_set_max_seg_size
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers

PART_AND_DESIGNER = 0x41330
MICROCODE = 512
"""Bytes of microcode for each channel."""
UNLIMITED_SEGMENT = 0xFFFF_FFFF


class Pl330Driver(Driver):
    """One controller. `channels` are registered with the kernel's dmaengine."""

    name: ClassVar[str] = "dma-pl330"
    of_match: ClassVar[tuple[str, ...]] = ("arm,pl330",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.channels: list[Pl330Channel] = []

    def probe(self) -> None:
        """-EINVAL if it is no DMA-330, -ENOMEM without memory for microcode."""
        self.mmio = self.device.ioremap()
        self.regs = Registers(self.mmio, TABLE)
        found = sum(self.regs.read(f"periph_id_{byte}") << 8 * byte for byte in range(4))
        if found & 0xF_FFFF != PART_AND_DESIGNER:
            raise KernelError(EINVAL, f"peripheral id {found:#x} is no DMA-330")
        dma_set_max_seg_size(self.device, UNLIMITED_SEGMENT)
        self.non_secure = bool(self._configured("CR0", "MGR_NS_AT_RST"))
        self.bus_bytes = 1 << self._configured("CRD", "DATA_WIDTH")
        buffer = (self._configured("CRD", "DATA_BUFFER_DEP") + 1) * self.bus_bytes
        count = min(self._configured("CR0", "NUM_CHNLS"), self._configured("CR0", "NUM_EVENTS")) + 1
        self.share = buffer // count
        self.channels = [self._channel(number) for number in range(count)]
        for index in range(len(self.device.node.interrupts)):
            self.device.request_irq(self._interrupt, index)
        usable = [channel for channel in self.channels if self._usable(channel.number)]
        self.kernel.dma_engines.register(self.device, usable)
        self._microcode = self._allocate_microcode(count)
        self.kernel.log.info(f"{self.name} {self.device.name}: {count} channels, {buffer} bytes of buffer")

    def remove(self) -> None:
        self.kernel.dma_engines.unregister(self.device)
        for channel in self.channels:
            channel.terminate_all()
        dma_free_coherent(self.device, self._microcode.size, self._microcode, self._microcode.dma_address)

    # --- for the channels --------------------------------------------------

    def execute(self, instruction: Instruction, channel: int | None = None) -> None:
        """Have a channel, or the manager, execute an instruction now."""
        code = encode(instruction).ljust(6, b"\0")
        first = int.from_bytes(code[:2], "little")
        if channel is None:
            self.regs.write("DBGINST0", INSTRUCTION=first)
        else:
            self.regs.write("DBGINST0", INSTRUCTION=first, DEBUG_THREAD=1, CHANNEL_NUMBER=channel)
        self.regs.write("DBGINST1", int.from_bytes(code[2:], "little"))
        self.regs.write("DBGCMD", 0)

    def run(self, number: int, code: bytes) -> None:
        """Put a program into the channel's microcode and start it; the channel is stopped."""
        self._microcode.write(number * MICROCODE, np.frombuffer(code, dtype=np.uint8))
        self.enable_interrupt(number, True)
        address = self._microcode.dma_address + number * MICROCODE
        self.execute(go(number, address, self.non_secure))

    def enable_interrupt(self, number: int, enable: bool) -> None:
        """Let event `number` through as an interrupt; what it had raised before is forgotten."""
        interrupts = self.regs.read("INTEN") | 1 << number
        self.regs.write("INTEN", interrupts)
        self.regs.write("INTCLR", 1 << number)
        if not enable:
            self.regs.write("INTEN", interrupts & ~(1 << number))

    # --- device ------------------------------------------------------------

    def _configured(self, register: str, field: str) -> int:
        return TABLE[register].field(field).get(self.regs.read(register))

    def _channel(self, number: int) -> Pl330Channel:
        return Pl330Channel(f"{self.name} {self.device.name} channel {number}", number, self, MICROCODE)

    def _usable(self, number: int) -> bool:
        """A non-secure manager can use non-secure events only."""
        return not self.non_secure or bool(self.regs.read("CR3") >> number & 1)

    def _allocate_microcode(self, count: int) -> CoherentMemory:
        memory = dma_alloc_coherent(self.device, page_align(count * MICROCODE), what="microcode")
        if memory is None:
            self.kernel.dma_engines.unregister(self.device)
            raise KernelError(ENOMEM, "no memory for microcode")
        return memory

    def _interrupt(self) -> None:
        if self.regs.read("FSRD"):
            self._manager_fault()
        faulting = self.regs.read("FSRC")
        raised = self.regs.read("INTMIS")
        self.regs.write("INTCLR", raised)
        for channel in self.channels:
            if faulting >> channel.number & 1:
                channel.fault()
            elif raised >> channel.number & 1:
                channel.finished()

    def _manager_fault(self) -> None:
        reason = self.regs.read("FTRD")
        names = " ".join(field.name.lower() for field in MANAGER_FAULTS if field.get(reason))
        self.kernel.log.error(f"{self.name} {self.device.name}: manager: {names} (FTRD {reason:#x})")
        self.execute(KILL)
