"""Typed addresses and the page they are counted in.

Physical, I/O-virtual and virtual addresses are distinct types, so that mypy
refuses to hand a device a physical address where it needs an IOVA.
"""

from __future__ import annotations

from typing import NewType

PhysAddr = NewType("PhysAddr", int)
"""An address on the system bus."""

Iova = NewType("Iova", int)
"""An address as a DMA master issues it, before the IOMMU."""

VirtAddr = NewType("VirtAddr", int)
"""An address as CPU code uses it, before the MMU."""

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = PAGE_SIZE - 1


def page_align(size: int) -> int:
    """Round `size` bytes up to whole pages (PAGE_ALIGN of the kernel)."""
    return (size + PAGE_MASK) & ~PAGE_MASK


def human_size(size: int) -> str:
    """`size` bytes as people read it: 64 MiB, 8100 KiB, 12 B."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"
