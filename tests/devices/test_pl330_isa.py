"""The DMA-330's instructions as bytes, and programs of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.pl330 import assembler as asm
from devices.pl330.assembler import Program
from devices.pl330.isa import (
    Address,
    Condition,
    Instruction,
    InvalidOperand,
    Op,
    UndefinedInstruction,
    decode,
    encode,
    length,
)

S, B, P = Condition.SINGLE, Condition.BURST, Condition.PERIPH

# Opcodes and operands written out by hand from chapter 4 of the manual.
BY_HAND = [
    (asm.END, "00", "DMAEND"),
    (asm.KILL, "01", "DMAKILL"),
    (asm.LOAD, "04", "DMALD"),
    (Instruction(Op.LD, condition=S), "05", "DMALDS"),
    (Instruction(Op.LD, condition=B), "07", "DMALDB"),
    (asm.STORE, "08", "DMAST"),
    (Instruction(Op.ST, condition=S), "09", "DMASTS"),
    (Instruction(Op.ST, condition=B), "0b", "DMASTB"),
    (asm.STORE_ZEROS, "0c", "DMASTZ"),
    (asm.READ_BARRIER, "12", "DMARMB"),
    (asm.WRITE_BARRIER, "13", "DMAWMB"),
    (asm.NOP, "18", "DMANOP"),
    (Instruction(Op.LP, 0, 1), "20 00", "DMALP lc0, 1"),
    (Instruction(Op.LP, 1, 256), "22 ff", "DMALP lc1, 256"),
    (asm.load_peripheral(3, S), "25 18", "DMALDPS P3"),
    (asm.load_peripheral(31, B), "27 f8", "DMALDPB P31"),
    (asm.store_peripheral(3, S), "29 18", "DMASTPS P3"),
    (asm.store_peripheral(31, B), "2b f8", "DMASTPB P31"),
    (Instruction(Op.LPEND, 0, 2), "38 02", "DMALPEND lc0, -2"),
    (Instruction(Op.LPEND, 1, 255), "3c ff", "DMALPEND lc1, -255"),
    (Instruction(Op.LPEND, 0, 2, S), "39 02", "DMALPENDS lc0, -2"),
    (Instruction(Op.LPEND, 1, 2, B), "3f 02", "DMALPENDB lc1, -2"),
    (Instruction(Op.LPEND, 1, 2, flag=True), "2c 02", "DMALPEND lc1, -2, forever"),
    (Instruction(Op.LPEND, 0, 2, flag=True), "28 02", "DMALPEND lc0, -2, forever"),
    (asm.wfp(1, S), "30 08", "DMAWFP P1, single"),
    (asm.wfp(1, B), "32 08", "DMAWFP P1, burst"),
    (asm.wfp(1, P), "31 08", "DMAWFP P1, periph"),
    (asm.sev(5), "34 28", "DMASEV E5"),
    (asm.flush_peripheral(31), "35 f8", "DMAFLUSHP P31"),
    (asm.wfe(5), "36 28", "DMAWFE E5"),
    (asm.wfe(5, invalidate=True), "36 2a", "DMAWFE E5, invalid"),
    (asm.add_halfword(Address.SAR, 0x1234), "54 34 12", "DMAADDH SAR, 0x1234"),
    (asm.add_halfword(Address.DAR, 0xFFFF), "56 ff ff", "DMAADDH DAR, 0xffff"),
    (asm.add_halfword(Address.SAR, -1), "5c ff ff", "DMAADNH SAR, 0xffff"),
    (asm.add_halfword(Address.DAR, -0x10000), "5e 00 00", "DMAADNH DAR, 0x0"),
    (asm.go(7, 0x80001234, non_secure=False), "a0 07 34 12 00 80", "DMAGO C7, 0x80001234"),
    (asm.go(0, 0x80001234, non_secure=True), "a2 00 34 12 00 80", "DMAGO C0, 0x80001234, ns"),
    (asm.mov(Address.SAR, 0x11223344), "bc 00 44 33 22 11", "DMAMOV SAR, 0x11223344"),
    (asm.mov(Address.CCR, 0x800200), "bc 01 00 02 80 00", "DMAMOV CCR, 0x800200"),
    (asm.mov(Address.DAR, 0xFFFFFFFF), "bc 02 ff ff ff ff", "DMAMOV DAR, 0xffffffff"),
]


@pytest.mark.parametrize(("instruction", "code", "text"), BY_HAND, ids=[row[2] for row in BY_HAND])
def test_encoding(instruction: Instruction, code: str, text: str) -> None:
    assert encode(instruction).hex(" ") == code
    assert decode(bytes.fromhex(code).ljust(6, b"\xff")) == instruction
    assert instruction.size == length(bytes.fromhex(code)[0]) == len(code.split())
    assert str(instruction) == text


def test_the_table_by_hand_has_every_operation() -> None:
    assert {row[0].op for row in BY_HAND} == set(Op)


def test_every_code_that_decodes_is_encoded_the_same() -> None:
    defined = 0
    for opcode in range(256):
        try:
            size = length(opcode)
        except UndefinedInstruction as error:
            assert str(error) == f"no instruction has the opcode {opcode:#04x}"
            continue
        defined += 1
        for operand in range(256):
            code = bytes([opcode, operand, 0x12, 0x34, 0x56, 0x78])[:size]
            try:
                instruction = decode(code)
            except InvalidOperand as error:
                assert error.code == code
            else:
                assert encode(instruction) == code
    assert defined == 41


@pytest.mark.parametrize(
    "code", ["25 01", "2b 04", "30 07", "34 81", "35 02", "36 01", "36 04", "a2 08", "bc 03"]
)
def test_bits_that_must_be_zero(code: str) -> None:
    with pytest.raises(InvalidOperand, match=f"^invalid operand in {code}"):
        decode(bytes.fromhex(code).ljust(6, b"\0"))


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction(Op.LP, 0, 0),
        Instruction(Op.LP, 0, 257),
        Instruction(Op.LP, 2, 1),
        Instruction(Op.SEV, 32),
        Instruction(Op.SEV, -1),
        Instruction(Op.GO, 8, 0),
        Instruction(Op.MOV, 3, 0),
        Instruction(Op.MOV, 0, 1 << 32),
        Instruction(Op.ADDH, Address.CCR, 1),
        Instruction(Op.ADDH, Address.SAR, 0x10000),
        Instruction(Op.LD, condition=P),
        Instruction(Op.LDP, 1),
        Instruction(Op.WFP, 1),
        Instruction(Op.NOP, 1),
        Instruction(Op.LPEND, 0, 2, S, flag=True),
    ],
    ids=repr,
)
def test_what_has_no_encoding(instruction: Instruction) -> None:
    with pytest.raises(ValueError, match=r" has no encoding$"):
        encode(instruction)


@given(st.binary(min_size=6, max_size=6))
def test_decode_is_total(code: bytes) -> None:
    try:
        instruction = decode(code)
    except (UndefinedInstruction, InvalidOperand):
        return
    assert encode(instruction) == code[: instruction.size]
    assert str(instruction).startswith("DMA")


def test_nested_loops_jump_behind_their_beginnings() -> None:
    program = Program()
    program.add(asm.NOP)
    with program.loop(0, 3), program.loop(1, 256):
        program.add(asm.LOAD, asm.STORE)
    program.add(asm.END)
    assert program.code.hex(" ") == "18 20 02 22 ff 04 08 3c 02 38 06 00"


def test_an_endless_loop_has_no_beginning() -> None:
    program = Program()
    with program.forever():
        program.add(asm.NOP)
    with program.forever(B):
        program.add(asm.LOAD)
    assert program.code.hex(" ") == "18 2c 01 04 2f 01"


def test_a_loop_longer_than_a_jump() -> None:
    program = Program()
    with (
        pytest.raises(ValueError, match=r"^a loop of 256 bytes is longer than a jump of 255$"),
        program.loop(0, 2),
    ):
        program.add(*[asm.NOP] * 256)
