"""Leaf descriptors decoded, any number of one level at once.

Ten bits of a descriptor decide everything but its address and memory type, so
the rules are worked out once for all 1024 of their values, and a descriptor is
then looked up.
Source: ARM DDI 0487, D8.4 (permissions), D8.5 (hardware update), D8.6
(contiguous); the order of faults is that of D8.14: translation, address size,
access flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT
from soc.mmu.leaves import FaultKind
from soc.mmu.permissions import Context, Flags, Octets, Words, has, leaf_permissions
from soc.mmu.vmsa import (
    ACCESS_FLAG,
    AP_READ_ONLY,
    CONTIGUOUS,
    NOT_GLOBAL,
    S2_WRITE,
    TABLE_OR_PAGE,
    VALID,
    Regime,
    address_mask,
    level_shift,
)

# (bits of the descriptor, how far down they move in the index): 1:0, 7:6, 11:10, 54:51
_GATHER = ((0x3, 0), (0xC0, 4), (0xC00, 6), (0xF << 51, 45))
Bits = TypeVar("Bits", int, NDArray[np.int64])
"""One descriptor, or many at once; bit 63 decides nothing, so signed ones do."""

_KINDS = 1 << 10
_MEMORY = 0x33C
_FIELDS = sum(bits for bits, _ in _GATHER) | _MEMORY


@dataclass(frozen=True)
class Rules:
    """What descriptors say apart from their address; `update` holds the bits that a hardware update flips."""

    permissions: Octets
    order: Octets
    global_: Flags
    faults: Octets
    update: Words


@dataclass(frozen=True)
class Entries(Rules):
    """Decoded descriptors: `frames` is the first 4 KiB frame of each, shape (n,).

    The other columns have shape (n,) too, or (1,) where all n agree.
    """

    frames: NDArray[np.int64]
    attributes: Octets


class Decoder:
    """Decodes the leaf descriptors of one regime."""

    def __init__(self, regime: Regime) -> None:
        self._regime = regime
        self._known: dict[Context, Rules] = {}
        self._masks = [np.uint64(address_mask(level, regime.granule)) for level in range(4)]

    def decode(self, words: Words, context: Context) -> Entries:
        """What `words`, shape (n,), n > 0, say at the level of `context`."""
        if context not in self._known:
            self._known[context] = self._work_out(_scattered(), context)
        known = self._known[context]
        fields = words & np.uint64(_FIELDS)
        index: slice | NDArray[np.int64]
        if (fields == fields[0]).all():
            same = int(fields[0])
            first = _gathered(same)
            index = slice(first, first + 1)
            attributes = np.array([self._memory(same)], np.uint8)
        else:
            index = _gathered(fields.view(np.int64))
            attributes = self._memory(fields.view(np.int64)).astype(np.uint8)
        faults, update = known.faults[index], known.update[index]
        target = words & self._masks[context.level]
        if int(target.max()) >> self._regime.output_bits:
            outside = (target >> np.uint64(self._regime.output_bits)) != 0
            outside &= faults != FaultKind.TRANSLATION
            faults = np.where(outside, np.uint8(FaultKind.ADDRESS_SIZE), faults)
            update = np.where(outside, np.uint64(0), update)
        return Entries(
            known.permissions[index],
            known.order[index],
            known.global_[index],
            faults,
            update,
            (target >> np.uint64(PAGE_SHIFT)).view(np.int64),
            attributes,
        )

    def _memory(self, fields: Bits) -> Bits:
        """Memory type and shareability in one number, as `Leaves.attributes` has them."""
        if self._regime.stage == 1:
            return (fields >> 2) & 0x7 | (fields >> 5) & 0x18
        return (fields >> 2) & 0xF | (fields >> 4) & 0x30

    def _work_out(self, words: Words, context: Context) -> Rules:
        regime, granule = self._regime, self._regime.granule
        if context.level == 3:
            leaf = has(words, VALID) & has(words, TABLE_OR_PAGE)
        else:
            leaf = has(words, VALID) & ~has(words, TABLE_OR_PAGE)
            leaf &= context.level in granule.block_levels
        permissions, dirtied = leaf_permissions(words, regime, context)
        fresh = ~has(words, ACCESS_FLAG)
        flagged = fresh & (regime.access_flag_fault and not regime.update_access)
        order = level_shift(context.level, granule) - PAGE_SHIFT
        group = order + granule.contiguous_bits(context.level)
        dirty_bit = AP_READ_ONLY if regime.stage == 1 else S2_WRITE
        update = _where(fresh & regime.update_access, ACCESS_FLAG) | _where(dirtied, dirty_bit)
        return Rules(
            permissions,
            np.where(has(words, CONTIGUOUS), np.uint8(group), np.uint8(order)),
            ~has(words, NOT_GLOBAL) | (regime.stage == 2),
            np.where(
                leaf,
                np.where(flagged, np.uint8(FaultKind.ACCESS_FLAG), np.uint8(FaultKind.NONE)),
                np.uint8(FaultKind.TRANSLATION),
            ),
            update * leaf,
        )


def _gathered(word: Bits) -> Bits:
    """The deciding bits of a descriptor, or of each, as an index below 1024."""
    index = word & _GATHER[0][0]
    for bits, down in _GATHER[1:]:
        index = index | ((word & bits) >> down)
    return index


def _scattered() -> Words:
    """A descriptor for each index: the inverse of `_gathered`."""
    index = np.arange(_KINDS, dtype=np.uint64)
    words = np.zeros(_KINDS, np.uint64)
    for bits, down in _GATHER:
        words |= (index << np.uint64(down)) & np.uint64(bits)
    return words


def _where(flags: Flags, bit: int) -> Words:
    return np.where(flags, np.uint64(bit), np.uint64(0))
