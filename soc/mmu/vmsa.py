"""VMSAv8-64 translation tables as pure data: descriptor bits, granules, regimes.

Source: ARM DDI 0487, D8.2 (granules, initial lookup level, concatenation),
D8.3 (descriptors), D8.4 (permissions), D8.5 (hardware update), D8.6 (contiguous).
Input addresses and frames are counted in 4 KiB pages, whatever the granule.

Not modelled: 52-bit addresses (FEAT_LPA, LPA2), small tables (FEAT_TTST),
permission indirection, table access flag, NSTable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from soc.address import PAGE_SHIFT, PhysAddr

ENTRIES = 512
"""Descriptors in a table of the 4 KiB granule."""
LEVEL_BITS = 9

VALID = 1 << 0
TABLE_OR_PAGE = 1 << 1
AP_EL0 = 1 << 6
AP_READ_ONLY = 1 << 7
SH_INNER = 3 << 8
ACCESS_FLAG = 1 << 10
NOT_GLOBAL = 1 << 11
DIRTY_MODIFIER = 1 << 51
"""DBM: with hardware dirty state, read-only means writable and clean."""
CONTIGUOUS = 1 << 52
PXN = 1 << 53
UXN = 1 << 54

S2_READ = 1 << 6
S2_WRITE = 1 << 7
S2_XN_LOW = 1 << 53
"""XN[0]: with XN[1] clear nobody privileged executes, with XN[1] set nobody unprivileged."""
S2_XN = 1 << 54

TABLE_SHIFT = 59
"""Lowest of the four attribute bits of a stage-1 table descriptor."""
TABLE_PXN = 1 << 59
TABLE_UXN = 1 << 60
TABLE_NO_EL0 = 1 << 61
TABLE_READ_ONLY = 1 << 62

ADDRESS_BITS = 48
ADDRESS_MASK = ((1 << ADDRESS_BITS) - 1) & ~((1 << PAGE_SHIFT) - 1)


def attribute_index(index: int) -> int:
    """AttrIndx: which byte of MAIR describes the memory."""
    return (index & 7) << 2


def stage2_memory(attr: int) -> int:
    """MemAttr[3:0] of a stage-2 leaf: 0b1111 is normal write-back, 0b00xx is device memory."""
    return (attr & 0xF) << 2


class Granule(IntEnum):
    """The smallest page of a tree; the value is log2 of its bytes, and of a table's."""

    K4 = 12
    K16 = 14
    K64 = 16

    @property
    def level_bits(self) -> int:
        """log2 of the descriptors in one table."""
        return self.value - 3

    @property
    def page_order(self) -> int:
        """log2 of the 4 KiB pages in one page of this granule."""
        return self.value - PAGE_SHIFT

    @property
    def block_levels(self) -> tuple[int, ...]:
        """Levels at which a block descriptor is legal, largest block first."""
        return (1, 2) if self is Granule.K4 else (2,)

    def contiguous_bits(self, level: int) -> int:
        """log2 of the adjacent leaf descriptors of `level` that one contiguous group has."""
        if self is Granule.K4:
            return 4
        return 7 if self is Granule.K16 and level == 3 else 5


def level_shift(level: int, granule: Granule = Granule.K4) -> int:
    """log2 of the bytes one descriptor of `level` covers."""
    return granule + granule.level_bits * (3 - level)


def initial_level(input_bits: int, granule: Granule) -> int:
    """Where a lookup of `input_bits` starts when first tables are not concatenated."""
    return 4 - -(-(input_bits - granule) // granule.level_bits)


def address_mask(level: int, granule: Granule) -> int:
    """The output-address bits of a block or page descriptor of `level`."""
    return ADDRESS_MASK & ~((1 << level_shift(level, granule)) - 1)


@dataclass(frozen=True)
class Regime:
    """How one table tree is to be read: the parts of TCR and TTBR (or VTCR and VTTBR) that matter.

    `table` is the address of the first table, `t0sz` the region-size field of
    its TTBR: 64 - t0sz input bits. `high` is the range at the top of the 64-bit
    space (TTB1). `start_level` None is computed; stage 2 gives its own, and then
    up to 16 first tables are concatenated where the range needs them.
    `update_dirty` (HD) has effect with `update_access` (HA) only.
    `write_no_execute` is WXN; `protected_walk` is S2PTW: stage-1 tables in
    device memory are a stage-2 permission fault.
    """

    table: PhysAddr
    t0sz: int
    output_bits: int = 48
    access_flag_fault: bool = True
    granule: Granule = Granule.K4
    stage: int = 1
    high: bool = False
    start_level: int | None = None
    hierarchical: bool = True
    update_access: bool = False
    update_dirty: bool = False
    write_no_execute: bool = False
    protected_walk: bool = False

    @property
    def input_bits(self) -> int:
        return 64 - self.t0sz

    @property
    def first_level(self) -> int:
        """The level of the initial lookup. Of 4 KiB pages: 0 for 40..48 input bits, 1 for 31..39, 2 below."""
        if self.start_level is not None:
            return self.start_level
        return initial_level(self.input_bits, self.granule)

    @property
    def first_entries_bits(self) -> int:
        """log2 of the descriptors of the first table, or of all concatenated ones."""
        return self.input_bits - level_shift(self.first_level, self.granule)

    @property
    def start_level_fits(self) -> bool:
        """Whether start level and region size agree: two descriptors at least, 16 tables at most."""
        most = self.granule.level_bits + (4 if self.stage == 2 else 0)
        return 1 <= self.first_entries_bits <= most

    @property
    def root(self) -> PhysAddr:
        """The first table: `table` aligned down to its own (concatenated) size."""
        return PhysAddr(self.table & ~((8 << self.first_entries_bits) - 1))

    @property
    def first_page(self) -> int:
        """The lowest input page the regime translates."""
        return (1 << (64 - PAGE_SHIFT)) - self.pages if self.high else 0

    @property
    def pages(self) -> int:
        """How many 4 KiB input pages the regime translates."""
        return 1 << (self.input_bits - PAGE_SHIFT)

    @property
    def dirty_state(self) -> bool:
        """Whether hardware manages the dirty state."""
        return self.update_access and self.update_dirty
