"""Which function of a program copied watched memory, and with which instruction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from soc.address import PAGE_SHIFT
from soc.analysis.blocks import INSTRUCTION, memory_accesses
from soc.cpu.image import Image
from soc.cpu.watch import Touch
from soc.verify.evidence import BufferRange
from soc.verify.result import Copy

MOST_PLACES = 3


def copies(touches: Sequence[Touch], image: Image, buffers: list[BufferRange]) -> list[Copy]:
    """One `Copy` for each function that both read and wrote the watched memory.

    Where none did both but the program as a whole did, one copy for all of it.
    `pc` is that of the instruction that wrote most of the bytes.
    """
    by_function: dict[str, list[Touch]] = defaultdict(list)
    for touch in touches:
        symbol = image.symbols.find(touch.pc)
        by_function[symbol.name if symbol else ""].append(touch)
    found = [copy for made in by_function.values() if (copy := _copy(made, image, buffers))]
    whole = _copy(touches, image, buffers)
    return found or ([whole] if whole else [])


def places(touches: Iterable[Touch], image: Image) -> list[str]:
    """Where in the program most of the watched bytes were touched: `copy_frame+0x14 wrote 4,096 bytes`."""
    did = {"read": "read", "write": "wrote"}
    top = sorted(touches, key=lambda touch: (-touch.bytes, touch.pc))[:MOST_PLACES]
    return [
        f"{image.symbols.name(instruction_of(touch, image))} {did[touch.access]} {touch.bytes:,} bytes"
        for touch in top
    ]


def _copy(touches: Sequence[Touch], image: Image, buffers: list[BufferRange]) -> Copy | None:
    """What these touches amount to if they both read and wrote."""
    reads = [touch for touch in touches if touch.access == "read"]
    writes = [touch for touch in touches if touch.access == "write"]
    if not reads or not writes:
        return None
    pc = instruction_of(max(writes, key=lambda touch: touch.bytes), image)
    return Copy(
        by=f"cpu at {image.symbols.name(pc)} ({pc:#x})",
        bytes=sum(touch.bytes for touch in writes),
        source=_names(reads, buffers),
        target=_names(writes, buffers),
        pc=pc,
    )


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
