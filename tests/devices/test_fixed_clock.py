"""fixed-clock, and how the models that run at one find its rate."""

from __future__ import annotations

import pytest

from devices.fixed_clock.hardware import FixedClock
from devices.pl011.regs import TABLE as UART
from soc.clock import SECOND
from soc.errors import BadInput
from tests.devices.slot_bench import Bench

CLOCKS = """\
slow: &slow {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 1000000}
fast: &fast {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 48000000}
other: &other {compatible: 'vendor,pll', '#clock-cells': 1}
gone: &gone {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 7, status: disabled}
"""
SERIAL = "serial@9000000: {{compatible: arm,pl011, reg: [[0x9000000, 0x1000]]{}}}"


@pytest.mark.parametrize("rate", [1, 24_000_000, 0xFFFF_FFFF])
def test_a_clock_has_the_rate_of_its_node(rate: int) -> None:
    bench = Bench(f"clock: {{compatible: fixed-clock, '#clock-cells': 0, clock-frequency: {rate}}}")
    assert isinstance(bench.model, FixedClock)
    assert (bench.model.rate, bench.model.targets) == (rate, ())


@pytest.mark.parametrize(
    ("frequency", "problem"),
    [
        ("", "board.yaml:3: /clock: a fixed-clock needs clock-frequency, its rate in Hz"),
        ("clock-frequency: 0", "board.yaml:6: /clock: clock-frequency is 1 to 4294967295 Hz, not 0"),
        (
            "clock-frequency: 4G",
            "board.yaml:6: /clock: clock-frequency is 1 to 4294967295 Hz, not 4294967296",
        ),
        ("clock-frequency: fast", "board.yaml:6: clock-frequency: 'fast' stands where a number is needed"),
    ],
)
def test_a_clock_without_a_rate_is_refused(frequency: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        Bench(f"clock:\n  compatible: fixed-clock\n  '#clock-cells': 0\n  {frequency}\n")
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("clocks", "rate"),
    [
        ("", 5),
        (", clocks: [*slow]", 1_000_000),
        (", clocks: [*slow, *fast], clock-names: [uartclk, apb_pclk]", 1_000_000),
        (", clocks: [*slow, *fast], clock-names: [apb_pclk, uartclk]", 48_000_000),
        (", clocks: [*slow, *fast], clock-names: [a, b]", 1_000_000),
        (", clocks: [*slow], clock-names: [apb_pclk, uartclk]", 1_000_000),
        (", clocks: [[*other, 3], *slow]", 5),
        (", clocks: [[*other, 3], *slow], clock-names: [apb_pclk, uartclk]", 1_000_000),
        (", clocks: [*gone]", 5),
    ],
    ids=["none", "only one", "first", "second", "no such name", "more names", "no model", "past it", "off"],
)
def test_a_consumer_finds_the_rate_by_name(clocks: str, rate: int) -> None:
    bench = Bench(CLOCKS + SERIAL.format(clocks))
    assert bench.slot.clock_rate("uartclk", 5) == rate


@pytest.mark.parametrize(("clocks", "rate"), [("", 24_000_000), (", clocks: [*fast]", 48_000_000)])
def test_a_uart_receives_at_the_rate_of_its_clock(clocks: str, rate: int) -> None:
    bench = Bench(CLOCKS + SERIAL.format(clocks))
    bench.write("UARTIBRD", 100)
    bench.write("UARTLCR_H", 0x70)  # 8N1, FIFOs
    bench.write("UARTCR", 0x301)
    bench.model.receive(b"a")
    character = 10 * (SECOND * 16 * 100 // rate)
    bench.run(character - 1)
    assert bench.read("UARTFR") & UART.mask("UARTFR", "RXFE")
    bench.run(1)
    assert bench.read("UARTDR") == ord("a")
