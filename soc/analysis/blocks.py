"""Which instructions of a piece of code access memory, by lifting it to VEX.

What VEX cannot decode is decoded by its encoding class; what neither knows is
reported as undecoded, never left out.

Not modelled: addresses. A block says who accesses memory, not where.
"""

from __future__ import annotations

from typing import Any

import archinfo
import pyvex

from soc.analysis.opcodes import MemoryAccess, accesses_of, is_zero_block

INSTRUCTION = 4


def memory_accesses(code: bytes, pc: int) -> list[MemoryAccess]:
    """Every access of the A64 instructions `code` linked at `pc`, in order of address.

    One entry per instruction and direction, `size` bytes moved in all. ValueError
    unless `code` is whole instructions.
    """
    if len(code) % INSTRUCTION:
        raise ValueError(f"code must be whole instructions of {INSTRUCTION} bytes, not {len(code)} bytes")
    arch = archinfo.ArchAArch64()
    found: list[MemoryAccess] = []
    done = 0
    while done < len(code):
        block: Any = pyvex.lift(code[done:], pc + done, arch, opt_level=0)
        if block.size:
            found += _of_block(block, code[done : done + block.size], pc + done)
            done += block.size
        else:
            found += accesses_of(_word(code, done), pc + done)
            done += INSTRUCTION
    return found


def _of_block(block: Any, code: bytes, start: int) -> list[MemoryAccess]:
    """The accesses of a lifted block, and of what VEX lifts to nothing though it writes."""
    totals: dict[tuple[int, str], int] = {}
    pc = start
    for statement in block.statements:
        if isinstance(statement, pyvex.stmt.IMark):
            pc = statement.addr
        for access, size in _of_statement(statement, block.tyenv):
            totals[pc, access] = totals.get((pc, access), 0) + size
    found = [MemoryAccess(at, access, size) for (at, access), size in totals.items()]  # type: ignore[arg-type]
    for offset in range(0, len(code), INSTRUCTION):
        if is_zero_block(word := _word(code, offset)):
            found += accesses_of(word, start + offset)
    return sorted(found)


def _of_statement(statement: Any, types: Any) -> list[tuple[str, int]]:
    out = []
    if isinstance(statement, pyvex.stmt.WrTmp) and isinstance(statement.data, pyvex.expr.Load):
        out.append(("read", statement.data.result_size(types) // 8))
    elif isinstance(statement, pyvex.stmt.Store):
        out.append(("write", statement.data.result_size(types) // 8))
    elif isinstance(statement, pyvex.stmt.LLSC):
        stored: Any = statement.storedata
        if stored is None:
            out.append(("read", types.sizeof(statement.result) // 8))
        else:
            out.append(("write", stored.result_size(types) // 8))
    elif isinstance(statement, (pyvex.stmt.LoadG, pyvex.stmt.StoreG, pyvex.stmt.CAS)):
        out.append(("undecoded", 0))
    return out


def _word(code: bytes, offset: int) -> int:
    return int.from_bytes(code[offset : offset + INSTRUCTION], "little")
