"""SMMUv3 queues: wrap-around, overflow, errors and their interrupts."""

from __future__ import annotations

import pytest

from tests.devices.smmuv3_bench import (
    CFGI_CD,
    CFGI_STE,
    CLASS_INPUT,
    CMDQ_BASE,
    CMDQ_CONS,
    CMDQ_ERR,
    CMDQ_PROD,
    CMDQEN,
    COMMANDS,
    CR0,
    EVENTQ_ABT,
    EVENTQ_BASE,
    EVENTQ_CONS,
    EVENTQ_PROD,
    EVENTQEN,
    EVENTS,
    GERROR,
    GERRORN,
    IRQ_CTRL,
    NOWHERE,
    READ,
    SMMUEN,
    STREAM,
    SYNC,
    TLBI_NH_ALL,
    Bench,
)

OVERFLOW = 1 << 31
ILLEGAL, ABORT = 1 << 24, 2 << 24


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start(events_log2=2, commands_log2=2).stage1()
    bench.dram.banks[0].close()


def fault(bench: Bench, iova: int) -> None:
    """One F_TRANSLATION whose record nobody takes yet."""
    events, bench.events = bench.events, list
    bench.fault(iova)
    bench.events = events


def record(iova: int) -> tuple[int, int, int, int]:
    return (0x10 | STREAM << 32, READ | CLASS_INPUT, iova, 0)


# --- events -----------------------------------------------------------------


def test_the_event_queue_wraps(bench):
    for number in range(11):
        fault(bench, number * 0x1000)
        assert bench.get(EVENTQ_PROD) == (number + 1) % 8
        assert bench.events() == [record(number * 0x1000)]
        assert bench.get(EVENTQ_CONS) == (number + 1) % 8


def test_a_full_queue_loses_records_and_toggles_the_overflow_flag_once(bench):
    for number in range(4):
        fault(bench, number << 12)
    assert bench.get(EVENTQ_PROD) == 4, "full, nothing lost yet"
    fault(bench, 0xAAAA000)
    assert bench.get(EVENTQ_PROD) == 4 | OVERFLOW
    fault(bench, 0xBBBB000)
    assert bench.get(EVENTQ_PROD) == 4 | OVERFLOW
    assert bench.events() == [record(number << 12) for number in range(4)]
    fault(bench, 0xCCCC000)
    assert bench.get(EVENTQ_PROD) == 5 | OVERFLOW, "an overflow that is not acknowledged blocks nothing"
    assert bench.events() == [record(0xCCCC000)]
    bench.set(EVENTQ_CONS, bench.get(EVENTQ_CONS) | OVERFLOW)
    for number in range(5):
        fault(bench, number << 12)
    assert bench.get(EVENTQ_PROD) & OVERFLOW == 0, "the next overflow toggles it back"
    assert len(bench.events()) == 4


def test_the_interrupt_comes_when_the_queue_stops_being_empty(bench):
    fault(bench, 0x1000)
    assert bench.irqs["eventq"] == 1
    fault(bench, 0x2000)
    assert bench.irqs["eventq"] == 1
    bench.events()
    fault(bench, 0x3000)
    assert bench.irqs["eventq"] == 2
    bench.events()
    bench.set(IRQ_CTRL, 1)
    fault(bench, 0x4000)
    assert bench.irqs == {"eventq": 2, "gerror": 0, "cmdq-sync": 0}


def test_a_disabled_event_queue_takes_nothing_and_does_not_overflow(bench):
    bench.set(CR0, SMMUEN | CMDQEN)
    for number in range(9):
        fault(bench, number << 12)
    assert (bench.get(EVENTQ_PROD), bench.irqs["eventq"]) == (0, 0)
    assert len(bench.reports) == 9


def test_an_event_queue_outside_memory_is_a_global_error_until_acknowledged(bench):
    bench.reconfigure((EVENTQ_BASE, NOWHERE | 2), size=8)
    fault(bench, 0)
    assert (bench.get(GERROR), bench.get(EVENTQ_PROD)) == (EVENTQ_ABT, 0)
    assert bench.irqs == {"eventq": 0, "gerror": 1, "cmdq-sync": 0}
    bench.reconfigure((EVENTQ_BASE, EVENTS | 2), size=8)
    fault(bench, 0x1000)
    assert bench.get(EVENTQ_PROD) == 0, "not writable while the error is active"
    bench.set(GERRORN, EVENTQ_ABT)
    fault(bench, 0x2000)
    assert bench.events() == [record(0x2000)]
    bench.reconfigure((EVENTQ_BASE, NOWHERE | 2), size=8)
    bench.set(IRQ_CTRL, 0)
    fault(bench, 0)
    assert (bench.get(GERROR), bench.irqs["gerror"]) == (0, 1)


