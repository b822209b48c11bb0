"""How the SMMU tells software: CMD_SYNC, wires, messages, global errors. ARM IHI 0070, 3.18, 4.7.3, 7.5."""

from __future__ import annotations

import pytest

from tests.devices.smmuv3_bench import (
    CMDQ_BASE,
    CMDQ_CONS,
    CMDQ_ERR,
    CMDQ_PROD,
    CMDQEN,
    COMMANDS,
    CR0,
    EVENTQ_ABT,
    EVENTQ_BASE,
    EVENTQ_IRQ_CFG0,
    EVENTQ_IRQ_CFG1,
    EVENTQ_PROD,
    EVENTQEN,
    GERROR,
    GERROR_IRQ_CFG0,
    GERROR_IRQ_CFG1,
    GERRORN,
    IRQ_CTRL,
    MESSAGES,
    MSI_CMDQ_ABT,
    MSI_EVENTQ_ABT,
    MSI_GERROR_ABT,
    NOWHERE,
    REGISTERS,
    SMMUEN,
    SYNC,
    Bench,
)

ALL_ENABLES = SMMUEN | EVENTQEN | CMDQEN


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start(commands_log2=2).stage1()
    bench.dram.banks[0].close()


def message(bench: Bench, address_register: int, address: int, data: int) -> None:
    """Program the message of one source; its interrupt must be off for that."""
    enables = bench.get(IRQ_CTRL)
    bench.set(IRQ_CTRL, 0)
    bench.set64(address_register, address)
    bench.set(address_register + 8, data)
    bench.set(IRQ_CTRL, enables)


# --- CMD_SYNC ----------------------------------------------------------------


@pytest.mark.parametrize(("signal", "wires", "wakes"), [(0, 0, 0), (1, 1, 0), (2, 0, 1)])
def test_sync_signals_as_it_is_told(bench, signal, wires, wakes):
    woken = []
    bench.smmu.wake_listeners.append(lambda: woken.append(bench.get(CMDQ_CONS)))
    bench.set(IRQ_CTRL, 0)
    bench.command(SYNC | signal << 12)
    assert bench.irqs == {"eventq": 0, "gerror": 0, "cmdq-sync": wires}
    assert woken == [1] * wakes, "the command is consumed before the wake-up"
    assert bench.word(MESSAGES) == 0


def test_a_reserved_signal_is_illegal(bench):
    bench.queue(SYNC | 3 << 12)
    assert bench.get(CMDQ_CONS) == 1 << 24


@pytest.mark.parametrize("signal", [0, 1, 2])
def test_sync_writes_its_message_only_when_it_signals_by_interrupt(bench, signal):
    bench.queue(SYNC | signal << 12 | 0xCAFE_F00D << 32, MESSAGES + 4)
    assert bench.word(MESSAGES) == (0xCAFE_F00D << 32 if signal == 1 else 0)


def test_a_message_address_is_cut_to_the_output_size(bench):
    bench.queue(SYNC | 1 << 12 | 7 << 32, MESSAGES | 1 << 45)
    assert bench.word(MESSAGES) == 7


def test_a_message_that_nobody_takes_is_a_global_error_but_the_sync_is_done(bench):
    bench.queue(SYNC | 1 << 12, NOWHERE)
    assert (bench.get(CMDQ_CONS), bench.get(GERROR)) == (1, MSI_CMDQ_ABT)
    assert bench.irqs == {"eventq": 0, "gerror": 1, "cmdq-sync": 1}
    bench.command(SYNC)


def test_a_full_queue_that_empties_wakes(bench):
    woken = []
    bench.smmu.wake_listeners.append(lambda: woken.append(bench.get(CMDQ_CONS)))
    bench.set(CR0, SMMUEN | EVENTQEN)
    for _ in range(4):
        bench.queue(SYNC)
    assert bench.get(CMDQ_PROD) == 4
    bench.set(CR0, SMMUEN | EVENTQEN | CMDQEN)
    assert (bench.get(CMDQ_CONS), woken) == (4, [1])


def test_a_message_into_the_queues_own_registers_ends(bench):
    """Each CMD_SYNC moves CMDQ_PROD on, for ever; a message must not nest into the queue that sends it."""
    for at in range(4):
        bench.put(COMMANDS + 16 * at, SYNC | 1 << 12 | ((at + 2) % 8) << 32, REGISTERS + CMDQ_PROD)
    bench.set(CMDQ_PROD, 1)
    assert bench.get(CMDQ_CONS) < 8
    assert 4 <= bench.irqs["cmdq-sync"] <= 1024


# --- messages of the other sources -------------------------------------------


