"""Which function of a program copied watched memory, and with which instruction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from soc.address import PAGE_SHIFT
from soc.analysis.blocks import INSTRUCTION, memory_accesses
from soc.cpu.image import Image
from soc.cpu.watch import Touch
from soc.verify.evidence import BufferRange
from soc.verify.result import Copy


def copies(touches: Iterable[Touch], image: Image, buffers: list[BufferRange]) -> list[Copy]:
    """One `Copy` for each function that both read and wrote the watched memory.

    Its `pc` is that of the instruction that wrote most of the bytes.
    """
    by_function: dict[str, list[Touch]] = defaultdict(list)
    for touch in touches:
        symbol = image.symbols.find(touch.pc)
        by_function[symbol.name if symbol else f"{touch.pc:#x}"].append(touch)
    found = []
    for made in by_function.values():
        reads = [touch for touch in made if touch.access == "read"]
        writes = [touch for touch in made if touch.access == "write"]
        if reads and writes:
            pc = instruction_of(max(writes, key=lambda touch: touch.bytes), image)
            found.append(
                Copy(
                    by=f"cpu at {image.symbols.name(pc)} ({pc:#x})",
                    bytes=sum(touch.bytes for touch in writes),
                    source=_names(reads, buffers),
                    target=_names(writes, buffers),
                    pc=pc,
                )
            )
    return found


def instruction_of(touch: Touch, image: Image) -> int:
    """Address of the instruction that made `touch`.

    Where the core knows its block only, the first of the function from there
    on that accesses memory in that way.
    """
    if touch.exact:
        return touch.pc
    accesses = memory_accesses(_code(image, touch.pc), touch.pc)
    return next((found.pc for found in accesses if found.access == touch.access), touch.pc)


def _code(image: Image, pc: int) -> bytes:
    """The program from `pc` to the end of the function it is in, as the image has it."""
    symbol = image.symbols.find(pc)
    for segment in image.segments:
        if symbol and segment.virtual <= pc < segment.virtual + len(segment.data):
            end = max(symbol.address + symbol.size, pc + INSTRUCTION)
            return segment.data[pc - segment.virtual : end - segment.virtual]
    return b""


def _names(touches: list[Touch], buffers: list[BufferRange]) -> str:
    """The buffers that the touched ranges overlap."""
    low = min(touch.first for touch in touches) >> PAGE_SHIFT
    high = max(touch.last for touch in touches) >> PAGE_SHIFT
    names = [b.name for b in buffers if np.any((b.frames >= low) & (b.frames <= high))]
    return ", ".join(names) or f"memory at {low << PAGE_SHIFT:#x}"
