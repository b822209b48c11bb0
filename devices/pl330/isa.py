"""The instruction set of the DMA-330: what each instruction is, as data and as bytes.

Source: Arm DDI 0424, chapter 4. An instruction has 1, 2, 3 or 6 bytes, the
opcode first, numbers little-endian. Where DMALPEND of an endless loop and
DMASTP would have the same opcode it is DMASTP's, so the assembler ends endless
loops with the form for counter 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from soc.errors import SocError


class Op(Enum):
    """The value is the opcode with all its option bits clear."""

    END = 0x00
    KILL = 0x01
    LD = 0x04
    ST = 0x08
    STZ = 0x0C
    RMB = 0x12
    WMB = 0x13
    NOP = 0x18
    LP = 0x20
    LDP = 0x25
    LPEND = 0x28
    STP = 0x29
    WFP = 0x30
    SEV = 0x34
    FLUSHP = 0x35
    WFE = 0x36
    ADDH = 0x54
    ADNH = 0x5C
    GO = 0xA0
    MOV = 0xBC


class Condition(Enum):
    """On what an instruction depends: the kind of the request last served, or nothing."""

    ALWAYS = 0
    SINGLE = 1
    BURST = 3
    PERIPH = 2
    """DMAWFP only: take whatever comes."""


class Address(IntEnum):
    """The register that DMAMOV fills."""

    SAR = 0
    CCR = 1
    DAR = 2


SIZES = {Op.GO: 6, Op.MOV: 6, Op.ADDH: 3, Op.ADNH: 3} | dict.fromkeys(
    (Op.LP, Op.LDP, Op.LPEND, Op.STP, Op.WFP, Op.SEV, Op.FLUSHP, Op.WFE), 2
)
"""Bytes of an instruction; those not listed have one."""

HIGHEST_CHANNEL = 7


class UndefinedInstruction(SocError):
    """No instruction has this opcode."""

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        super().__init__(f"no instruction has the opcode {opcode:#04x}")


class InvalidOperand(SocError):
    """An instruction whose operand has bits set that must be zero, or names a register there is not."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        super().__init__(f"invalid operand in {code.hex(' ')}")


@dataclass(frozen=True)
class Instruction:
    """One instruction. `number` is an event, a peripheral, a channel, a loop counter or an
    `Address`; `value` an immediate: an address, a CCR, an addend, iterations (1 .. 256) or
    the bytes of a jump backwards. `flag`: DMAWFE invalid, DMAGO ns, DMALPEND of DMALPFE."""

    op: Op
    number: int = 0
    value: int = 0
    condition: Condition = Condition.ALWAYS
    flag: bool = False

    @property
    def size(self) -> int:
        return SIZES.get(self.op, 1)

    def __str__(self) -> str:
        mark = {Condition.SINGLE: "S", Condition.BURST: "B"}.get(self.condition, "")
        match self.op:
            case Op.MOV:
                return f"DMAMOV {Address(self.number).name}, {self.value:#x}"
            case Op.LP:
                return f"DMALP lc{self.number}, {self.value}"
            case Op.LPEND:
                forever = ", forever" if self.flag else ""
                return f"DMALPEND{mark} lc{self.number}, -{self.value}{forever}"
            case Op.ADDH | Op.ADNH:
                return f"DMA{self.op.name} {Address(self.number).name}, {self.value:#x}"
            case Op.GO:
                return f"DMAGO C{self.number}, {self.value:#x}" + (", ns" if self.flag else "")
            case Op.WFP:
                return f"DMAWFP P{self.number}, {self.condition.name.lower()}"
            case Op.WFE:
                return f"DMAWFE E{self.number}" + (", invalid" if self.flag else "")
            case Op.SEV:
                return f"DMASEV E{self.number}"
            case Op.LDP | Op.STP | Op.FLUSHP:
                return f"DMA{self.op.name}{mark} P{self.number}"
        return f"DMA{self.op.name}{mark}"


def length(opcode: int) -> int:
    """Bytes of the instruction that begins with `opcode`. UndefinedInstruction for none."""
    return SIZES.get(_operation(opcode)[0], 1)


