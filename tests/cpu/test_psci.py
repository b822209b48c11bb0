"""PSCI by either conduit (Arm DEN 0022, chapter 5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.cpu import Image, StopReason
from soc.cpu.psci import (
    CPU_OFF,
    CPU_ON,
    CPU_ON_64,
    FEATURES,
    MIGRATE_INFO_TYPE,
    SYSTEM_OFF,
    SYSTEM_RESET,
    VERSION,
    Conduit,
)
from tests.cpu.guest import GuestMachine

CONDUITS: tuple[Conduit, ...] = ("hvc", "smc")
UNKNOWN_REASON = 0x0200_0000


@pytest.fixture(params=CONDUITS)
def conduit(request: pytest.FixtureRequest) -> Conduit:
    return request.param


@pytest.fixture(params=["fast", "portable"])
def machine(programs: Image, conduit: Conduit, request: pytest.FixtureRequest) -> Iterator[GuestMachine]:
    built = GuestMachine(programs, request.param, conduit)
    yield built
    built.close()


def negative(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


@pytest.mark.parametrize(
    ("function", "argument", "answer"),
    [
        (VERSION, 0, 0x1_0000),
        (MIGRATE_INFO_TYPE, 0, 2),
        (CPU_ON, 0, -4),
        (CPU_ON_64, 0, -4),
        (CPU_ON_64, 1, -2),
        (FEATURES, SYSTEM_OFF, 0),
        (FEATURES, 0x8400_0001, -1),
        (0x8400_0001, 0, -1),
        (0x1234, 0, -1),
    ],
)
def test_calls_that_return(
    machine: GuestMachine, conduit: Conduit, function: int, argument: int, answer: int
) -> None:
    machine.start(f"call_{conduit}", x0=function, x1=argument)
    assert machine.run() is StopReason.WFI
    assert negative(machine.x(0)) == answer
    assert machine.x(5) == 1


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (SYSTEM_OFF, StopReason.POWER_OFF),
        (SYSTEM_RESET, StopReason.RESET),
        (CPU_OFF, StopReason.HALTED),
    ],
)
def test_calls_that_do_not(
    machine: GuestMachine, conduit: Conduit, function: int, reason: StopReason
) -> None:
    machine.start(f"call_{conduit}", x0=function)
    assert machine.run() is reason
    now = machine.clock.now
    assert now <= 1
    assert machine.run() is reason
    assert (machine.clock.now, machine.x(5)) == (now, 0)
    machine.start("take_svc")
    assert machine.run() is StopReason.WFI
    assert machine.x(20) == 1


def test_the_other_call_is_undefined(machine: GuestMachine, conduit: Conduit) -> None:
    """As on a core whose firmware does not take it: the handler sees the call itself."""
    other = next(name for name in CONDUITS if name != conduit)
    machine.start(f"undefined_{other}", x0=SYSTEM_OFF)
    assert machine.run() is StopReason.WFI
    assert (machine.x(20), machine.x(21), machine.x(5)) == (1, UNKNOWN_REASON, 1)
    assert machine.x(22) == machine.label(f"the_{other}")
    assert machine.x(0) == SYSTEM_OFF
