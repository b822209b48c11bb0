"""Registers of a GICv3 with one security state and one CPU, as of a GIC-500 with 256 interrupt IDs.

Array elements are the numbered registers (ISENABLER0, ...), those of the
redistributor's second frame stand at their offset in both frames together.
Source: Arm IHI 0069, chapter 12; numbers of the GIC-500: Arm DDI 0516, chapter 3.
"""

from devices.gicv3.regs.cpu_interface import CPU_INTERFACE
from devices.gicv3.regs.distributor import DISTRIBUTOR, INTERRUPTS
from devices.gicv3.regs.redistributor import REDISTRIBUTOR

__all__ = ["CPU_INTERFACE", "DISTRIBUTOR", "INTERRUPTS", "REDISTRIBUTOR"]
