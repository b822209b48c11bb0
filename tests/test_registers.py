"""The register table and its live registers, against a byte-wise model written apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.registers import Field, Register, RegisterFile, RegisterTable

CTRL_FIELDS = (Field("RUN", 0), Field("MODE", 4, 3, "how"), Field("TOP", 31))


def table(*rows: Register, span: int = 0x100) -> RegisterTable:
    return RegisterTable("ip", span, "a test", rows)


def file_of(*rows: Register) -> tuple[RegisterFile, list[str]]:
    log: list[str] = []
    return RegisterFile(table(*rows), log.append), log


def test_a_field_gets_and_puts_its_bits() -> None:
    mode = CTRL_FIELDS[1]
    assert mode.mask == 0x70
    assert mode.get(0xFFFF_FF5F) == 5
    assert mode.put(5) == 0x50
    assert mode.put(0xF) == 0x70


def test_a_register_describes_a_value_by_its_fields() -> None:
    row = Register(0, "CTRL", "rw", "Control", CTRL_FIELDS)
    assert row.describe(0x8000_0051) == "CTRL=0x80000051 {RUN=0x1 MODE=0x5 TOP=0x1}"
    assert Register(0, "ADDR", "rw", "Address").describe(16) == "ADDR=0x10"
    with pytest.raises(KeyError, match="CTRL has no field SPEED"):
        row.field("SPEED")


def test_the_table_is_in_order_of_offset_and_finds_elements() -> None:
    made = table(Register(0x20, "B", "rw", "", count=4), Register(0x10, "A", "rw", ""))
    assert [row.name for row in made.registers] == ["A", "B"]
    assert made.offset("B", 3) == 0x2C
    assert made["A"].offset == 0x10


def test_a_mask_is_the_bits_of_the_fields_together() -> None:
    made = table(Register(0, "CTRL", "rw", "", CTRL_FIELDS))
    assert made.mask("CTRL", "TOP") == 1 << 31
    assert made.mask("CTRL", "RUN", "MODE", "RUN") == 0x71
    with pytest.raises(KeyError, match="CTRL has no field SPEED"):
        made.mask("CTRL", "SPEED")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [Register(0, "A", "r/w", "")],
            "ip.A: access must be one of ['ro', 'rw', 'w1c', 'w1s', 'wo']",
        ),
        (
            [Register(0, "A", "rw", "", count=2), Register(4, "B", "rw", "")],
            "ip.B overlaps the register before it",
        ),
        ([Register(0xFC, "A", "rw", "", count=2)], "ip: registers end at 0x104, beyond the span 0x100"),
        ([Register(0, "A", "rw", ""), Register(4, "A", "rw", "")], "ip: two registers are named A"),
        ([Register(4, "A", "rw", "", size=8)], "ip.A: offset 0x4 is not a multiple of its size"),
    ],
)
def test_a_wrong_table_is_refused(rows: list[Register], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        table(*rows)
    assert str(caught.value) == message


def test_each_access_type_behaves_as_it_says() -> None:
    regs, log = file_of(
        Register(0x00, "RW", "rw", "", reset=0xF0, writable=0x0F),
        Register(0x04, "RO", "ro", "", reset=0x1234),
        Register(0x08, "WO", "wo", "", reset=0x77),
        Register(0x0C, "W1C", "w1c", "", reset=0xFF, writable=0x3F),
        Register(0x10, "W1S", "w1s", "", reset=0x01),
    )
    for offset in range(0, 0x14, 4):
        regs.write(offset, 4, 0x6A)
    assert [regs.read(offset, 4) for offset in range(0, 0x14, 4)] == [0xFA, 0x1234, 0, 0xD5, 0x6B]
    assert regs.get("WO") == 0x6A
    assert log == []


def test_narrow_accesses_touch_their_lanes_only() -> None:
    regs, _ = file_of(
        Register(0x00, "RW", "rw", "", reset=0x44332211),
        Register(0x04, "W1C", "w1c", "", reset=0xFFFF_FFFF),
        Register(0x08, "WIDE", "rw", "", reset=0x8877_6655_4433_2211, size=8),
    )
    regs.write(0x01, 1, 0xABCD)
    regs.write(0x06, 2, 0x0001)
    regs.write(0x0C, 4, 0xCAFE_F00D)
    assert regs.read(0x00, 4) == 0x4433CD11
    assert regs.read(0x02, 2) == 0x4433
    assert regs.read(0x04, 4) == 0xFFFE_FFFF
    assert regs.read(0x08, 8) == 0xCAFE_F00D_4433_2211
    assert regs.read(0x0B, 1) == 0x44
    assert regs.read(0x0C, 4) == 0xCAFE_F00D


def test_a_word_write_that_is_not_aligned_stays_in_its_lanes() -> None:
    regs, _ = file_of(Register(0x00, "RW", "rw", "", reset=0x44332211), Register(0x04, "NEXT", "rw", ""))
    regs.write(0x02, 4, 0xDDCC_BBAA)
    assert regs.read(0x00, 4) == 0xBBAA2211
    assert regs.read(0x04, 4) == 0


def test_a_model_sees_reads_and_writes_of_its_registers() -> None:
    regs, _ = file_of(Register(0, "DATA", "rw", ""), Register(0x10, "CH", "rw", "", count=3))
    seen: list[tuple[int, ...]] = []
    regs.on_read("DATA", lambda: 0x55AA)
    regs.on_write("DATA", lambda value: seen.append((value,)))
    regs.on_read("CH", lambda index: 100 + index)
    regs.on_write("CH", lambda index, value: seen.append((index, value)))
    regs.write(0, 4, 7)
    regs.write(0x18, 4, 9)
    assert seen == [(7,), (2, 9)]
    assert regs.read(1, 1) == 0x55
    assert [regs.read(0x10 + 4 * i, 4) for i in range(3)] == [100, 101, 102]
    assert regs.get("CH", 2) == 0
    regs.set("CH", 5, 2)
    assert (regs.get("CH", 2), regs.read(0x18, 4)) == (5, 102)


def test_an_unmodelled_register_and_a_hole_are_named_once() -> None:
    regs, log = file_of(Register(0, "DMA", "rw", "", modelled=False))
    for _ in range(2):
        regs.write(0, 4, 3)
        assert regs.read(0, 4) == 3
        assert regs.read(0x42, 2) == 0
        regs.write(0x40, 4, 1)
    assert log == ["ip: DMA is known but not modelled", "ip: no register at offset 0x40"]


def test_a_dump_shows_what_is_not_zero() -> None:
    regs, _ = file_of(Register(0, "CTRL", "rw", "", CTRL_FIELDS), Register(4, "IDLE", "rw", ""))
    regs.write(0, 4, 0x11)
    assert regs.dump() == ["CTRL=0x11 {RUN=0x1 MODE=0x1 TOP=0x0}"]
    assert regs.field("CTRL", "MODE") == 1


ROWS = (
    Register(0x00, "RW", "rw", "", reset=0x01020304, writable=0x00FF_F0FF),
    Register(0x04, "RO", "ro", "", reset=0xA5A5_A5A5),
    Register(0x08, "W1C", "w1c", "", reset=0xFFFF_0000, writable=0xFF00_FFFF),
    Register(0x0C, "W1S", "w1s", "", writable=0x0FFF_FFFF),
    Register(0x10, "WIDE", "rw", "", reset=1 << 63, size=8),
)


class ByteModel:
    """The same rules, a byte at a time; an access past a register's end is cut off there."""

    def __init__(self) -> None:
        self.owner: dict[int, tuple[Register, int]] = {}
        self.bytes: dict[int, int] = {}
        for row in ROWS:
            for lane, byte in enumerate(row.reset.to_bytes(row.size, "little")):
                self.owner[row.offset + lane] = (row, lane)
                self.bytes[row.offset + lane] = byte

    def span(self, offset: int, size: int) -> range:
        row, lane = self.owner[offset]
        return range(offset, offset + min(size, row.size - lane))

    def write(self, offset: int, size: int, value: int) -> None:
        for shift, place in enumerate(self.span(offset, size)):
            row, lane = self.owner[place]
            byte, allowed = value >> 8 * shift & 0xFF, row.writable >> 8 * lane & 0xFF
            old = self.bytes[place]
            rule = {
                "rw": old & ~allowed | byte & allowed,
                "ro": old,
                "w1c": old & ~(byte & allowed),
                "w1s": old | byte & allowed,
            }
            self.bytes[place] = rule[row.access]

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(bytes(self.bytes[place] for place in self.span(offset, size)), "little")


