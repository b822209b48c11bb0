"""alloc_pages: blocks and pages for kernel code, with what their flags allow the allocator to do for them.

A request that may reclaim has the shrinkers give pages back before it fails. A
small one tries again as long as that helps, a large one (above order 3) once.
Source: mm/page_alloc.c (__alloc_pages_slowpath, warn_alloc), mm/oom_kill.c.

Not modelled: compaction, watermarks, and killing: what the OOM killer would be
called for fails, because no task's own memory lies in DRAM.
"""

from __future__ import annotations

from enum import Flag
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.shrinker import Shrinkers
from soc.memory.pages import PageAllocator
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

PAGE_ALLOC_COSTLY_ORDER = 3


class Gfp(Flag):
    """The flags that make a difference here. Zeroing is the caller's, many blocks at a time."""

    RECLAIM = 1
    NOWARN = 2


HIGH_ORDER = Gfp.NOWARN
"""(GFP_HIGHUSER | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_RECLAIM: take what is there, say nothing."""

GFP_HIGHUSER = Gfp.RECLAIM


def alloc_pages(kernel: Kernel, order: int, gfp: Gfp) -> int | None:
    """The first frame of a block of 2**order pages, not zeroed; None, and a message, without one."""
    if _injected(kernel, f"a block of order {order}"):
        return None
    memory = kernel.memory
    if Gfp.RECLAIM in gfp:
        frame = alloc_reclaiming(memory.pages, memory.shrinkers, order)
    else:
        frame = memory.pages.alloc(order)
    if frame is None and Gfp.NOWARN not in gfp:
        kernel.log.error(f"{_current(kernel)}: page allocation failure: order:{order}")
    return frame


def alloc_single_pages(kernel: Kernel, count: int) -> Frames | None:
    """`count` pages from anywhere, not zeroed, each to be freed on its own; None when memory is exhausted.

    Reclaims, and calls the OOM killer before it fails.
    """
    if _injected(kernel, f"{count} pages"):
        return None
    memory = kernel.memory
    frames = memory.pages.alloc_pages(count)
    if frames is None:
        missing = count - (memory.pages.free_frames - memory.pages.free_cma)
        if memory.shrinkers.shrink(missing) >= missing:
            frames = memory.pages.alloc_pages(count)
    if frames is None:
        who = _current(kernel)
        kernel.log.error(f"{who} invoked oom-killer: gfp_mask=GFP_HIGHUSER, order=0, oom_score_adj=0")
        kernel.log.error(f"Out of memory: nothing to kill that would give {who} {count} pages")
    return frames


def alloc_reclaiming(
    pages: PageAllocator, shrinkers: Shrinkers, order: int, below: int | None = None
) -> int | None:
    """`PageAllocator.alloc`, with what the shrinkers give back if there is nothing."""
    frame = pages.alloc(order, below)
    while frame is None and shrinkers.shrink(1 << order):
        frame = pages.alloc(order, below)
        if order > PAGE_ALLOC_COSTLY_ORDER:
            break
    return frame


def _injected(kernel: Kernel, what: str) -> bool:
    try:
        kernel.faults.check(FaultSite.PAGE_ALLOC, what)
    except KernelError:
        return True
    return False


def _current(kernel: Kernel) -> str:
    """Who is running, for the log."""
    return kernel.sched.current.comm if kernel.sched.current else "swapper/0"
