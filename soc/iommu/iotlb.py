"""The IOTLB: translations cached by VMID and ASID, dropped by commands only.

Only translations are cached, never faults. What software has unmapped stays
usable until it is invalidated, as on silicon. Each cached page knows the size of
the descriptor it came from: an invalidation of any address inside a block or a
contiguous group drops all of it. Entries of stage 1 hold the final output, of
both stages where both translate; entries of stage 2 alone are kept apart.

Source: ARM IHI 0070, 3.17 (tagging), 4.4 (invalidation); ARM DDI 0487, D8.

Not modelled: capacity and replacement, caching of table descriptors (so a
leaf-only invalidation is the same as any other), VMID wildcards, broadcast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soc.iommu.iotlb_store import IotlbStore, Space
from soc.mmu.leaves import FaultKind, Leaves

Entries = NDArray[np.int64]
"""One word per page, shape (pages,), 0 where nothing is cached; else bit 0 set, the permissions
of both stages in [13:8], those of stage 1 alone in [19:14] and the frame from bit 20 up."""

VALID = 1
PERMISSION_SHIFT = 8
STAGE1_SHIFT = 14
FRAME_SHIFT = 20


class Tag(NamedTuple):
    """Whose translations: `asid` is None for those of stage 2 alone, whose input is an IPA.

    `aset` is CD.ASET: global entries are shared among equal ones only (3.17.1).
    """

    vmid: int
    asid: int | None
    aset: bool = False


def entries_of(leaves: Leaves) -> Entries:
    """What a walk found, as entries; 0 at its faults."""
    permissions = leaves.stage1_permissions.astype(np.uint16) << (STAGE1_SHIFT - PERMISSION_SHIFT)
    permissions |= leaves.permissions
    words = permissions.astype(np.int64) << PERMISSION_SHIFT
    words |= leaves.frames << FRAME_SHIFT
    words |= VALID
    if leaves.faults.any():
        words[leaves.faults != FaultKind.NONE] = 0
    return words


def frames_of(entries: Entries) -> NDArray[np.int64]:
    """Page frame numbers of valid entries."""
    return entries >> FRAME_SHIFT


def allowed(entries: Entries, required: int, forbidden: int = 0) -> NDArray[np.bool_]:
    """Which pages are cached with all permissions of `required` and none of `forbidden`."""
    wanted = required << PERMISSION_SHIFT | VALID
    verdict: NDArray[np.bool_] = (entries & (wanted | forbidden << PERMISSION_SHIFT)) == wanted
    return verdict


def stage1_allowed(entry: int, required: int, forbidden: int = 0) -> bool:
    """Whether stage 1 alone would allow it: else the permission fault is its own, not stage 2's."""
    return (entry >> STAGE1_SHIFT) & (required | forbidden) == required


class Iotlb:
    """Cached pages of every address space. Unbounded, so that runs are deterministic."""

    def __init__(self) -> None:
        self._store = IotlbStore()
        self._tagged: dict[tuple[int, int | None], Space] = {}
        self._global: dict[tuple[int, bool], Space] = {}

    def lookup(self, tag: Tag, page: int, count: int) -> Entries:
        """A copy of what is cached for `count` pages from `page` (input address >> 12)."""
        vmid, asid, aset = tag
        entries = self._store.read(self._tagged.get((vmid, asid)), page, count)
        if asid is not None and (common := self._global.get((vmid, aset))) is not None:
            return np.where(entries, entries, self._store.read(common, page, count))
        return entries

    def fill(self, tag: Tag, page: int, leaves: Leaves, chosen: NDArray[np.bool_] | None = None) -> Entries:
        """Cache the translations among `leaves`, of the `chosen` pages only; returns those of all its pages.

        Those of a descriptor with nG = 0 serve every ASID of the VMID.
        """
        vmid, asid, aset = tag
        entries = entries_of(leaves)
        new = entries if chosen is None else np.where(chosen, entries, 0)
        if asid is not None and leaves.global_.any():
            common = np.where(leaves.global_, new, 0)
            self._store.write(self._global.setdefault((vmid, aset), Space()), page, common, leaves.order)
            new = np.where(leaves.global_, 0, new)
        self._store.write(self._tagged.setdefault((vmid, asid), Space()), page, new, leaves.order)
        return entries

    # --- invalidation ------------------------------------------------------

    def invalidate_all(self) -> None:
        """Every entry (TLBI_NSNH_ALL)."""
        self._store = IotlbStore()
        self._tagged.clear()
        self._global.clear()

    def invalidate_vmid(self, vmid: int, stage2: bool = True) -> None:
        """Every entry of a virtual machine (TLBI_S12_VMALL), or all but `stage2` alone (TLBI_NH_ALL)."""
        for key in [key for key in self._tagged if key[0] == vmid]:
            if stage2 or key[1] is not None:
                self._store.release_all(self._tagged.pop(key))
        for aset in (False, True):
            if (space := self._global.pop((vmid, aset), None)) is not None:
                self._store.release_all(space)

    def invalidate_asid(self, vmid: int, asid: int) -> None:
        """The entries of one address space that are not global (TLBI_NH_ASID)."""
        if (space := self._tagged.pop((vmid, asid), None)) is not None:
            self._store.release_all(space)

    def invalidate_va(
        self, vmid: int, asid: int | None, page: int, count: int = 1, below: int | None = None
    ) -> None:
        """Entries that cover a page of a range of one address space, or of all when `asid` is None.

        Global ones among them go in any case (TLBI_NH_VA, TLBI_NH_VAA). With
        `below` only entries of a lesser order than that, as a level hint says.
        """
        for space in self._spaces(vmid, asid):
            self._store.invalidate(space, page, count, below)

    def invalidate_ipa(self, vmid: int, page: int, count: int = 1, below: int | None = None) -> None:
        """Entries of stage 2 alone that cover a page of a range (TLBI_S2_IPA)."""
        if (space := self._tagged.get((vmid, None))) is not None:
            self._store.invalidate(space, page, count, below)

    def _spaces(self, vmid: int, asid: int | None) -> Iterator[Space]:
        """The stage-1 spaces that an invalidation by address concerns."""
        if asid is None:
            yield from (space for key, space in self._tagged.items() if key[0] == vmid and key[1] is not None)
        elif (space := self._tagged.get((vmid, asid))) is not None:
            yield space
        yield from (space for key, space in self._global.items() if key[0] == vmid)
