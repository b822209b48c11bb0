"""The SMMU's switches from the driver's side: off, programmed, on.

Source: arm_smmu_device_reset and arm_smmu_device_disable of
drivers/iommu/arm/arm-smmu-v3; ARM IHI 0070, 6.3.9 to 6.3.16.
"""

from __future__ import annotations

from errno import ETIMEDOUT

from devices.smmuv3.driver.features import STRTAB_SPLIT
from devices.smmuv3.driver.tables import StreamTable
from devices.smmuv3.regs import CMDQEN, EVENTQ_IRQEN, EVENTQEN, GERROR_IRQEN, RECINVSID, SMMUEN
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers

WRITE_BACK_INNER_SHAREABLE = 0xD75
"""CR1: queues and tables are read as the CPU writes them."""

INTERRUPTS = EVENTQ_IRQEN | GERROR_IRQEN


class Control:
    """Every change is waited for: -ETIMEDOUT where the SMMU does not acknowledge it."""

    def __init__(self, regs: Registers) -> None:
        self._regs = regs

    @property
    def translating(self) -> bool:
        return bool(self._regs.read("CR0") & SMMUEN)

    def disable(self) -> None:
        """Interrupts, queues and translation off."""
        self._regs.write("IRQ_CTRL", 0)
        self._set("CR0", "CR0ACK", 0)

    def program(self, streams: StreamTable) -> None:
        """What can be written while all is off, the queues' own registers apart."""
        regs = self._regs
        regs.write("CR1", WRITE_BACK_INNER_SHAREABLE)
        regs.write("CR2", RECINVSID)
        regs.write("STRTAB_BASE", streams.base, RA=1)
        split = STRTAB_SPLIT if streams.format else 0
        regs.write("STRTAB_BASE_CFG", LOG2SIZE=streams.log2, SPLIT=split, FMT=streams.format)

    def enable_commands(self) -> None:
        self._set("CR0", "CR0ACK", CMDQEN)

    def enable_interrupts(self) -> None:
        self._set("IRQ_CTRL", "IRQ_CTRLACK", INTERRUPTS)

    def enable(self) -> None:
        """Events are recorded and traffic is translated."""
        self._set("CR0", "CR0ACK", CMDQEN | EVENTQEN | SMMUEN)

    def no_messages(self) -> None:
        """Interrupts by wire: no message has an address."""
        self._regs.write("GERROR_IRQ_CFG0", 0)
        self._regs.write("EVENTQ_IRQ_CFG0", 0)

    def _set(self, register: str, acknowledge: str, value: int) -> None:
        self._regs.write(register, value)
        if self._regs.read(acknowledge) != value:
            raise KernelError(ETIMEDOUT, f"{acknowledge} does not follow")
