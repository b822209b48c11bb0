"""SMMUv3 data structures as pure data: STE, CD, commands, events.

Source: ARM IHI 0070, chapters 3 (queues), 4 (commands), 5 (structures) and
7 (events). Each class parses or builds the 64-bit words of one structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from soc.address import Iova, PhysAddr
from soc.mmu.vmsa import Regime

STE_WORDS = 8
CD_WORDS = 8
COMMAND_WORDS = 2
EVENT_WORDS = 4


def bits(value: int, low: int, width: int) -> int:
    return (value >> low) & ((1 << width) - 1)


class SteConfig(IntEnum):
    """STE.Config."""

    ABORT = 0
    BYPASS = 4
    STAGE1 = 5
    STAGE2 = 6
    NESTED = 7


@dataclass(frozen=True)
class StreamTableEntry:
    """The fields of an STE that this model reads. Words: 8 of 64 bits."""

    valid: bool
    config: int
    context: PhysAddr
    cd_max: int
    stall_disabled: bool

    @classmethod
    def parse(cls, words: list[int]) -> StreamTableEntry:
        low = words[0]
        return cls(
            valid=bool(low & 1),
            config=bits(low, 1, 3),
            context=PhysAddr(low & 0x000F_FFFF_FFFF_FFC0),
            cd_max=bits(low, 59, 5),
            stall_disabled=bool(bits(words[1], 27, 1)),
        )

    @property
    def usable(self) -> bool:
        """Whether this implementation supports what it asks for (else C_BAD_STE)."""
        if self.config == SteConfig.STAGE1:
            return self.valid and not self.cd_max and not self.stall_disabled
        return self.valid and self.config not in (SteConfig.STAGE2, SteConfig.NESTED)

    @staticmethod
    def stage1(context: PhysAddr) -> list[int]:
        """Words of an STE that translates by one context descriptor."""
        attributes = 1 << 2 | 1 << 4 | 3 << 6
        return [1 | SteConfig.STAGE1 << 1 | context, attributes | 1 << 44, 0, 0, 0, 0, 0, 0]


@dataclass(frozen=True)
class ContextDescriptor:
    """The fields of a CD that this model reads. Words: 8 of 64 bits."""

    valid: bool
    t0sz: int
    granule: int
    ttb0_disabled: bool
    big_endian: bool
    output_code: int
    aarch64: bool
    access_flag_fault_disabled: bool
    hardware_update: bool
    stall: bool
    record: bool
    abort: bool
    asid: int
    ttb0: PhysAddr

    OUTPUT_BITS = (32, 36, 40, 42, 44, 48)

    @classmethod
    def parse(cls, words: list[int]) -> ContextDescriptor:
        low = words[0]
        return cls(
            valid=bool(bits(low, 31, 1)),
            t0sz=bits(low, 0, 6),
            granule=bits(low, 6, 2),
            ttb0_disabled=bool(bits(low, 14, 1)),
            big_endian=bool(bits(low, 15, 1)),
            output_code=bits(low, 32, 3),
            aarch64=bool(bits(low, 41, 1)),
            access_flag_fault_disabled=bool(bits(low, 35, 1)),
            hardware_update=bool(bits(low, 42, 2)),
            stall=bool(bits(low, 44, 1)),
            record=bool(bits(low, 45, 1)),
            abort=bool(bits(low, 46, 1)),
            asid=bits(low, 48, 16),
            ttb0=PhysAddr(words[1] & 0x000F_FFFF_FFFF_FFF0),
        )

    def output_bits(self, implemented_bits: int) -> int:
        """The effective IPS; codes that SMMUv3.0 reserves count as its largest."""
        code = min(self.output_code, len(self.OUTPUT_BITS) - 1)
        return min(self.OUTPUT_BITS[code], implemented_bits)

    def usable(self, implemented_bits: int) -> bool:
        """Whether every field in use has a value this implementation supports (else C_BAD_CD)."""
        if not self.valid or not self.aarch64 or self.stall or self.hardware_update or not self.abort:
            return False
        if self.ttb0_disabled:
            return True
        table_fits = self.ttb0 >> self.output_bits(implemented_bits) == 0
        return table_fits and not self.big_endian and self.granule == 0 and 16 <= self.t0sz <= 39

    def regime(self, implemented_bits: int) -> Regime:
        """How to walk the tables of a usable descriptor."""
        return Regime(
            self.ttb0, self.t0sz, self.output_bits(implemented_bits), not self.access_flag_fault_disabled
        )

    @staticmethod
    def build(ttb0: PhysAddr, t0sz: int, asid: int, mair: int) -> list[int]:
        """Words of a CD for a 4 KiB-granule tree that records and aborts faults."""
        low = t0sz | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 30 | 1 << 31 | 2 << 32
        low |= 1 << 41 | 1 << 45 | 1 << 46 | 1 << 47 | asid << 48
        return [low, ttb0, 0, mair, 0, 0, 0, 0]


class Opcode(IntEnum):
    """Command opcodes this model carries out; any other is CERROR_ILL."""

    PREFETCH_CONFIG = 0x01
    PREFETCH_ADDR = 0x02
    CFGI_STE = 0x03
    CFGI_ALL = 0x04
    CFGI_CD = 0x05
    CFGI_CD_ALL = 0x06
    TLBI_NH_ALL = 0x10
    TLBI_NH_ASID = 0x11
    TLBI_NH_VA = 0x12
    TLBI_NH_VAA = 0x13
    TLBI_NSNH_ALL = 0x30
    SYNC = 0x46


SYNC_SIGNAL_IRQ = 1


@dataclass(frozen=True)
class Command:
    """One 16-byte command; which fields mean something depends on the opcode."""

    opcode: int
    stream: int = 0
    asid: int = 0
    address: Iova = Iova(0)
    signal: int = 0
    secure: bool = False

    @classmethod
    def parse(cls, words: list[int]) -> Command:
        low, high = words
        return cls(
            opcode=bits(low, 0, 8),
            stream=bits(low, 32, 32),
            asid=bits(low, 48, 16),
            address=Iova(high & ~0xFFF),
            signal=bits(low, 12, 2),
            secure=bool(bits(low, 10, 1)),
        )

    def build(self) -> list[int]:
        low = self.opcode | self.signal << 12
        low |= (
            self.asid << 48 if self.opcode in (Opcode.TLBI_NH_ASID, Opcode.TLBI_NH_VA) else self.stream << 32
        )
        high = self.address | 1 if self.opcode in (Opcode.TLBI_NH_VA, Opcode.TLBI_NH_VAA) else 0
        if self.opcode in (Opcode.CFGI_STE, Opcode.CFGI_CD):
            high |= 1
        if self.opcode == Opcode.CFGI_ALL:
            high |= 31
        return [low, high]


class CommandError(IntEnum):
    """CMDQ_CONS.ERR."""

    NONE = 0
    ILLEGAL = 1
    ABORT = 2


class EventId(IntEnum):
    """Events this model records."""

    C_BAD_STREAMID = 0x02
    F_STE_FETCH = 0x03
    C_BAD_STE = 0x04
    F_STREAM_DISABLED = 0x06
    F_CD_FETCH = 0x09
    C_BAD_CD = 0x0A
    F_WALK_EABT = 0x0B
    F_TRANSLATION = 0x10
    F_ADDR_SIZE = 0x11
    F_ACCESS = 0x12
    F_PERMISSION = 0x13


@dataclass(frozen=True)
class EventRecord:
    """One 32-byte event.

    `iova` and `write` are recorded for faults of a translation only, `fetch` (the
    address of the structure that could not be read) for fetch faults only.
    """

    event: EventId
    stream: int
    iova: Iova = Iova(0)
    write: bool = False
    fetch: PhysAddr = PhysAddr(0)

    CLASS_TABLE = 1
    CLASS_INPUT = 2

    @property
    def has_address(self) -> bool:
        return self.event >= EventId.F_TRANSLATION or self.event == EventId.F_WALK_EABT

    def build(self) -> list[int]:
        low = self.event | self.stream << 32
        if not self.has_address:
            return [low, 0, 0, self.fetch]
        kind = self.CLASS_TABLE if self.event == EventId.F_WALK_EABT else self.CLASS_INPUT
        return [low, (not self.write) << 35 | kind << 40, self.iova, self.fetch]

    @classmethod
    def parse(cls, words: list[int]) -> EventRecord:
        """ValueError if the record's id is not one this model writes."""
        event, stream, fetch = EventId(bits(words[0], 0, 8)), words[0] >> 32, PhysAddr(words[3])
        record = cls(event, stream, fetch=fetch)
        if not record.has_address:
            return record
        return cls(event, stream, Iova(words[2]), not bits(words[1], 35, 1), fetch)