def decode(code: bytes) -> Instruction:
    """The instruction at the start of `code`, which has at least its bytes.

    UndefinedInstruction or InvalidOperand for one that is not encoded so.
    """
    op, number, condition, flag = _operation(code[0])
    code = code[: SIZES.get(op, 1)]
    value = int.from_bytes(code[2:] if op in (Op.GO, Op.MOV) else code[1:], "little")
    match op:
        case Op.LP:
            return Instruction(op, number, value + 1)
        case Op.LPEND:
            return Instruction(op, number, value, condition, flag)
        case Op.ADDH | Op.ADNH:
            return Instruction(op, number, value)
        case Op.GO | Op.MOV:
            if code[1] > (Address.DAR if op is Op.MOV else HIGHEST_CHANNEL):
                raise InvalidOperand(code)
            return Instruction(op, code[1], value, condition, flag)
        case Op.WFE:
            if value & 5:
                raise InvalidOperand(code)
            return Instruction(op, value >> 3, flag=bool(value & 2))
        case Op.LDP | Op.STP | Op.WFP | Op.SEV | Op.FLUSHP:
            if value & 7:
                raise InvalidOperand(code)
            return Instruction(op, value >> 3, condition=condition)
    return Instruction(op, condition=condition)


def encode(instruction: Instruction) -> bytes:
    """The bytes of an instruction. ValueError if it cannot be written so."""
    try:
        code = _pack(instruction)
        same = decode(code) == instruction
    except (InvalidOperand, UndefinedInstruction, OverflowError, ValueError):
        same = False
    if not same:
        raise ValueError(f"{instruction!r} has no encoding")
    return code


# --- pieces ------------------------------------------------------------------


def _pack(instruction: Instruction) -> bytes:
    op, number, value = instruction.op, instruction.number, instruction.value
    opcode = op.value
    operand = b""
    match op:
        case Op.LD | Op.ST:
            opcode |= instruction.condition.value
        case Op.LDP | Op.STP | Op.WFP:
            opcode |= instruction.condition.value & 2 if op is not Op.WFP else _WFP[instruction.condition]
            operand = bytes([number << 3])
        case Op.LP:
            opcode |= number << 1
            operand = bytes([value - 1])
        case Op.LPEND:
            opcode |= (0 if instruction.flag else 0x10) | number << 2 | instruction.condition.value
            operand = bytes([value])
        case Op.SEV | Op.FLUSHP:
            operand = bytes([number << 3])
        case Op.WFE:
            operand = bytes([number << 3 | instruction.flag << 1])
        case Op.ADDH | Op.ADNH:
            opcode |= (number == Address.DAR) << 1
            operand = value.to_bytes(2, "little")
        case Op.GO:
            opcode |= instruction.flag << 1
            operand = bytes([number]) + value.to_bytes(4, "little")
        case Op.MOV:
            operand = bytes([number]) + value.to_bytes(4, "little")
    return bytes([opcode]) + operand


_WFP = {Condition.SINGLE: 0, Condition.PERIPH: 1, Condition.BURST: 2, Condition.ALWAYS: 0}


def _opcodes() -> dict[int, tuple[Op, int, Condition, bool]]:
    """Every defined opcode: its operation, register or counter number, condition and flag."""
    table = {
        op.value: (op, 0, Condition.ALWAYS, False)
        for op in (Op.END, Op.KILL, Op.STZ, Op.RMB, Op.WMB, Op.NOP, Op.SEV, Op.FLUSHP, Op.WFE, Op.MOV)
    }
    conditions = (Condition.ALWAYS, Condition.SINGLE, Condition.BURST)
    for condition in conditions:
        for op in (Op.LD, Op.ST):
            table[op.value | condition.value] = (op, 0, condition, False)
        for counter in (0, 1):
            for forever in (False, True):
                opcode = Op.LPEND.value | (0 if forever else 0x10) | counter << 2 | condition.value
                table[opcode] = (Op.LPEND, counter, condition, forever)
    for condition in conditions[1:]:
        for op in (Op.LDP, Op.STP):
            table[op.value | (condition.value & 2)] = (op, 0, condition, False)
    for condition in (Condition.SINGLE, Condition.PERIPH, Condition.BURST):
        table[Op.WFP.value | _WFP[condition]] = (Op.WFP, 0, condition, False)
    for bit in (0, 1):
        table[Op.LP.value | bit << 1] = (Op.LP, bit, Condition.ALWAYS, False)
        table[Op.GO.value | bit << 1] = (Op.GO, 0, Condition.ALWAYS, bool(bit))
        for op in (Op.ADDH, Op.ADNH):
            table[op.value | bit << 1] = (op, (Address.SAR, Address.DAR)[bit], Condition.ALWAYS, False)
    return table


_OPCODES = _opcodes()


def _operation(opcode: int) -> tuple[Op, int, Condition, bool]:
    if opcode not in _OPCODES:
        raise UndefinedInstruction(opcode)
    return _OPCODES[opcode]
