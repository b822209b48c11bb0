"""A step as one short line: who, call, and the counts after it.

    fb: dma_buf_get(fd 0) | d1=2 b1=2 h1=1

d dma-bufs by inode, b ION buffers by number, g GEM objects by number, h handles in the order in which
they were first seen; 0 for what has just gone.
"""

from __future__ import annotations

import re

from soc.flows.flow import Played
from soc.flows.steps import Step

KINDS = (("d", r"dma-buf (\d+) '.*'"), ("b", r"ion buffer (\d+)"), ("g", r"gem object (\d+) of card0"))


def lines(played: Played) -> list[str]:
    """All steps of an act."""
    handles: list[str] = []
    return [_line(step, handles) for step in played.steps]


def _line(step: Step, handles: list[str]) -> str:
    who = step.who.partition(" (pid")[0]
    counts = [f"{_short(change.count.what, handles)}={change.count.total}" for change in step.counts]
    return f"{'  ' * step.depth}{who}: {step.call}" + (f" | {' '.join(counts)}" if counts else "")


def _short(what: str, handles: list[str]) -> str:
    for letter, pattern in KINDS:
        if match := re.fullmatch(pattern, what):
            return f"{letter}{match[1]}"
    if what not in handles:
        handles.append(what)
    return f"h{handles.index(what) + 1}"
