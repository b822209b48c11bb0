"""A fault handler that goes one page too far: the program sees memory of somebody else.

The end of a mapping need not be the end of its object; a handler that compares with `>` where `>=`
belongs enters the page behind it. Linux takes what the handler says; here it is a WARN that
names whose page that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.address import PAGE_SHIFT, page_align

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.mm.vma import Vma


def check_inside(kernel: KernelCore, vma: Vma, page: int, frame: int) -> None:
    """`frame` is about to become page `page` of `vma`. WARN if that lies beyond the end of the file."""
    if vma.file is None or vma.file.ops.size is None:
        return
    has, index = page_align(vma.file.ops.size(vma.file)) >> PAGE_SHIFT, vma.pgoff + page
    if index >= has:
        whose = kernel.page_owner(frame)
        kernel.log.warn(
            f"page {index} of {vma.file}, which has {has}, was entered for {vma.mm.owner}: "
            f"it is frame {frame:#x} of {whose}"
        )
