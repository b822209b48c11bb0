"""Tables of registers that a model has inside the CPU, reached by MRS and MSR.

A row is a `Register` as in any block; its `offset` is the place of the five
numbers in the two instructions, and the name's suffix _EL1 .. _EL3 tells the
lowest exception level with access, as in the Arm ARM, C5 and D19.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from soc.registers import CpuRegister, Register, RegisterTable, SystemRegister

SYSTEM_SPAN = 1 << 21
WIDTHS = (2, 3, 4, 4, 3)
"""Bits of op0, op1, CRn, CRm and op2."""
LOWEST = 5
"""Below them an instruction has the number of its general register."""


def system_offset(*register: int) -> int:
    """Place of (op0, op1, CRn, CRm, op2): the instruction's bits 20:5, all others zero."""
    offset = 0
    for number, width in zip(register, WIDTHS, strict=True):
        offset = offset << width | number
    return offset << LOWEST


def system_register(offset: int) -> SystemRegister:
    """(op0, op1, CRn, CRm, op2) at a place that `system_offset` gave."""
    offset >>= LOWEST
    return offset >> 14 & 3, offset >> 11 & 7, offset >> 7 & 15, offset >> 3 & 15, offset & 7


def system_name(offset: int) -> str:
    """As assemblers write a register they have no name for, e.g. S3_0_C4_C6_0."""
    op0, op1, crn, crm, op2 = system_register(offset)
    return f"S{op0}_{op1}_C{crn}_C{crm}_{op2}"


class SystemRegisterTable(RegisterTable):
    """The registers of one block that takes no address space."""

    def __init__(self, name: str, source: str, registers: Iterable[Register]) -> None:
        super().__init__(name, SYSTEM_SPAN, source, registers)
        self.span = 0

    def connect(
        self,
        readers: Mapping[str, Callable[[], int]],
        writers: Mapping[str, Callable[[int], None]],
    ) -> Mapping[SystemRegister, CpuRegister]:
        """What the CPU asks and tells: `readers` and `writers` have every row's name that its access wants.

        KeyError for one that is missing.
        """
        return {
            system_register(row.offset): CpuRegister(
                row.name,
                read=None if row.access == "wo" else readers[row.name],
                write=None if row.access == "ro" else writers[row.name],
                level=int(row.name[-1]),
            )
            for row in self.registers
        }
