"""Aliases: one page that is mapped cached here and uncached there, at the same time.

What is written through one of them may never be seen through the other, on
hardware that is allowed to do so and does it rarely. The kernel's own linear map
is an alias of every uncached buffer, too, which nobody uses; it is not looked at.
Source: Arm ARM (DDI 0487) B2.16, mismatched memory attributes; 54d414570432 of Tegra's kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.mm.vma import Vma


def warn_of_aliases(kernel: KernelCore, frames: Frames, cached: bool, what: str) -> None:
    """`what`, e.g. "kernel mapping of ion buffer 3", maps `frames`: WARN where a program has one of
    them mapped the other way."""
    if not len(frames):
        return
    low, high = int(frames.min()), int(frames.max())
    for vma in _mappings(kernel):
        if vma.cached is cached:
            continue
        there = vma.frames[(vma.frames >= low) & (vma.frames <= high)]
        met = np.intersect1d(there, frames)
        if len(met):
            kernel.log.warn(
                f"{what} is {_word(cached)}, but {vma} maps {len(met)} of its pages {_word(vma.cached)}, "
                f"the first at {int(met[0]) << PAGE_SHIFT:#x}"
            )


def _mappings(kernel: KernelCore) -> list[Vma]:
    """All mappings of files, by process and address."""
    return [
        vma
        for _, process in sorted(kernel.processes.items())
        for vma in process.mm.vmas
        if vma.anonymous is None
    ]


def _word(cached: bool) -> str:
    return "cached" if cached else "uncached"