# --- commands ---------------------------------------------------------------


def test_the_command_queue_wraps(bench):
    for number in range(11):
        bench.command(SYNC | 1 << 12)
        assert bench.get(CMDQ_CONS) == (number + 1) % 8
    assert bench.irqs["cmdq-sync"] == 11


def test_several_commands_run_in_order_when_prod_moves(bench):
    for at in range(4):
        bench.put(COMMANDS + 16 * at, SYNC | 1 << 12, 0)
    bench.set(CMDQ_PROD, 4)
    assert (bench.get(CMDQ_CONS), bench.irqs["cmdq-sync"]) == (4, 4)


@pytest.mark.parametrize(("signal", "interrupts"), [(0, 0), (1, 1), (2, 0)])
def test_sync_signals_as_it_is_told(bench, signal, interrupts):
    bench.set(IRQ_CTRL, 0)
    bench.command(SYNC | signal << 12)
    assert bench.irqs == {"eventq": 0, "gerror": 0, "cmdq-sync": interrupts}


def test_an_illegal_command_stops_the_queue_until_acknowledged(bench):
    bench.command(SYNC)
    bench.queue(0xFF)
    assert (bench.get(CMDQ_CONS), bench.get(GERROR), bench.irqs["gerror"]) == (1 | ILLEGAL, CMDQ_ERR, 1)
    bench.queue(SYNC | 1 << 12)
    assert (bench.get(CMDQ_CONS), bench.irqs["cmdq-sync"]) == (1 | ILLEGAL, 0)
    bench.put(COMMANDS + 16, SYNC, 0)
    bench.set(GERRORN, CMDQ_ERR)
    assert (bench.get(CMDQ_CONS), bench.irqs["cmdq-sync"]) == (3, 1), "no write of CMDQ_PROD is needed"
    bench.queue(0xFF)
    assert (bench.get(CMDQ_CONS), bench.get(GERROR), bench.irqs["gerror"]) == (3 | ILLEGAL, 0, 2)


def test_acknowledging_without_a_repair_fails_again(bench):
    bench.queue(0xFF)
    bench.set(GERRORN, CMDQ_ERR)
    assert (bench.get(CMDQ_CONS), bench.get(GERROR), bench.irqs["gerror"]) == (0 | ILLEGAL, 0, 2)


def test_a_command_that_cannot_be_fetched(bench):
    bench.reconfigure((CMDQ_BASE, NOWHERE | 2), size=8)
    bench.set(CMDQ_PROD, 1)
    assert (bench.get(CMDQ_CONS), bench.get(GERROR)) == (0 | ABORT, CMDQ_ERR)
    bench.reconfigure((CMDQ_BASE, COMMANDS | 2), size=8)
    bench.put(COMMANDS, SYNC, 0)
    bench.set(GERRORN, CMDQ_ERR)
    assert bench.get(CMDQ_CONS) == 1


@pytest.mark.parametrize("opcode", [CFGI_STE, CFGI_CD, 0x01])
def test_the_non_secure_queue_cannot_name_secure_streams(bench, opcode):
    bench.queue(opcode | 1 << 10)
    assert bench.get(CMDQ_CONS) == 0 | ILLEGAL


def test_a_disabled_command_queue_waits(bench):
    bench.set(CR0, SMMUEN | EVENTQEN)
    bench.queue(TLBI_NH_ALL)
    bench.queue(SYNC | 1 << 12)
    assert (bench.get(CMDQ_CONS), bench.irqs["cmdq-sync"]) == (0, 0)
    bench.set(CR0, SMMUEN | EVENTQEN | CMDQEN)
    assert (bench.get(CMDQ_CONS), bench.irqs["cmdq-sync"]) == (2, 1)


def test_queue_addresses_are_cut_to_the_output_size_and_aligned_to_the_queue(bench):
    bases = (CMDQ_BASE, 1 << 45 | COMMANDS | 0x20 | 2), (EVENTQ_BASE, 1 << 51 | EVENTS | 0x60 | 2)
    bench.reconfigure(*bases, size=8)
    bench.command(SYNC)
    fault(bench, 0x1000)
    assert bench.events() == [record(0x1000)]


def test_queues_are_no_larger_than_implemented():
    bench = Bench().start(events_log2=7, commands_log2=8)
    bench.reconfigure((CMDQ_BASE, COMMANDS | 31), (EVENTQ_BASE, EVENTS | 31), size=8)
    for number in range(600):
        bench.command(SYNC)
        assert bench.get(CMDQ_CONS) == (number + 1) % 512
    bench.stage1()
    for number in range(300):
        fault(bench, number << 12)
        assert bench.get(EVENTQ_PROD) == (number + 1) % 256
        bench.events()
    bench.dram.banks[0].close()