accesses = st.tuples(st.integers(0, 0x17), st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**64 - 1))


@given(st.lists(accesses, max_size=30))
def test_any_sequence_of_accesses_agrees_with_the_byte_model(sequence: list[tuple[int, int, int]]) -> None:
    regs, log = file_of(*ROWS)
    model = ByteModel()
    for offset, size, value in sequence:
        regs.write(offset, size, value)
        model.write(offset, size, value)
        assert regs.read(offset, size) == model.read(offset, size)
    for row in ROWS:
        assert regs.get(row.name) == model.read(row.offset, row.size)
    assert log == []


@given(st.lists(st.tuples(st.integers(0, 0x200), st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**64 - 1))))
def test_no_access_raises(sequence: list[tuple[int, int, int]]) -> None:
    regs, _ = file_of(*ROWS, Register(0x20, "ARRAY", "rw", "", count=5), Register(0x40, "OFF", "wo", ""))
    for offset, size, value in sequence:
        regs.write(offset, size, value)
        assert 0 <= regs.read(offset, size) < 1 << 8 * size


def test_reset_brings_every_value_back_and_calls_no_writer() -> None:
    regs, _ = file_of(
        Register(0, "A", "rw", "", reset=5),
        Register(4, "B", "ro", "", reset=6, count=2),
        Register(0x10, "C", "w1c", "", size=8, reset=7 << 40),
    )
    written: list[int] = []
    regs.on_write("A", written.append)
    for name, index in (("A", 0), ("B", 0), ("B", 1), ("C", 0)):
        regs.set(name, 1, index)
    regs.reset()
    assert [regs.read(0, 4), regs.read(4, 4), regs.read(8, 4), regs.read(0x10, 8)] == [5, 6, 6, 7 << 40]
    assert written == []
