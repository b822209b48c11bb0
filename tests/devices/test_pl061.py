"""PL061: eight pins, their data window, their interrupts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.pl061.regs import TABLE
from tests.devices.slot_bench import Bench

NODE = """\
gpio@9030000:
  compatible: [arm,pl061, arm,primecell]
  reg: [[0x9030000, 0x1000]]
  gpio-controller: true
  '#gpio-cells': 2
"""
ALL = 0xFF


@pytest.fixture
def bench() -> Bench:
    return Bench(NODE)


@pytest.mark.parametrize("register", [row.name for row in TABLE.registers if row.offset < 0x424])
def test_reset_values_are_zero(bench: Bench, register: str) -> None:
    # The manual's, and those of QEMU 7.2's model on its `virt` board, where the pins are pulled down, too.
    assert bench.read(register, ALL if register == "GPIODATA" else 0) == 0


def test_the_id_registers_are_those_the_amba_bus_looks_for(bench: Bench) -> None:
    assert bench.identity("GPIO") == (0x0004_1061, 0xB105_F00D)


@pytest.mark.parametrize("register", ["GPIODIR", "GPIOIS", "GPIOIBE", "GPIOIEV", "GPIOIE"])
def test_plain_registers_keep_eight_bits(bench: Bench, register: str) -> None:
    bench.write(register, 0xFFFF_FF5A)
    assert bench.read(register) == 0x5A


@pytest.mark.parametrize("register", ["GPIORIS", "GPIOMIS"])
def test_status_registers_are_read_only(bench: Bench, register: str) -> None:
    bench.write(register, ALL)
    assert bench.read(register) == 0


# --- data --------------------------------------------------------------------


def test_the_address_masks_what_is_read(bench: Bench) -> None:
    for pin in (0, 2, 5, 7):
        bench.model.drive(pin, True)
    assert bench.read("GPIODATA", ALL) == 0xA5
    assert [bench.read("GPIODATA", mask) for mask in (0x00, 0x01, 0x0F, 0xF0, 0x5A)] == [0, 1, 5, 0xA0, 0]


def test_the_address_masks_what_is_written(bench: Bench) -> None:
    bench.write("GPIODIR", ALL)
    bench.write("GPIODATA", 0xFFFF_FFFF, 0x3C)
    assert bench.read("GPIODATA", ALL) == 0x3C
    bench.write("GPIODATA", 0x00, 0x0F)
    assert bench.read("GPIODATA", ALL) == 0x30
    bench.write("GPIODATA", ALL, 0x00)
    assert bench.read("GPIODATA", ALL) == 0x30


def test_a_byte_access_reaches_one_pin_as_linux_does_it(bench: Bench) -> None:
    target = bench.model.targets[0]
    target.write(0x400, 1, 1 << 6)
    target.write(1 << (6 + 2), 1, 1 << 6)
    assert target.read(1 << (6 + 2), 1) == 1 << 6
    assert bench.model.line(6)


def test_only_outputs_take_data(bench: Bench) -> None:
    # The steps and the values are those of QEMU 7.2's model.
    bench.write("GPIODATA", ALL, ALL)
    assert bench.read("GPIODATA", ALL) == 0
    bench.write("GPIODIR", 0x0F)
    assert bench.read("GPIODATA", ALL) == 0
    bench.write("GPIODATA", 0xA5, ALL)
    assert bench.read("GPIODATA", ALL) == 0x05
    assert bench.read("GPIODATA", 0x04) == 0x04
    bench.write("GPIODATA", ALL, 0x02)
    assert bench.read("GPIODATA", ALL) == 0x07
    bench.write("GPIODIR", ALL)
    assert bench.read("GPIODATA", ALL) == 0x07


def test_a_pin_has_the_level_of_who_drives_it(bench: Bench) -> None:
    bench.write("GPIODIR", 0x01)
    bench.model.drive(0, True)
    assert not bench.model.line(0)
    bench.write("GPIODIR", 0x00)
    assert bench.model.line(0)
    bench.model.drive(0, False)
    assert not bench.model.line(0)


def test_an_observer_hears_a_pin_from_when_it_is_an_output(bench: Bench) -> None:
    heard: list[bool] = []
    bench.model.observe(3, heard.append)
    bench.model.drive(3, True)
    assert heard == []
    bench.write("GPIODIR", 0x08)
    assert heard == [False]
    bench.write("GPIODIR", 0x0C)
    bench.write("GPIODATA", 0x00, ALL)
    assert heard == [False]
    bench.write("GPIODATA", 0x0C, ALL)
    bench.write("GPIODATA", 0x08, ALL)
    assert heard == [False, True]
    bench.write("GPIODIR", 0x04)
    bench.write("GPIODATA", 0x00, ALL)
    assert heard == [False, True]
    bench.write("GPIODIR", 0x08)
    assert heard == [False, True, True]


@pytest.mark.parametrize("pin", [-1, 8])
def test_there_are_eight_pins(bench: Bench, pin: int) -> None:
    for act in (
        lambda: bench.model.line(pin),
        lambda: bench.model.drive(pin, True),
        lambda: bench.model.observe(pin, print),
    ):
        with pytest.raises(ValueError, match=f"^a PL061 has pins 0..7, not {pin}$"):
            act()


# --- interrupts --------------------------------------------------------------


@pytest.mark.parametrize(
    ("both", "event", "rising", "falling"),
    [(0, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 1), (1, 1, 1, 1)],
    ids=["falling", "rising", "both", "both whatever the event"],
)
def test_edges(bench: Bench, both: int, event: int, rising: int, falling: int) -> None:
    bench.write("GPIOIBE", both << 4)
    bench.write("GPIOIEV", event << 4)
    bench.model.drive(4, True)
    assert bench.read("GPIORIS") == rising << 4
    bench.write("GPIOIC", 0x10)
    bench.model.drive(4, False)
    assert bench.read("GPIORIS") == falling << 4


def test_an_edge_is_kept_until_a_one_clears_it(bench: Bench) -> None:
    bench.write("GPIOIEV", ALL)
    bench.write("GPIOIE", 0x03)
    for pin in (0, 1, 2):
        bench.model.drive(pin, True)
        bench.model.drive(pin, False)
    assert (bench.read("GPIORIS"), bench.read("GPIOMIS"), bench.raised) == (0x07, 0x03, [True])
    bench.write("GPIOIC", 0x01)
    assert (bench.read("GPIORIS"), bench.read("GPIOMIS"), bench.level) == (0x06, 0x02, True)
    bench.write("GPIOIC", 0x02)
    assert (bench.read("GPIORIS"), bench.read("GPIOMIS"), bench.level) == (0x04, 0x00, False)
    assert bench.read("GPIOIC") == 0


def test_the_same_level_again_is_no_edge(bench: Bench) -> None:
    bench.write("GPIOIBE", ALL)
    bench.model.drive(0, False)
    assert bench.read("GPIORIS") == 0
    bench.model.drive(0, True)
    bench.write("GPIOIC", 1)
    bench.model.drive(0, True)
    assert bench.read("GPIORIS") == 0


@pytest.mark.parametrize("high", [True, False])
def test_a_level_is_there_as_long_as_the_pin_has_it(bench: Bench, high: bool) -> None:
    bench.model.drive(2, not high)
    bench.write("GPIOIEV", 0x04 if high else 0x00)
    bench.write("GPIOIS", 0x04)
    bench.write("GPIOIE", 0x04)
    assert not bench.level
    bench.model.drive(2, high)
    assert (bench.read("GPIOMIS"), bench.level) == (0x04, True)
    bench.write("GPIOIC", 0x04)
    assert bench.level
    bench.model.drive(2, not high)
    assert (bench.read("GPIORIS"), bench.level) == (0, False)
    bench.model.drive(2, high)
    bench.model.drive(2, not high)
    assert (bench.read("GPIORIS"), bench.raised) == (0, [True, False, True, False])


def test_levels_of_undriven_pins_are_low(bench: Bench) -> None:
    # As QEMU 7.2's model answers: all low-level interrupts of inputs at once, with GPIOIEV zero.
    bench.write("GPIODIR", 0x07)
    bench.write("GPIODATA", 0x07, ALL)
    bench.write("GPIOIS", ALL)
    assert bench.read("GPIORIS") == 0xF8


def test_an_edge_of_a_pin_that_became_level_sensitive_is_forgotten(bench: Bench) -> None:
    bench.write("GPIOIEV", 0x01)
    bench.model.drive(0, True)
    bench.model.drive(0, False)
    bench.write("GPIOIS", 0x01)
    bench.write("GPIOIS", 0x00)
    assert bench.read("GPIORIS") == 0


def test_outputs_do_not_interrupt(bench: Bench) -> None:
    bench.write("GPIOIBE", ALL)
    bench.write("GPIOIEV", ALL)
    bench.write("GPIOIS", 0xF0)
    bench.write("GPIODIR", ALL)
    bench.write("GPIODATA", ALL, ALL)
    bench.model.drive(0, True)
    assert bench.read("GPIORIS") == 0


def test_a_block_without_an_interrupt_still_has_its_status() -> None:
    bench = Bench(NODE, irqs=0)
    bench.write("GPIOIS", 1)
    bench.write("GPIOIE", 1)
    assert bench.read("GPIOMIS") == 1


def test_unmodelled_registers_say_so(bench: Bench) -> None:
    bench.write("GPIOAFSEL", 3)
    assert bench.read("GPIOAFSEL") == 3
    assert bench.log == ["pl061: GPIOAFSEL is known but not modelled"]


# --- whatever a guest and a board do -----------------------------------------

offsets = st.one_of(st.sampled_from([row.offset for row in TABLE.registers]), st.integers(0, 0xFF8))
access = st.tuples(offsets, st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**64 - 1))
drive = st.tuples(st.integers(0, 7), st.booleans())


@settings(max_examples=150)
@given(st.lists(st.one_of(access, drive), max_size=60))
def test_no_access_raises_and_pins_levels_and_line_agree(actions: list[Any]) -> None:
    bench = Bench(NODE)
    heard: dict[int, bool] = {}
    outside = [False] * 8
    for pin in range(8):
        bench.model.observe(pin, lambda level, pin=pin: heard.update({pin: level}))
    for action in actions:
        if len(action) == 3:
            offset, size, value = action
            bench.model.targets[0].write(offset, size, value)
            assert 0 <= bench.model.targets[0].read(offset, size) < 1 << 8 * size
        else:
            outside[action[0]] = action[1]
            bench.model.drive(*action)
        outputs, data = bench.read("GPIODIR"), bench.read("GPIODATA", ALL)
        for pin in range(8):
            level = bool(data >> pin & 1)
            assert level == bench.model.line(pin) == (heard[pin] if outputs >> pin & 1 else outside[pin])
        active = bench.read("GPIOIS") & ~(data ^ bench.read("GPIOIEV")) & ~outputs & ALL
        assert bench.read("GPIORIS") & bench.read("GPIOIS") == active
        assert bench.read("GPIOMIS") == bench.read("GPIORIS") & bench.read("GPIOIE")
        assert bench.level == bool(bench.read("GPIOMIS"))
