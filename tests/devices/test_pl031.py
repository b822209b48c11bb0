"""PL031: the time, the alarm, and what a driver finds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.pl031.hardware import EPOCH
from devices.pl031.regs import TABLE
from soc.clock import SECOND
from tests.devices.slot_bench import Bench

NODE = "rtc@9010000: {compatible: [arm,pl031, arm,primecell], reg: [[0x9010000, 0x1000]]}"


@pytest.fixture
def bench() -> Bench:
    return Bench(NODE)


@pytest.mark.parametrize(
    ("register", "value"),
    [
        ("RTCDR", EPOCH),
        ("RTCMR", 0),
        ("RTCLR", 0),
        ("RTCCR", 1),
        ("RTCIMSC", 0),
        ("RTCRIS", 0),
        ("RTCMIS", 0),
        ("RTCICR", 0),
    ],
)
def test_reset_values(bench: Bench, register: str, value: int) -> None:
    # All but RTCDR are those of QEMU 7.2's model on its `virt` board, where RTCCR reads one too.
    assert bench.read(register) == value


def test_the_id_registers_are_those_the_amba_bus_looks_for(bench: Bench) -> None:
    part, cell = bench.identity("RTC")
    assert (part & 0x000F_FFFF, cell) == (0x0004_1031, 0xB105_F00D)


def test_power_on_is_at_a_date_of_its_own(bench: Bench) -> None:
    assert datetime.fromtimestamp(bench.read("RTCDR"), UTC) == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_time_steps_at_whole_seconds_of_virtual_time(bench: Bench) -> None:
    bench.run_to(SECOND - 1)
    assert bench.read("RTCDR") == EPOCH
    bench.run_to(SECOND)
    assert bench.read("RTCDR") == EPOCH + 1
    bench.run_to(86_400 * SECOND)
    assert bench.read("RTCDR") == EPOCH + 86_400


def test_the_board_may_set_another_date_of_power_on(bench: Bench) -> None:
    bench.run_to(10 * SECOND)
    bench.model.set_epoch(1_000_000)
    assert bench.read("RTCDR") == 1_000_010
    bench.model.set_epoch((1 << 32) + 5)
    assert bench.read("RTCDR") == 15


def test_software_sets_the_time_and_the_seconds_keep_their_beat(bench: Bench) -> None:
    bench.run_to(SECOND // 2)
    bench.write("RTCLR", 1000)
    assert (bench.read("RTCDR"), bench.read("RTCLR")) == (1000, 1000)
    bench.run_to(SECOND)
    assert (bench.read("RTCDR"), bench.read("RTCLR")) == (1001, 1000)


def test_the_time_wraps_at_32_bits(bench: Bench) -> None:
    bench.write("RTCLR", 0xFFFF_FFFF)
    bench.run(SECOND)
    assert bench.read("RTCDR") == 0


def test_the_clock_cannot_be_switched_off(bench: Bench) -> None:
    bench.write("RTCCR", 0)
    bench.run(2 * SECOND)
    assert (bench.read("RTCCR"), bench.read("RTCDR")) == (1, EPOCH + 2)


@pytest.mark.parametrize("register", ["RTCDR", "RTCRIS", "RTCMIS", "RTCPeriphID0"])
def test_writes_of_read_only_registers_change_nothing(bench: Bench, register: str) -> None:
    before = bench.read(register)
    bench.write(register, ~before & 0xFFFF_FFFF)
    assert bench.read(register) == before


# --- the alarm ---------------------------------------------------------------


def test_the_alarm_comes_in_the_instant_of_its_second(bench: Bench) -> None:
    bench.run_to(SECOND // 2)
    bench.write("RTCIMSC", 1)
    bench.write("RTCMR", EPOCH + 3)
    bench.run_to(3 * SECOND - 1)
    assert (bench.read("RTCRIS"), bench.raised) == (0, [])
    bench.run_to(3 * SECOND)
    assert (bench.read("RTCRIS"), bench.read("RTCMIS"), bench.raised) == (1, 1, [True])
    bench.run_to(9 * SECOND)
    assert bench.level


def test_a_masked_alarm_is_in_the_raw_status_only(bench: Bench) -> None:
    bench.write("RTCMR", EPOCH + 1)
    bench.run_to(SECOND)
    assert (bench.read("RTCRIS"), bench.read("RTCMIS"), bench.raised) == (1, 0, [])
    bench.write("RTCIMSC", 0xFFFF_FFFF)
    assert (bench.read("RTCIMSC"), bench.read("RTCMIS"), bench.raised) == (1, 1, [True])
    bench.write("RTCIMSC", 0)
    assert (bench.read("RTCMIS"), bench.raised) == (0, [True, False])


def test_a_one_clears_the_alarm_and_a_zero_does_not(bench: Bench) -> None:
    bench.write("RTCIMSC", 1)
    bench.write("RTCMR", EPOCH)
    bench.write("RTCICR", 0)
    assert (bench.read("RTCRIS"), bench.level) == (1, True)
    bench.write("RTCICR", 1)
    assert (bench.read("RTCRIS"), bench.level, bench.raised) == (0, False, [True, False])
    bench.run(5 * SECOND)
    assert bench.read("RTCRIS") == 0  # once is once


@pytest.mark.parametrize("act", ["match", "load", "epoch"])
def test_the_alarm_comes_at_once_when_the_time_is_made_to_match(bench: Bench, act: str) -> None:
    bench.write("RTCMR", EPOCH + 50)
    assert bench.read("RTCRIS") == 0
    match act:
        case "match":
            bench.write("RTCMR", EPOCH)
        case "load":
            bench.write("RTCLR", EPOCH + 50)
        case "epoch":
            bench.model.set_epoch(EPOCH + 50)
    assert bench.read("RTCRIS") == 1


def test_a_new_time_moves_the_alarm(bench: Bench) -> None:
    bench.write("RTCMR", EPOCH + 10)
    bench.write("RTCLR", EPOCH + 8)
    bench.run_to(2 * SECOND)
    assert bench.read("RTCRIS") == 1
    bench.write("RTCICR", 1)
    bench.write("RTCLR", EPOCH + 9)
    bench.run_to(3 * SECOND)
    assert bench.read("RTCRIS") == 1


def test_a_match_in_the_past_waits_for_the_wrap(bench: Bench) -> None:
    bench.write("RTCLR", 0xFFFF_FFFE)
    bench.write("RTCMR", 1)
    bench.run_to(2 * SECOND)
    assert (bench.read("RTCDR"), bench.read("RTCRIS")) == (0, 0)
    bench.run_to(3 * SECOND)
    assert bench.read("RTCRIS") == 1


def test_without_a_match_nothing_is_ever_due(bench: Bench) -> None:
    bench.write("RTCLR", 0)  # what the match register holds at reset
    bench.write("RTCIMSC", 1)
    assert (bench.clock.next_event(), bench.read("RTCRIS")) == (None, 0)


def test_a_clock_without_an_interrupt_still_has_its_status() -> None:
    bench = Bench(NODE, irqs=0)
    bench.write("RTCIMSC", 1)
    bench.write("RTCMR", EPOCH)
    assert bench.read("RTCMIS") == 1


def test_unmodelled_registers_say_so(bench: Bench) -> None:
    bench.write("RTCITCR", 1)
    assert bench.log == ["pl031: RTCITCR is known but not modelled"]


# --- whatever a guest does ---------------------------------------------------

near = st.integers(0, 40).map(lambda seconds: (EPOCH + seconds) & 0xFFFF_FFFF)
values = st.one_of(near, st.integers(0, 3), st.integers(0, 2**64 - 1))
offsets = st.one_of(st.sampled_from([row.offset for row in TABLE.registers]), st.integers(0, 0xFF8))
access = st.tuples(offsets, st.sampled_from([1, 2, 4, 8]), values)


@settings(max_examples=100)
@given(st.lists(st.one_of(access, st.integers(0, 30 * SECOND)), max_size=40))
def test_no_access_raises_and_the_alarm_comes_when_the_time_becomes_the_match(actions: list[Any]) -> None:
    bench = Bench(NODE)
    bench.write("RTCMR", EPOCH + 20)
    for action in actions:
        if isinstance(action, tuple):
            offset, size, value = action
            bench.model.targets[0].write(offset, size, value)
            assert 0 <= bench.model.targets[0].read(offset, size) < 1 << 8 * size
        else:
            before = bench.read("RTCDR")
            raw, start = bench.read("RTCRIS"), bench.clock.now // SECOND
            bench.run(action)
            passed = bench.clock.now // SECOND - start
            assert bench.read("RTCDR") == (before + passed) & 0xFFFF_FFFF
            away = (bench.read("RTCMR") - before) & 0xFFFF_FFFF
            if away:
                assert bench.read("RTCRIS") == (raw | (away <= passed))
        assert bench.read("RTCMIS") == bench.read("RTCRIS") & bench.read("RTCIMSC")
        assert bench.level == bool(bench.read("RTCMIS"))
