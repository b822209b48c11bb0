"""The SMMU's translation with some memory, without its registers and queues.

Structures and descriptors are written bit by bit from ARM IHI 0070 and ARM DDI
0487, with nothing of the model's own encodings.
"""

from __future__ import annotations

import pytest

from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.hardware.translation import StreamTableConfig, Translation
from devices.smmuv3.spec import Command, EventId, EventRecord, Features
from soc.address import Iova, PhysAddr
from soc.bus import Bus
from soc.memory.dram import Bank, Dram

RAM, RAM_SIZE = 0x8000_0000, 0x40_0000
STREAMS, CONTEXTS, TABLES, DATA = RAM, RAM + 0x2_0000, RAM + 0x10_0000, RAM + 0x30_0000
NOWHERE = 0x1000_0000
STREAM = 5
ASID, VMID = 1, 7

VALID, TABLE, EL0, READ_ONLY, AF, NOT_GLOBAL, DBM = 1, 3, 1 << 6, 1 << 7, 1 << 10, 1 << 11, 1 << 51
PAGE = VALID | 2 | EL0 | AF | NOT_GLOBAL
"""A stage-1 page that everybody reads and writes."""
S2_READ, S2_WRITE = 1 << 6, 1 << 7
S2_PAGE = VALID | 2 | 0xF << 2 | S2_READ | S2_WRITE | AF

BYPASS, STAGE1, STAGE2, NESTED = 4, 5, 6, 7
RECORD, ABORT, STALL = 1 << 45, 1 << 46, 1 << 44
EPD0, EPD1, TBI0, TBI1, PAN, HD, HA, AFFD = (
    1 << 14,
    1 << 30,
    1 << 38,
    1 << 39,
    1 << 40,
    1 << 42,
    1 << 43,
    1 << 35,
)
S2_HD, S2_HA, S2_STALL, S2_RECORD, S2_AFFD = 1 << 55, 1 << 56, 1 << 57, 1 << 58, 1 << 53


def context(ttb0: int = TABLES, ttb1: int = 0, asid: int = ASID, flip: int = 0) -> list[int]:
    """A CD: 39 bits in, 40 out, 4 KiB, faults recorded and aborted; TTB1 off unless given."""
    low = 25 | 25 << 16 | 2 << 22 | 1 << 31 | 2 << 32 | 1 << 41 | RECORD | ABORT | asid << 48
    return [(low | (0 if ttb1 else EPD1)) ^ flip, ttb0, ttb1, 0xFF, 0, 0, 0, 0]


def entry(
    config: int,
    contexts: int = CONTEXTS,
    s2ttb: int = 0,
    cd_max: int = 0,
    fmt: int = 0,
    dss: int = 0,
    flip1: int = 0,
    flip2: int = 0,
    vmid: int = VMID,
) -> list[int]:
    """An STE; stage 2: 39 bits in, 40 out, 4 KiB, start at level 1, faults recorded."""
    stage2 = vmid | 25 << 32 | 1 << 38 | 2 << 48 | 1 << 51 | S2_RECORD
    first = 1 | config << 1 | fmt << 4 | (contexts if config & 1 else 0) | cd_max << 59
    return [first, dss ^ flip1, stage2 ^ flip2, s2ttb, 0, 0, 0, 0]


class TranslationBench:
    """`shift` of a tree: what is added to a physical table address to write it into a descriptor."""

    def __init__(self, features: Features | None = None) -> None:
        self.dram = Dram([Bank(PhysAddr(RAM), RAM_SIZE)])
        self.master = Bus(self.dram).master("smmu")
        self.translation = Translation(self.master, features or Features())
        self.tables = StreamTableConfig(PhysAddr(STREAMS), 4)
        self._next = TABLES + 0x1_0000

    def close(self) -> None:
        self.dram.banks[0].close()

    # --- memory --------------------------------------------------------------

    def put(self, address: int, *words: int) -> None:
        for at, word in enumerate(words):
            self.dram.words(PhysAddr(address + 8 * at), 1)[0] = word

    def word(self, address: int) -> int:
        return int(self.dram.words(PhysAddr(address), 1)[0])

    def stream(self, words: list[int], stream: int = STREAM) -> None:
        self.put(STREAMS + 64 * stream, *words)

    def stage1(self, flip: int = 0, flip1: int = 0) -> TranslationBench:
        """STREAM translates by stage 1 with the tree at TABLES."""
        self.put(CONTEXTS, *context(flip=flip))
        self.stream(entry(STAGE1, flip1=flip1))
        return self

    def map(
        self, root: int, address: int, output: int, attributes: int = PAGE, level: int = 3, shift: int = 0
    ) -> int:
        """Map a page or block in a 39-bit tree; returns where its descriptor lies."""
        table = root
        for step in range(1, level):
            at = table + 8 * (address >> (39 - 9 * step) & 511)
            if not self.word(at):
                self._next += 0x1000
                self.put(at, self._next + shift | TABLE)
            table = (self.word(at) & 0xFFFF_FFFF_F000) - shift
        at = table + 8 * (address >> (39 - 9 * level) & 511)
        self.put(at, output | (attributes if level == 3 else attributes & ~2))
        return at

    # --- transactions ----------------------------------------------------------

    def access(
        self,
        iova: int,
        size: int = 4,
        write: bool = False,
        substream: int | None = None,
        privileged: bool = False,
        stream: int = STREAM,
    ) -> list[tuple[int, int]]:
        """Where it goes: (physical address, bytes)."""
        span = self.translation.translate(self.tables, stream, Iova(iova), size, write, substream, privileged)
        return list(span.segments())

    def refusal(self, *args: int, **kwargs: int | None) -> StreamFault:
        """The fault of an access that must fail."""
        with pytest.raises(StreamFault) as caught:
            self.access(*args, **kwargs)  # type: ignore[arg-type]
        return caught.value

    def fault(self, *args: int, **kwargs: int | None) -> EventRecord:
        """Its event record."""
        return self.refusal(*args, **kwargs).report

    def event(self, *args: int, **kwargs: int | None) -> EventId:
        return self.refusal(*args, **kwargs).event

    def peek(self, iova: int, size: int = 4, substream: int | None = None) -> list[tuple[int, int]] | None:
        span = self.translation.peek(self.tables, STREAM, Iova(iova), size, substream)
        return None if span is None else list(span.segments())

    def tlbi(self, opcode: int, **fields: int) -> None:
        self.translation.tlbi(Command(opcode, **fields))  # type: ignore[arg-type]

    def cfgi(self, opcode: int, **fields: int) -> None:
        self.translation.invalidate_config(Command(opcode, **fields))  # type: ignore[arg-type]
