"""What leaf descriptors allow: the permission rules of both stages, over arrays of descriptors.

Source: ARM DDI 0487, D8.4 (AP, hierarchical control, UXN, PXN, S2AP, XN[1:0]) and
D8.5.2 (dirty state: DBM makes a read-only leaf writable and clean).

Not modelled: PAN and E0PD (the requester's own rules), permission indirection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soc.mmu.leaves import Permission
from soc.mmu.vmsa import (
    AP_EL0,
    AP_READ_ONLY,
    DIRTY_MODIFIER,
    PXN,
    S2_READ,
    S2_WRITE,
    S2_XN,
    S2_XN_LOW,
    TABLE_NO_EL0,
    TABLE_PXN,
    TABLE_READ_ONLY,
    TABLE_SHIFT,
    TABLE_UXN,
    UXN,
    Regime,
)

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Octets = NDArray[np.uint8]


class Context(NamedTuple):
    """What the answer depends on beside the descriptor itself.

    `limits` are the attribute bits of the table descriptors above, or-ed, from
    bit `TABLE_SHIFT` on; `write` and `privileged` are of the data access.
    """

    level: int
    limits: int
    write: bool
    privileged: bool


def leaf_permissions(words: Words, regime: Regime, context: Context) -> tuple[Octets, Flags]:
    """`Permission` of each descriptor, and whether this access makes it dirty."""
    if regime.stage == 1:
        return _stage1(words, regime, context)
    return _stage2(words, regime, context)


def _stage1(words: Words, regime: Regime, context: Context) -> tuple[Octets, Flags]:
    """AP, UXN and PXN below APTable, UXNTable and PXNTable."""
    above = context.limits << TABLE_SHIFT
    user = has(words, AP_EL0) & (not above & TABLE_NO_EL0)
    locked = bool(above & TABLE_READ_ONLY)
    clean = has(words, AP_READ_ONLY) & has(words, DIRTY_MODIFIER) & regime.dirty_state & (not locked)
    dirtied = clean & (user | context.privileged) & context.write
    could_write = ((~has(words, AP_READ_ONLY)) & (not locked)) | clean
    write = could_write & (~clean | dirtied)
    execute = ~has(words, UXN) & (not above & TABLE_UXN)
    # what an application can write, the kernel never executes
    priv_execute = ~has(words, PXN) & (not above & TABLE_PXN) & ~(could_write & user)
    if regime.write_no_execute:
        execute &= ~(could_write & user)
        priv_execute &= ~could_write
    return (
        _octets(user, Permission.READ)
        | _octets(user & write, Permission.WRITE)
        | _octets(write, Permission.PRIV_WRITE)
        | _octets(execute, Permission.EXECUTE)
        | _octets(priv_execute, Permission.PRIV_EXECUTE)
        | np.uint8(Permission.PRIV_READ)
    ), dirtied


def _stage2(words: Words, regime: Regime, context: Context) -> tuple[Octets, Flags]:
    """S2AP and XN[1:0]."""
    clean = ~has(words, S2_WRITE) & has(words, DIRTY_MODIFIER) & regime.dirty_state
    dirtied = clean & context.write
    write = has(words, S2_WRITE) | dirtied
    never, half = has(words, S2_XN), has(words, S2_XN_LOW)
    return (
        _octets(has(words, S2_READ), Permission.READ | Permission.PRIV_READ)
        | _octets(write, Permission.WRITE | Permission.PRIV_WRITE)
        | _octets(~never, Permission.EXECUTE)
        | _octets(never == half, Permission.PRIV_EXECUTE)
    ), dirtied


def has(words: Words, bit: int) -> Flags:
    """Where `bit` is set."""
    flags: Flags = (words & np.uint64(bit)) != 0
    return flags


def _octets(flags: Flags, permission: int) -> Octets:
    return np.where(flags, np.uint8(permission), np.uint8(0))
