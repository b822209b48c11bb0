"""Microcode for a copy in memory, as short as loops make it."""

from __future__ import annotations

from devices.pl330.assembler import END, LOAD, MOST_ITERATIONS, STORE, WRITE_BARRIER, Program, mov, sev
from devices.pl330.isa import Address
from devices.pl330.regs import CCR

MOST_BEATS = 16
FIELD = {field.name: field for field in CCR}
NON_SECURE = 2
"""AxPROT[1]."""


def transfer_control(width: int, beats: int, non_secure: bool) -> int:
    """CCR for bursts of `beats` times `width` bytes, both addresses going up, without swapping."""
    values = {
        "INC": 1,
        "BURST_SIZE": width.bit_length() - 1,
        "BURST_LEN": beats - 1,
        "PROT_CTRL": NON_SECURE if non_secure else 0,
    }
    return sum(
        FIELD[f"{side}_{name}"].put(value) for side in ("SRC", "DST") for name, value in values.items()
    )


def memcpy_program(
    target: int, source: int, size: int, widest: int, share: int, event: int, non_secure: bool
) -> bytes:
    """Copy `size` bytes, then raise `event`. Addresses below 4 GiB.

    Beats are as wide as both addresses are aligned, `widest` bytes at most; a burst
    takes no more than `share` bytes of the MFIFO. What is left after the last whole
    burst goes in a shorter one, and single bytes at last.
    """
    width = min(widest, (source | target) & -(source | target) or widest)
    beats = min(MOST_BEATS, share // width)
    program = Program()
    program.add(mov(Address.SAR, source), mov(Address.DAR, target))
    bursts, rest = divmod(size, width * beats)
    if bursts:
        program.add(mov(Address.CCR, transfer_control(width, beats, non_secure)))
        _repeat(program, bursts)
    words, tail = divmod(rest, width)
    for part_width, part_beats in ((width, words), (1, tail)):
        if part_beats:
            program.add(mov(Address.CCR, transfer_control(part_width, part_beats, non_secure)), LOAD, STORE)
    program.add(WRITE_BARRIER, sev(event), END)
    return program.code


def _repeat(program: Program, bursts: int) -> None:
    """A load and a store, so many times; two loop counters reach 65536."""
    while bursts:
        outer = min(bursts // MOST_ITERATIONS, MOST_ITERATIONS)
        if outer:
            with program.loop(0, outer), program.loop(1, MOST_ITERATIONS):
                program.add(LOAD, STORE)
            bursts -= outer * MOST_ITERATIONS
        else:
            with program.loop(1, bursts):
                program.add(LOAD, STORE)
            bursts = 0
