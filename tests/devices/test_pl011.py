"""PL011: what a guest sees of the model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.pl011.hardware import OUTPUT_LIMIT
from devices.pl011.regs import TABLE
from tests.devices.pl011_bench import (
    BIT,
    BUSY,
    CHARACTER,
    CR_ON,
    FIFO_8N1,
    LBE,
    OE,
    RT,
    RX,
    RXFE,
    RXFF,
    TX,
    TXFE,
    TXFF,
    Bench,
)


@pytest.fixture
def bench() -> Bench:
    return Bench().start()


def test_reset_values_are_the_manuals() -> None:
    bench = Bench()
    names = ("UARTFR", "UARTLCR_H", "UARTCR", "UARTIFLS", "UARTIMSC", "UARTRIS", "UARTMIS")
    assert [bench.read(name) for name in names] == [0x90, 0, 0x300, 0x12, 0, 0, 0]


def test_the_id_registers_are_those_the_amba_bus_looks_for() -> None:
    bench = Bench()
    part = sum(bench.read(f"UARTPeriphID{i}") << 8 * i for i in range(4))
    cell = sum(bench.read(f"UARTPCellID{i}") << 8 * i for i in range(4))
    assert part & 0x000F_FFFF == 0x0004_1011
    assert part >> 20 & 0xF == 2  # below 3: drivers count on 16-deep FIFOs
    assert cell == 0xB105_F00D


def test_output_leaves_at_once_and_raises_the_transmit_interrupt(bench: Bench) -> None:
    heard: list[bytes] = []
    bench.uart.on_output = heard.append
    bench.write("UARTDR", ord("h"))
    bench.write("UARTDR", 0x100 | ord("i"))
    assert (bench.uart.output, heard) == (b"hi", [b"h", b"i"])
    assert bench.read("UARTFR") == TXFE | RXFE
    assert bench.read("UARTRIS") == TX
    assert bench.raised == []
    bench.write("UARTIMSC", TX)
    assert (bench.read("UARTMIS"), bench.raised) == (TX, [True])
    bench.write("UARTICR", TX)
    assert (bench.read("UARTRIS"), bench.raised) == (0, [True, False])


def test_no_transmit_interrupt_before_anything_was_sent(bench: Bench) -> None:
    bench.write("UARTIMSC", TX)
    assert (bench.read("UARTRIS"), bench.raised) == (0, [])


def test_a_transmitter_that_is_off_keeps_its_fifo() -> None:
    bench = Bench().start(control=0x300)
    for byte in b"0123456789abcdef":
        assert not bench.read("UARTFR") & TXFF
        bench.write("UARTDR", byte)
    assert bench.read("UARTFR") == TXFF | BUSY | RXFE
    bench.write("UARTDR", ord("!"))
    assert bench.uart.output == b""
    bench.write("UARTCR", CR_ON)
    assert bench.uart.output == b"0123456789abcdef"
    assert bench.read("UARTFR") == TXFE | RXFE
    assert bench.log == [
        "pl011: output waits: UARTCR.UARTEN or UARTCR.TXE is clear",
        "pl011: a character was written to a full transmit FIFO and is lost",
    ]


def test_the_word_length_cuts_characters() -> None:
    bench = Bench().start(line=0x10)
    bench.write("UARTDR", ord("A"))
    assert bench.uart.output == bytes([ord("A") & 0x1F])
    assert bench.log == ["pl011: characters are 5 bits wide: UARTLCR_H.WLEN is not 3"]


def test_output_kept_is_bounded(bench: Bench) -> None:
    bench.uart.output[:] = b"x" * OUTPUT_LIMIT
    bench.write("UARTDR", ord("y"))
    assert len(bench.uart.output) == OUTPUT_LIMIT
    assert bench.uart.output[-2:] == b"xy"


def test_characters_arrive_one_by_one_at_the_baud_rate(bench: Bench) -> None:
    bench.uart.receive(b"ab")
    bench.run(CHARACTER - 100)
    assert bench.read("UARTFR") & RXFE
    bench.run(100)
    assert bench.read("UARTDR") == ord("a")
    assert bench.read("UARTFR") & RXFE
    bench.uart.receive(b"c")
    bench.run(2 * CHARACTER)
    assert bench.take(2) == b"bc"


def test_reading_an_empty_fifo_gives_zero(bench: Bench) -> None:
    assert bench.read("UARTDR") == 0


@pytest.mark.parametrize(("selection", "level"), list(enumerate([2, 4, 8, 12, 14, 14, 14, 14])))
def test_the_receive_interrupt_comes_at_the_trigger_level(selection: int, level: int) -> None:
    bench = Bench().start()
    bench.write("UARTIMSC", RX)
    bench.write("UARTIFLS", selection << 3)
    bench.uart.receive(bytes(range(level)))
    bench.run((level - 1) * CHARACTER)
    assert bench.read("UARTRIS") & RX == 0
    bench.run(CHARACTER)
    assert bench.read("UARTRIS") & RX
    assert bench.raised == [True]
    bench.read("UARTDR")
    assert bench.read("UARTRIS") & RX == 0
    assert bench.raised == [True, False]


def test_without_fifos_every_character_interrupts() -> None:
    bench = Bench().start(line=0x60)
    bench.write("UARTIMSC", RX)
    bench.uart.receive(b"ab")
    bench.run(CHARACTER)
    assert bench.read("UARTFR") & RXFF
    assert bench.read("UARTRIS") & RX
    assert bench.take(1) == b"a"
    assert bench.raised == [True, False]


def test_the_timeout_comes_32_bits_after_the_last_character(bench: Bench) -> None:
    bench.write("UARTIMSC", RT)
    bench.uart.receive(b"abc")
    bench.run(3 * CHARACTER + 32 * BIT - 100)
    assert bench.read("UARTRIS") & RT == 0
    bench.run(200)
    assert bench.read("UARTRIS") & RT
    assert bench.raised == [True]
    assert bench.take(2) == b"ab"
    assert bench.raised == [True]
    assert bench.take(1) == b"c"
    assert bench.raised == [True, False]


def test_no_timeout_when_the_fifo_was_emptied_in_time(bench: Bench) -> None:
    bench.uart.receive(b"a")
    bench.run(CHARACTER)
    bench.take(1)
    bench.run(100 * CHARACTER)
    assert bench.read("UARTRIS") == 0


def test_a_slow_reader_overruns(bench: Bench) -> None:
    bench.uart.receive(bytes(range(18)))
    bench.run(20 * CHARACTER)
    assert bench.read("UARTRIS") & OE
    assert bench.read("UARTRSR") == 0x8
    first = bench.read("UARTDR")
    assert first == 0x800
    assert [bench.read("UARTDR") for _ in range(15)] == list(range(1, 16))
    assert bench.read("UARTFR") & RXFE
    bench.write("UARTRSR", 0xFF)
    assert bench.read("UARTRSR") == 0


def test_a_receiver_that_is_off_hears_nothing() -> None:
    bench = Bench().start(control=0x101)
    bench.uart.receive(b"lost")
    bench.run(10 * CHARACTER)
    assert bench.read("UARTFR") & RXFE


def test_loopback_feeds_the_receiver_and_the_modem_inputs() -> None:
    bench = Bench().start(control=CR_ON | LBE)
    bench.write("UARTICR", 0x7FF)
    bench.uart.receive(b"outside")
    for byte in b"loop":
        bench.write("UARTDR", byte)
    bench.run(20 * CHARACTER)
    assert bench.take(4) == b"loop"
    assert bench.read("UARTFR") & RXFE
    bench.write("UARTICR", 0x7FF)
    bench.write("UARTCR", CR_ON | LBE | 0xC00)
    assert bench.read("UARTFR") & 0x107 == 0x3  # RTS is CTS, DTR is DSR
    assert bench.read("UARTRIS") == 0xA
    bench.write("UARTCR", CR_ON | 0xC00)
    assert bench.read("UARTFR") & 0x107 == 0


def test_switching_the_fifos_empties_them(bench: Bench) -> None:
    bench.uart.receive(b"abcdefgh")
    bench.run(9 * CHARACTER)
    assert bench.read("UARTRIS") & RX
    bench.write("UARTLCR_H", 0x60)
    assert bench.read("UARTFR") & RXFE
    assert bench.read("UARTRIS") & RX == 0


def test_the_divisor_is_taken_over_with_the_line_control(bench: Bench) -> None:
    bench.write("UARTIBRD", 26)
    bench.write("UARTFBRD", 2)
    bench.uart.receive(b"a")
    bench.run(CHARACTER)
    assert bench.take(1) == b"a"
    bench.write("UARTLCR_H", FIFO_8N1)
    bench.uart.receive(b"b")
    bench.run(CHARACTER)
    assert bench.read("UARTFR") & RXFE
    bench.run(CHARACTER + 100)
    assert bench.take(1) == b"b"


def test_a_uart_without_an_interrupt_still_works() -> None:
    bench = Bench(irqs=0).start()
    bench.write("UARTIMSC", TX)
    bench.write("UARTDR", ord("x"))
    assert (bench.uart.output, bench.read("UARTMIS")) == (b"x", TX)


def test_unmodelled_registers_say_so(bench: Bench) -> None:
    bench.write("UARTDMACR", 3)
    assert bench.read("UARTDMACR") == 3
    assert bench.log == ["pl011: UARTDMACR is known but not modelled"]


known = st.sampled_from([row.offset for row in TABLE.registers])
offsets = st.one_of(known, st.integers(0, 0xFF8))
access = st.tuples(
    offsets, st.sampled_from([1, 2, 4, 8]), st.one_of(st.integers(0, 2**64 - 1), st.just(0x3F1))
)
step = st.one_of(access, st.binary(max_size=20), st.integers(0, 400_000))


@settings(max_examples=60)
@given(st.lists(step, max_size=60))
def test_no_guest_access_raises_and_the_line_is_always_the_masked_status(sequence: list[Any]) -> None:
    bench = Bench()
    target = bench.uart.targets[0]
    for item in sequence:
        if isinstance(item, bytes):
            bench.uart.receive(item)
        elif isinstance(item, int):
            bench.run(item)
        else:
            offset, size, value = item
            target.write(offset, size, value)
            assert 0 <= target.read(offset, size) < 1 << 8 * size
        status = bench.read("UARTRIS") & bench.read("UARTIMSC")
        assert bench.read("UARTMIS") == status
        assert bench.slot.irqs[0].level == (status != 0)
