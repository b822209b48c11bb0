"""PSCI by either conduit (Arm DEN 0022, chapter 5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.cpu import Image, StopReason
from soc.cpu.psci import (
    AFFINITY_INFO,
    AFFINITY_INFO_64,
    CPU_OFF,
    CPU_ON,
    CPU_ON_64,
    FEATURES,
    MIGRATE_INFO_TYPE,
    SMCCC_VERSION,
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


ALREADY_ON, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS, ON = -4, -2, -1, 0, 0
CPU_SUSPEND, CPU_FREEZE = 0x8400_0001, 0x8400_000B
OTHER_CLUSTER = 1 << 32
BEYOND_32_BITS = 1 << 40

RETURNS = [
    pytest.param(VERSION, (), 0x1_0000, id="VERSION is 1.0"),
    pytest.param(MIGRATE_INFO_TYPE, (), 2, id="MIGRATE_INFO_TYPE: no trusted OS that would migrate"),
    pytest.param(SMCCC_VERSION, (), 0x1_0001, id="SMCCC_VERSION is 1.1"),
    pytest.param(CPU_ON, (0,), ALREADY_ON, id="CPU_ON of itself"),
    pytest.param(CPU_ON, (1,), INVALID_PARAMETERS, id="CPU_ON of another core"),
    pytest.param(CPU_ON, (OTHER_CLUSTER,), ALREADY_ON, id="CPU_ON has 32 bits"),
    pytest.param(CPU_ON_64, (0,), ALREADY_ON, id="CPU_ON_64 of itself"),
    pytest.param(CPU_ON_64, (1,), INVALID_PARAMETERS, id="CPU_ON_64 of another core"),
    pytest.param(CPU_ON_64, (OTHER_CLUSTER,), INVALID_PARAMETERS, id="CPU_ON_64 has 64 bits"),
    pytest.param(AFFINITY_INFO, (0, 0), ON, id="AFFINITY_INFO of itself"),
    pytest.param(AFFINITY_INFO, (1, 0), INVALID_PARAMETERS, id="AFFINITY_INFO of another core"),
    pytest.param(AFFINITY_INFO, (0, 1), INVALID_PARAMETERS, id="AFFINITY_INFO of a cluster"),
    pytest.param(AFFINITY_INFO, (OTHER_CLUSTER, BEYOND_32_BITS), ON, id="AFFINITY_INFO has 32 bits"),
    pytest.param(AFFINITY_INFO_64, (0, 0), ON, id="AFFINITY_INFO_64 of itself"),
    pytest.param(AFFINITY_INFO_64, (OTHER_CLUSTER, 0), INVALID_PARAMETERS, id="AFFINITY_INFO_64 has 64 bits"),
    pytest.param(AFFINITY_INFO_64, (0, 3), INVALID_PARAMETERS, id="AFFINITY_INFO_64 of a higher level"),
    *(
        pytest.param(FEATURES, (function,), SUCCESS, id=f"FEATURES has {function:#x}")
        for function in (VERSION, CPU_OFF, CPU_ON_64, AFFINITY_INFO_64, SYSTEM_OFF, SYSTEM_RESET, FEATURES)
    ),
    pytest.param(FEATURES, (SMCCC_VERSION,), SUCCESS, id="FEATURES has SMCCC_VERSION, so Linux asks for it"),
    pytest.param(FEATURES, (CPU_SUSPEND,), NOT_SUPPORTED, id="FEATURES has no CPU_SUSPEND"),
    pytest.param(FEATURES, (CPU_FREEZE,), NOT_SUPPORTED, id="FEATURES has no CPU_FREEZE"),
    pytest.param(CPU_SUSPEND, (), NOT_SUPPORTED, id="CPU_SUSPEND"),
    pytest.param(0x1234, (), NOT_SUPPORTED, id="no function"),
    pytest.param(BEYOND_32_BITS | VERSION, (), 0x1_0000, id="the function is in W0"),
]


@pytest.mark.parametrize(("function", "arguments", "answer"), RETURNS)
def test_calls_that_return(
    machine: GuestMachine, conduit: Conduit, function: int, arguments: tuple[int, ...], answer: int
) -> None:
    """The answer is in x0, and no other register changes."""
    given = {f"x{number}": value for number, value in enumerate((function, *arguments))}
    kept = {f"x{number}": 0x1000 + number for number in (4, *range(6, 19))}
    machine.start(f"call_{conduit}", **given, **kept)
    assert machine.run() is StopReason.WFI
    assert negative(machine.x(0)) == answer
    assert machine.x(5) == 1
    after = {f"x{number}": machine.x(number) for number in (4, *range(6, 19))}
    assert after == kept
    assert [machine.x(number + 1) for number in range(len(arguments))] == list(arguments)
    assert machine.cpu.exceptions == ()


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
