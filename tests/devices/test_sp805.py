"""SP805: the counter, the interrupt, the reset, and the kick that comes in time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sp805.regs import TABLE, UNLOCK
from soc.clock import SECOND
from soc.processor import StopReason
from tests.devices.slot_bench import Bench

NODE = """\
bus: &bus {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 24000000}
clock: &clock {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 1000000}
watchdog@9020000:
  compatible: [arm,sp805, arm,primecell]
  reg: [[0x9020000, 0x1000]]
  clocks: [*bus, *clock]
  clock-names: [apb_pclk, wdog_clk]
"""
CYCLE = 1000
"""Nanoseconds of a cycle of that clock."""
INTEN, RESEN = 1, 2


@pytest.fixture
def bench() -> Bench:
    return Bench(NODE)


@pytest.mark.parametrize(
    ("register", "value"),
    [
        ("WDOGLOAD", 0xFFFF_FFFF),
        ("WDOGVALUE", 0xFFFF_FFFF),
        ("WDOGCONTROL", 0),
        ("WDOGINTCLR", 0),
        ("WDOGRIS", 0),
        ("WDOGMIS", 0),
        ("WDOGLOCK", 0),
    ],
)
def test_reset_values(bench: Bench, register: str, value: int) -> None:
    # The manual's; QEMU 7.2's model of the CMSDK watchdog, its near twin, reads the same.
    assert bench.read(register) == value


def test_the_id_registers_are_those_the_amba_bus_looks_for(bench: Bench) -> None:
    assert bench.identity("WDOG") == (0x0014_1805, 0xB105_F00D)


def start(bench: Bench, load: int, control: int) -> None:
    bench.write("WDOGLOAD", load)
    bench.write("WDOGCONTROL", control)


# --- the counter -------------------------------------------------------------


def test_a_counter_that_is_off_stands_still(bench: Bench) -> None:
    bench.write("WDOGLOAD", 10)
    bench.run(100 * CYCLE)
    assert (bench.read("WDOGVALUE"), bench.read("WDOGRIS")) == (10, 0)


def test_the_counter_counts_down_to_zero_and_starts_again(bench: Bench) -> None:
    start(bench, 3, INTEN)
    values = []
    for _ in range(10):
        values.append(bench.read("WDOGVALUE"))
        bench.run(CYCLE)
    assert values == [3, 2, 1, 0, 3, 2, 1, 0, 3, 2]


def test_a_cycle_is_a_cycle_of_its_clock(bench: Bench) -> None:
    bench.write("WDOGCONTROL", INTEN)
    bench.run(CYCLE - 1)
    assert bench.read("WDOGVALUE") == 0xFFFF_FFFF
    bench.run(1)
    assert bench.read("WDOGVALUE") == 0xFFFF_FFFE


def test_a_load_restarts_the_counter_at_once(bench: Bench) -> None:
    start(bench, 10, INTEN)
    bench.run(5 * CYCLE)
    bench.write("WDOGLOAD", 20)
    assert bench.read("WDOGVALUE") == 20
    bench.run(20 * CYCLE - 1)
    assert bench.read("WDOGRIS") == 0
    bench.run(1)
    assert bench.read("WDOGRIS") == 1


def test_switching_on_starts_from_the_load_but_staying_on_does_not(bench: Bench) -> None:
    start(bench, 10, INTEN)
    bench.run(4 * CYCLE)
    bench.write("WDOGCONTROL", INTEN | RESEN)
    assert bench.read("WDOGVALUE") == 6
    bench.write("WDOGCONTROL", RESEN)
    bench.run(4 * CYCLE)
    assert (bench.read("WDOGVALUE"), bench.read("WDOGCONTROL")) == (6, RESEN)
    bench.write("WDOGCONTROL", INTEN)
    assert bench.read("WDOGVALUE") == 10


# --- the interrupt -----------------------------------------------------------


def test_the_first_zero_raises_the_interrupt(bench: Bench) -> None:
    start(bench, 100, INTEN)
    bench.run_to(100 * CYCLE - 1)
    assert (bench.read("WDOGRIS"), bench.raised) == (0, [])
    bench.run_to(100 * CYCLE)
    assert (bench.read("WDOGRIS"), bench.read("WDOGMIS"), bench.raised) == (1, 1, [True])


def test_a_clear_of_any_value_lowers_it_and_restarts_the_counter(bench: Bench) -> None:
    start(bench, 100, INTEN)
    bench.run(150 * CYCLE)
    bench.write("WDOGINTCLR", 0)
    assert (bench.read("WDOGRIS"), bench.read("WDOGVALUE"), bench.raised) == (0, 100, [True, False])
    bench.run(100 * CYCLE)
    assert bench.raised == [True, False, True]


def test_switching_off_hides_the_interrupt(bench: Bench) -> None:
    start(bench, 5, INTEN)
    bench.run(5 * CYCLE)
    bench.write("WDOGCONTROL", 0)
    assert (bench.read("WDOGRIS"), bench.read("WDOGMIS"), bench.level) == (1, 0, False)
    bench.write("WDOGCONTROL", INTEN)
    assert (bench.read("WDOGMIS"), bench.level) == (1, True)


def test_without_reset_enable_it_only_interrupts(bench: Bench) -> None:
    start(bench, 5, INTEN)
    bench.run(1000 * CYCLE)
    assert (bench.ended, bench.raised) == ([], [True])
    assert bench.clock.next_event() is None  # nothing more can come of it, so nothing is due


def test_a_watchdog_without_an_interrupt_still_has_its_status() -> None:
    bench = Bench(NODE, irqs=0)
    start(bench, 5, INTEN)
    bench.run(5 * CYCLE)
    assert bench.read("WDOGMIS") == 1


# --- the reset ---------------------------------------------------------------


def test_the_second_zero_resets_the_board(bench: Bench) -> None:
    start(bench, 100, INTEN | RESEN)
    bench.run_to(201 * CYCLE - 1)
    assert (bench.ended, bench.log) == ([], [])
    bench.run_to(201 * CYCLE)
    assert bench.ended == [StopReason.RESET]
    assert bench.log == ["sp805: nobody answered its interrupt in time: reset"]


@pytest.mark.parametrize("kick", ["WDOGINTCLR", "both"])
def test_a_watchdog_kicked_in_time_does_not_reset(bench: Bench, kick: str) -> None:
    start(bench, 100, INTEN | RESEN)
    for _ in range(50):
        bench.run(200 * CYCLE)  # one cycle before the reset
        if kick == "both":
            bench.write("WDOGLOAD", 100)
        bench.write("WDOGINTCLR", 1)
    assert (bench.ended, bench.log) == ([], [])
    bench.run(201 * CYCLE)
    assert bench.ended == [StopReason.RESET]


def test_a_watchdog_restarted_before_its_first_zero_does_not_even_interrupt(bench: Bench) -> None:
    start(bench, 100, INTEN | RESEN)
    for _ in range(50):
        bench.run(99 * CYCLE)
        bench.write("WDOGLOAD", 100)
    assert (bench.ended, bench.raised) == ([], [])


def test_a_watchdog_switched_off_in_time_does_not_reset(bench: Bench) -> None:
    start(bench, 100, INTEN | RESEN)
    bench.run(200 * CYCLE)
    bench.write("WDOGCONTROL", 0)
    bench.run(1000 * CYCLE)
    assert bench.ended == []


def test_reset_enable_after_the_interrupt_counts_from_the_next_zero(bench: Bench) -> None:
    start(bench, 9, INTEN)
    bench.run(35 * CYCLE)  # zeros at 9, 19 and 29
    bench.write("WDOGCONTROL", INTEN | RESEN)
    bench.run_to(39 * CYCLE - 1)
    assert bench.ended == []
    bench.run_to(39 * CYCLE)
    assert bench.ended == [StopReason.RESET]


def test_a_write_in_the_instant_of_the_zero_does_not_hide_it(bench: Bench) -> None:
    start(bench, 9, INTEN)
    bench.clock.advance(9 * CYCLE)  # the processor got there before the event
    bench.write("WDOGCONTROL", INTEN | RESEN)
    bench.run(0)
    assert bench.read("WDOGRIS") == 1


def test_a_load_of_zero_with_reset_enable_restarts_the_board_at_once(bench: Bench) -> None:
    bench.write("WDOGCONTROL", 0)
    start(bench, 0, INTEN | RESEN)
    assert bench.read("WDOGVALUE") == 0
    bench.run(2 * CYCLE)
    assert bench.ended == [StopReason.RESET]


# --- the lock ----------------------------------------------------------------


@pytest.mark.parametrize("register", ["WDOGLOAD", "WDOGCONTROL", "WDOGINTCLR"])
def test_a_closed_lock_keeps_writes_out_and_says_so_once(bench: Bench, register: str) -> None:
    start(bench, 10, INTEN)
    bench.run(10 * CYCLE)
    bench.write("WDOGLOCK", 1)
    before = [bench.read(row.name) for row in TABLE.registers if row.modelled]
    bench.write(register, 2)
    bench.write(register, 2)
    assert [bench.read(row.name) for row in TABLE.registers if row.modelled] == before
    assert bench.log == [f"sp805: a write of {register} is ignored: WDOGLOCK is closed"]


@pytest.mark.parametrize(("key", "locked"), [(UNLOCK, 0), (0, 1), (UNLOCK ^ 1, 1), (0xFFFF_FFFF, 1)])
def test_only_the_key_opens_the_lock(bench: Bench, key: int, locked: int) -> None:
    bench.write("WDOGLOCK", 0)
    bench.write("WDOGLOCK", key)
    assert bench.read("WDOGLOCK") == locked
    bench.write("WDOGLOAD", 77)
    assert bench.read("WDOGLOAD") == (0xFFFF_FFFF if locked else 77)


def test_a_closed_lock_does_not_hold_the_counter(bench: Bench) -> None:
    start(bench, 100, INTEN | RESEN)
    bench.write("WDOGLOCK", 0)
    bench.run(201 * CYCLE)
    assert bench.ended == [StopReason.RESET]


def test_unmodelled_registers_say_so(bench: Bench) -> None:
    bench.write("WDOGITCR", 1)
    assert bench.log == ["sp805: WDOGITCR is known but not modelled"]


# --- whatever a guest does ---------------------------------------------------

values = st.one_of(st.integers(0, 300), st.just(UNLOCK), st.integers(0, 2**64 - 1))
offsets = st.one_of(st.sampled_from([row.offset for row in TABLE.registers]), st.integers(0, 0xFF8))
access = st.tuples(offsets, st.sampled_from([1, 2, 4, 8]), values)


@settings(max_examples=100)
@given(st.lists(st.one_of(access, st.integers(0, SECOND)), max_size=40))
def test_no_access_raises_and_the_counter_stays_within_its_load(actions: list[Any]) -> None:
    bench = Bench(NODE)
    for action in actions:
        if isinstance(action, tuple):
            offset, size, value = action
            bench.model.targets[0].write(offset, size, value)
            assert 0 <= bench.model.targets[0].read(offset, size) < 1 << 8 * size
        else:
            bench.run(action)
        on = bench.read("WDOGCONTROL") & INTEN
        assert 0 <= bench.read("WDOGVALUE") <= bench.read("WDOGLOAD")
        assert bench.read("WDOGMIS") == (bench.read("WDOGRIS") if on else 0)
        assert bench.level == bool(bench.read("WDOGMIS"))


@settings(max_examples=100)
@given(st.integers(1, 500), st.lists(st.tuples(st.booleans(), st.integers(1, 700)), max_size=30))
def test_it_resets_exactly_when_two_zeros_pass_without_an_answer(load: int, gaps: list[Any]) -> None:
    bench = Bench(NODE)
    start(bench, load, INTEN | RESEN)
    since, due = 0, False
    for answer, gap in gaps:
        bench.run(gap * CYCLE)
        since += gap
        due = due or since >= 2 * load + 1
        assert bool(bench.ended) == due
        if answer and not due:
            bench.write("WDOGINTCLR", 1)
            since = 0
