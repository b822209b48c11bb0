"""VMSAv8-64 stage-1 tables of 4 KiB granule, as pure data.

Source: ARM DDI 0487, D8. Level 3 maps 4 KiB pages, level 2 blocks of 2 MiB,
level 1 blocks of 1 GiB; each table has 512 descriptors of 64 bits.

Not modelled: 16 and 64 KiB granules, contiguous hint, stage 2, privileged
accesses, execute-never, global entries (nG = 0 counts as 1), dirty state.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.address import PAGE_SHIFT, PhysAddr

ENTRIES = 512
LEVEL_BITS = 9

VALID = 1 << 0
TABLE_OR_PAGE = 1 << 1
AP_EL0 = 1 << 6
AP_READ_ONLY = 1 << 7
SH_INNER = 3 << 8
ACCESS_FLAG = 1 << 10
NOT_GLOBAL = 1 << 11
PXN = 1 << 53
UXN = 1 << 54
TABLE_NO_EL0 = 1 << 61
TABLE_READ_ONLY = 1 << 62

ADDRESS_MASK = ((1 << 48) - 1) & ~((1 << PAGE_SHIFT) - 1)


def attribute_index(index: int) -> int:
    """AttrIndx: which byte of MAIR describes the memory."""
    return (index & 7) << 2


@dataclass(frozen=True)
class Regime:
    """How one table tree is to be read: the parts of TCR and TTBR that matter.

    `table` is the TTBR's address of the first table, `t0sz` gives an input range
    of 64 - t0sz bits, `output_bits` the physical address size.
    """

    table: PhysAddr
    t0sz: int
    output_bits: int = 48
    access_flag_fault: bool = True

    @property
    def input_bits(self) -> int:
        return 64 - self.t0sz

    @property
    def start_level(self) -> int:
        """0 for 40..48 input bits, 1 for 31..39, 2 for 22..30, 3 below."""
        levels = -(-(self.input_bits - PAGE_SHIFT) // LEVEL_BITS)
        return 4 - levels

    @property
    def root(self) -> PhysAddr:
        """The first table: `table` aligned down to that table's own size."""
        entries = 1 << (self.input_bits - level_shift(self.start_level))
        return PhysAddr(self.table & ~(8 * entries - 1))


def level_shift(level: int) -> int:
    """log2 of the bytes one descriptor of `level` covers."""
    return PAGE_SHIFT + LEVEL_BITS * (3 - level)
