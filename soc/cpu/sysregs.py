"""System registers and system instructions that a model answers for.

Everything not registered here stays with the engine. Registers are named by
(op0, op1, CRn, CRm, op2) as in the Arm ARM, C5. `table_registers` and
`hooked_registers` are the two ways of getting at them. In both a model is
asked only for an access that the core lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from soc.registers import CpuRegister, SystemRegister

Reader = Callable[[], int | None]
"""The register's value, or None to let the engine answer."""

Writer = Callable[[int], bool]
"""Takes the value written; False to let the engine do it."""

Failed = Callable[[BaseException], None]


class SystemRegisters(Protocol):
    """Leads accesses of registers to models. To be set up before the first instruction runs.

    One reader and one writer for each register: ValueError for another.
    """

    name: str

    def on_read(self, register: SystemRegister, reader: Reader) -> None:
        """Ask `reader` for the value of a register that the engine has."""
        ...

    def on_write(self, register: SystemRegister, writer: Writer) -> None:
        """Also for system instructions (op0 = 1): the value is that of their register."""
        ...

    def define(self, register: SystemRegister, model: CpuRegister) -> None:
        """A register that the engine does not have."""
        ...
