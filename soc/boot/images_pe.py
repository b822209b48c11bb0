"""As much of a PE file as tells whose it is and where it ends.

Linux carries a PE header so that UEFI can start it. Source: the PE format;
include/linux/pe.h names its fields.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

FILE_HEADER = struct.Struct("<4sHH12xHH")
SECTION = struct.Struct("<16xII16x")
PE_SIZE = FILE_HEADER.size
DOS_SIZE = 64
SIGNATURE = b"PE\0\0"
ARM64 = 0xAA64
MACHINES = {
    0x014C: "32-bit x86",
    0x01C0: "32-bit Arm",
    0x01C2: "32-bit Arm",
    0x01C4: "32-bit Arm",
    0x5032: "32-bit RISC-V",
    0x5064: "RISC-V",
    0x6232: "32-bit LoongArch",
    0x6264: "LoongArch",
    0x8664: "x86-64",
    ARM64: "AArch64",
}


def machine_name(machine: int) -> str:
    """The architecture of a PE file as people know it."""
    return MACHINES.get(machine, f"machine {machine:#x}")


@dataclass(frozen=True)
class PeHeader:
    """`machine` as the file header has it; `end` is the first byte of the file after all sections."""

    machine: int
    end: int

    @classmethod
    def read(cls, data: bytes, offset: int) -> PeHeader | None:
        """The header at `offset`; None if there is none."""
        if len(data) - offset < FILE_HEADER.size:
            return None
        signature, machine, sections, optional_size, _ = FILE_HEADER.unpack_from(data, offset)
        if signature != SIGNATURE:
            return None
        table = offset + FILE_HEADER.size + optional_size
        end = table + sections * SECTION.size
        for at in range(table, min(end, len(data) - SECTION.size + 1), SECTION.size):
            size, pointer = SECTION.unpack_from(data, at)
            if size:
                end = max(end, pointer + size)
        return cls(machine, end)


def pe_machine(data: bytes) -> int | None:
    """The machine of a PE file; None if `data` is none."""
    if data[:2] != b"MZ" or len(data) < DOS_SIZE:
        return None
    pe = PeHeader.read(data, int.from_bytes(data[60:64], "little"))
    return pe.machine if pe else None
