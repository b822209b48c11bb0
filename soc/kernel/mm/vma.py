"""A mapping in a program's address space (vm_area_struct).

Its pages are entered when it is made (remap_pfn_range) or one by one when they
are touched (a fault handler); a shared mapping shows the pages themselves, a
private one keeps copies of what was written.
Source: include/linux/mm_types.h, mm/memory.c.

Not modelled: page sizes beyond 4 KiB, mprotect, mremap, access bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag
from errno import EINVAL
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT
from soc.kernel.errors import KernelError
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.fs.file import File, Holder
    from soc.kernel.mm.user import AddressSpace

ABSENT = -1
"""The entry of a page that is not mapped yet."""


class VmFlags(IntFlag):
    """vm_flags, as far as they mean something here."""

    NONE = 0
    READ = 1
    WRITE = 2
    SHARED = 8
    MAYWRITE = 0x20
    PFNMAP = 0x400
    IO = 0x4000
    DONTCOPY = 0x20000
    DONTEXPAND = 0x40000
    DONTDUMP = 0x4000000


PFN_FLAGS = VmFlags.IO | VmFlags.PFNMAP | VmFlags.DONTEXPAND | VmFlags.DONTDUMP
"""What a mapping of page frames has that the kernel does not manage for it."""


@dataclass(frozen=True)
class VmOperations:
    """What the owner of a mapping does.

    fault  the frame of page n of the mapping, from 0; KernelError is SIGBUS for the program
    open   a copy was made by fork or a split
    close  the mapping ends
    """

    fault: Callable[[Vma, int], int] | None = None
    open: Callable[[Vma], None] | None = None
    close: Callable[[Vma], None] | None = None


@dataclass(eq=False)
class Vma:
    """[start, end) of `mm`, whole pages. `pgoff` is the file's page at `start`, `holder` has its reference.

    `frames` are ABSENT where there is no page; `cached` is how the CPU sees them. `copies` are the
    pages a private mapping has written, by page number. `private` belongs to whoever mapped it.
    `anonymous` memory has bytes and no frames.
    """

    mm: AddressSpace
    start: int
    end: int
    flags: VmFlags
    pgoff: int = 0
    file: File | None = None
    holder: Holder | None = None
    cached: bool = True
    ops: VmOperations = field(default_factory=VmOperations)
    private: object = None
    copies: dict[int, bytearray] = field(default_factory=dict)
    anonymous: bytearray | None = None

    @cached_property
    def frames(self) -> Frames:
        """Entries of the page table, shape (pages,): made when somebody first looks."""
        return np.full(self.pages, ABSENT, dtype=np.int64)

    @property
    def pages(self) -> int:
        return (self.end - self.start) >> PAGE_SHIFT

    @property
    def size(self) -> int:
        """Bytes of the mapping."""
        return self.end - self.start

    @property
    def shared(self) -> bool:
        return bool(self.flags & VmFlags.SHARED)

    @property
    def copy_on_write(self) -> bool:
        """A private mapping that may be written (is_cow_mapping)."""
        return self.flags & (VmFlags.SHARED | VmFlags.MAYWRITE) == VmFlags.MAYWRITE

    def remap(self, address: int, frames: Frames) -> None:
        """Enter `frames` from `address` on, for good (remap_pfn_range).

        -EINVAL outside the mapping, and for a part of a copy-on-write one: only all of it may be.
        """
        first = (address - self.start) >> PAGE_SHIFT
        if first < 0 or first + len(frames) > self.pages:
            raise KernelError(EINVAL, f"{len(frames)} pages at {address:#x} are not inside {self}")
        if self.copy_on_write and len(frames) != self.pages:
            raise KernelError(EINVAL, f"{self} is private: a part of it cannot be remapped")
        self.flags |= PFN_FLAGS
        self.frames[first : first + len(frames)] = frames

    def zap(self) -> None:
        """Drop all entries: the next touch of each page faults again (zap_page_range)."""
        self.frames[:] = ABSENT

    def part(self, start: int, end: int) -> Vma:
        """A mapping of [start, end) of this one, without a reference to the file of its own."""
        first, last = (start - self.start) >> PAGE_SHIFT, (end - self.start) >> PAGE_SHIFT
        bytes_ = None if self.anonymous is None else self.anonymous[start - self.start : end - self.start]
        part = Vma(
            self.mm,
            start,
            end,
            self.flags,
            self.pgoff + first,
            self.file,
            None,
            self.cached,
            self.ops,
            self.private,
            {page - first: bytearray(data) for page, data in self.copies.items() if first <= page < last},
            bytes_,
        )
        if self.anonymous is None:
            part.frames = self.frames[first:last].copy()
        return part

    def __str__(self) -> str:
        what = f"{self.file}" if self.file is not None else "anonymous memory"
        return f"{self.start:#x}..{self.end - 1:#x} of {self.mm.owner} ({what})"