def test_the_event_queue_sends_its_message_when_it_stops_being_empty(bench):
    message(bench, EVENTQ_IRQ_CFG0, MESSAGES, 0x1111)
    assert len(bench.fault(0)) == 1
    assert (bench.word(MESSAGES), bench.irqs["eventq"]) == (0x1111, 1)
    bench.put(MESSAGES, 0)
    bench.set(IRQ_CTRL, 1)
    bench.fault(0)
    assert (bench.word(MESSAGES), bench.irqs["eventq"]) == (0, 1), "IRQ_CTRL.EVENTQ_IRQEN is clear"


def test_a_global_error_sends_its_message(bench):
    message(bench, GERROR_IRQ_CFG0, MESSAGES + 8, 0xFFFF_FFFF)
    bench.queue(0xFF)
    assert (bench.word(MESSAGES + 8), bench.irqs["gerror"]) == (0xFFFF_FFFF, 1)
    bench.put(MESSAGES + 8, 0)
    bench.set(IRQ_CTRL, 4)
    bench.set(GERRORN, CMDQ_ERR)
    assert bench.get(GERROR) == 0, "the same command again"
    assert (bench.word(MESSAGES + 8), bench.irqs["gerror"]) == (0, 1), "IRQ_CTRL.GERROR_IRQEN is clear"


def test_messages_can_reach_a_device(bench):
    """Here the SMMU itself: the message acknowledges the error that sent it, and the queue goes on."""
    message(bench, GERROR_IRQ_CFG0, REGISTERS + GERRORN, CMDQ_ERR)
    bench.put(COMMANDS, 0xFF, 0)
    bench.set(CMDQ_PROD, 1)
    assert (bench.get(GERROR), bench.get(GERRORN)) == (0, CMDQ_ERR), "acknowledged once, then raised again"
    assert bench.irqs["gerror"] == 2


# --- every global error ------------------------------------------------------


def _illegal_command(bench: Bench) -> None:
    bench.queue(0xFF)


def _command_fetch(bench: Bench) -> None:
    bench.reconfigure((CMDQ_BASE, NOWHERE | 2), size=8)
    bench.set(CMDQ_PROD, 1)


def _event_write(bench: Bench) -> None:
    bench.reconfigure((EVENTQ_BASE, NOWHERE | 2), size=8)
    bench.fault(0)


def _sync_message(bench: Bench) -> None:
    bench.queue(SYNC | 1 << 12, NOWHERE)


def _event_message(bench: Bench) -> None:
    message(bench, EVENTQ_IRQ_CFG0, NOWHERE, 0)
    bench.fault(0)


ERRORS = [
    (_illegal_command, CMDQ_ERR),
    (_command_fetch, CMDQ_ERR),
    (_event_write, EVENTQ_ABT),
    (_sync_message, MSI_CMDQ_ABT),
    (_event_message, MSI_EVENTQ_ABT),
]


@pytest.mark.parametrize(("cause", "error"), ERRORS, ids=lambda item: getattr(item, "__name__", ""))
def test_each_global_error_toggles_its_bit_once_until_acknowledged(bench, cause, error):
    cause(bench)
    assert (bench.get(GERROR), bench.irqs["gerror"]) == (error, 1)
    cause(bench)
    assert (bench.get(GERROR), bench.irqs["gerror"]) == (error, 1), "active already"
    bench.set(CR0, 0)
    bench.set(GERRORN, error)
    bench.set(CR0, ALL_ENABLES)
    cause(bench)
    assert (bench.get(GERROR), bench.irqs["gerror"]) == (0, 2)


@pytest.mark.parametrize(("cause", "error"), ERRORS, ids=lambda item: getattr(item, "__name__", ""))
def test_a_global_error_whose_own_message_aborts_is_a_second_one_without_interrupt(bench, cause, error):
    message(bench, GERROR_IRQ_CFG0, NOWHERE, 0)
    cause(bench)
    assert (bench.get(GERROR), bench.irqs["gerror"]) == (error | MSI_GERROR_ABT, 1)
    bench.set(IRQ_CTRL, 4)
    bench.set(CR0, 0)
    bench.set(GERRORN, error | MSI_GERROR_ABT)
    assert bench.irqs["gerror"] == 1


def test_an_event_whose_message_aborts_is_in_the_queue_all_the_same(bench):
    message(bench, EVENTQ_IRQ_CFG0, NOWHERE, 0)
    assert len(bench.fault(0)) == 1
    assert bench.get(EVENTQ_PROD) == 1


def test_message_registers_keep_what_they_are_given(bench):
    bench.set(IRQ_CTRL, 0)
    for address, data in ((GERROR_IRQ_CFG0, GERROR_IRQ_CFG1), (EVENTQ_IRQ_CFG0, EVENTQ_IRQ_CFG1)):
        bench.set64(address, (1 << 64) - 1)
        bench.set(data, 0xFFFF_FFFF)
        bench.set(data + 4, 0xFFFF_FFFF)
        values = [bench.get(at) for at in (address, address + 4, data, data + 4)]
        assert values == [0xFFFF_FFFC, 0xF_FFFF, 0xFFFF_FFFF, 0x3F]
