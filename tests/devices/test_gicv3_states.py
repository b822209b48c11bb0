"""GICv3: the life of an interrupt, by its line and by software; SGIs, routes, groups and sleep."""

from __future__ import annotations

import pytest

from tests.devices.gicv3_bench import EDGE, GROUP0, LEVEL, SPURIOUS, Bench

SPI, PPI = 50, 27
INACTIVE, PENDING, ACTIVE, BOTH = (False, False), (True, False), (False, True), (True, True)


@pytest.fixture
def bench() -> Bench:
    return Bench().start()


def state(bench: Bench, interrupt: int) -> tuple[bool, bool]:
    """(pending, active), as both registers of each say."""
    pending, active = bench.bit("ISPENDR", interrupt), bench.bit("ISACTIVER", interrupt)
    assert (bench.bit("ICPENDR", interrupt), bench.bit("ICACTIVER", interrupt)) == (pending, active)
    return pending, active


ROWS = [
    ("level", "up", [PENDING], "an asserted level is pending"),
    ("level", "up down", [PENDING, INACTIVE], "and no longer than it is asserted"),
    ("level", "up ack", [PENDING, BOTH], "acknowledged it is active and, still asserted, pending"),
    ("level", "up ack down", [PENDING, BOTH, ACTIVE], "the handler quiets the device"),
    ("level", "up ack down end", [PENDING, BOTH, ACTIVE, INACTIVE], "and ends it"),
    ("level", "up ack end", [PENDING, BOTH, PENDING], "a device that is not served asks again"),
    ("level", "up clear", [PENDING, PENDING], "software cannot clear an asserted level"),
    ("level", "set", [PENDING], "software makes a level pending"),
    ("level", "set ack", [PENDING, ACTIVE], "which acknowledging takes away"),
    ("level", "set clear", [PENDING, INACTIVE], "or software"),
    ("level", "up set down", [PENDING, PENDING, PENDING], "the latch outlives the line"),
    ("edge", "up", [PENDING], "a rising edge is remembered"),
    ("edge", "up down", [PENDING, PENDING], "after the line is quiet"),
    ("edge", "up down ack", [PENDING, PENDING, ACTIVE], "until it is acknowledged"),
    ("edge", "up ack", [PENDING, ACTIVE], "a line that stays up is no second edge"),
    ("edge", "up ack end", [PENDING, ACTIVE, INACTIVE], "not at the end either"),
    ("edge", "up ack down up", [PENDING, ACTIVE, ACTIVE, BOTH], "an edge while active is remembered"),
    ("edge", "up ack down up end", [PENDING, ACTIVE, ACTIVE, BOTH, PENDING], "and comes after the end"),
    ("edge", "up clear", [PENDING, INACTIVE], "software forgets an edge"),
    ("edge", "up clear down up", [PENDING, INACTIVE, INACTIVE, PENDING], "but not the next"),
    ("level", "activate", [ACTIVE], "software makes it active"),
    ("level", "activate up", [ACTIVE, BOTH], "which holds it back"),
    ("level", "activate up idle", [ACTIVE, BOTH, PENDING], "until software takes it away"),
]


@pytest.mark.parametrize("interrupt", [SPI, PPI], ids=["spi", "ppi"])
@pytest.mark.parametrize(("kind", "events", "states", "why"), ROWS, ids=[f"{r[0]}: {r[1]}" for r in ROWS])
def test_states_of_an_interrupt(
    bench: Bench, interrupt: int, kind: str, events: str, states: list[tuple[bool, bool]], why: str
) -> None:
    bench.edge(interrupt, kind == "edge")
    sink = bench.gic.input((0, interrupt - 32, LEVEL) if interrupt >= 32 else (1, interrupt - 16, LEVEL))
    acts = {
        "up": lambda: sink(True),
        "down": lambda: sink(False),
        "ack": bench.ack,
        "end": lambda: bench.end(interrupt),
        "set": lambda: bench.pend(interrupt),
        "clear": lambda: bench.poke("ICPENDR", interrupt),
        "activate": lambda: bench.poke("ISACTIVER", interrupt),
        "idle": lambda: bench.poke("ICACTIVER", interrupt),
    }
    seen = []
    for event in events.split():
        answer = acts[event]()
        assert answer in (None, interrupt)
        seen.append(state(bench, interrupt))
        assert bench.irq == (seen[-1] == PENDING), why
    assert seen == states, why


def test_end_and_deactivate_are_apart_in_eoi_mode(bench: Bench) -> None:
    bench.write("CTLR_EL1", 2)
    sink = bench.gic.input((0, SPI - 32, LEVEL))
    sink(True)
    assert bench.ack() == SPI
    bench.end(SPI)
    assert (bench.running, state(bench, SPI), bench.irq) == (0xFF, BOTH, False)
    bench.pend(51)
    assert bench.ack() == 51
    bench.write("DIR_EL1", SPI)
    assert (state(bench, SPI), state(bench, 51), bench.running) == (PENDING, ACTIVE, 0xA0)
    bench.end(51)
    assert (bench.ack(), state(bench, 51)) == (SPI, ACTIVE)
    assert bench.log == []


def test_writes_without_effect_are_named_once(bench: Bench) -> None:
    bench.poke("ISACTIVER", 77)
    for _ in range(2):
        for interrupt in (77, SPURIOUS, 1020, 256):
            bench.end(interrupt)
            bench.write("DIR_EL1", interrupt)
    assert state(bench, 77) == ACTIVE
    assert bench.log == [
        "gicv3-cpu: ICC_EOIR1_EL1 ignored: what is in service is not of group 1",
        "gicv3-cpu: ICC_DIR_EL1 ignored: EOImode is 0, where the end of an interrupt deactivates it",
    ]


def test_an_end_takes_any_interrupt_but_drops_one_priority(bench: Bench) -> None:
    bench.pend(SPI)
    assert bench.ack() == SPI
    bench.end(SPURIOUS)
    bench.end(1 << 20)
    assert (bench.running, state(bench, SPI)) == (0xA0, ACTIVE)
    bench.end(SPI)
    assert (bench.running, state(bench, SPI), bench.log) == (0xFF, INACTIVE, [])


def test_a_disabled_interrupt_waits(bench: Bench) -> None:
    for interrupt in (SPI, PPI, 3):
        bench.poke("ICENABLER", interrupt)
        bench.pend(interrupt)
        assert (bench.irq, bench.ack(), bench.read("HPPIR1_EL1")) == (False, SPURIOUS, SPURIOUS)
        bench.poke("ISENABLER", interrupt)
        assert (bench.irq, bench.ack()) == (True, interrupt)
        bench.end(interrupt)


# --- SGIs --------------------------------------------------------------------------

HERE = 1 << 0
SENT = {"0": HERE, "0 and 1": HERE | 2, "with RS, which is reserved": HERE | 3 << 44}
ELSEWHERE = {
    "an empty list": 0,
    "1": 2,
    "all others": 1 << 40,
    "all others, whatever the list": 1 << 40 | HERE,
    "Aff1 1": HERE | 1 << 16,
    "Aff2 1": HERE | 1 << 32,
    "Aff3 1": HERE | 1 << 48,
}


@pytest.mark.parametrize("target", [*SENT.items(), *ELSEWHERE.items()], ids=lambda item: item[0])
def test_an_sgi_reaches_the_cpus_of_its_list(bench: Bench, target: tuple[str, int]) -> None:
    bench.write("SGI1R_EL1", 5 << 24 | target[1])
    sent = target[0] in SENT
    assert (bench.irq, bench.bit("ISPENDR", 5), bench.ack()) == (sent, sent, 5 if sent else SPURIOUS)


@pytest.mark.parametrize(
    ("register", "group", "sent"),
    [
        ("SGI1R_EL1", 1, True),
        ("SGI1R_EL1", 0, True),
        ("SGI0R_EL1", 0, True),
        ("SGI0R_EL1", 1, False),
        ("ASGI1R_EL1", 0, True),
        ("ASGI1R_EL1", 1, False),
    ],
)
def test_an_sgi_must_be_of_a_group_that_the_register_sends(register: str, group: int, sent: bool) -> None:
    bench = Bench().start()
    bench.group(7, group)
    bench.write(register, 7 << 24 | HERE)
    assert bench.bit("ISPENDR", 7) == sent


def test_an_sgi_is_an_edge(bench: Bench) -> None:
    for _ in range(2):
        bench.write("SGI1R_EL1", HERE)
    assert bench.ack() == 0
    bench.write("SGI1R_EL1", HERE)
    assert state(bench, 0) == BOTH
    bench.end(0)
    assert (bench.ack(), state(bench, 0)) == (0, ACTIVE)


# --- who gets it -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "here"),
    [
        (0, True),
        (1, False),
        (0x100, False),
        (0x1_0000, False),
        (1 << 32, False),
        (1 << 31, True),
        (1 << 31 | 5, True),
    ],
)
def test_an_spi_goes_where_its_route_leads(bench: Bench, route: int, here: bool) -> None:
    bench.pend(SPI)
    bench.set_d("IROUTER", route, SPI - 32)
    assert (bench.irq, bench.read("HPPIR1_EL1"), state(bench, SPI)) == (
        here,
        SPI if here else SPURIOUS,
        PENDING,
    )
    bench.set_d("IROUTER", 0, SPI - 32)
    assert bench.irq


def test_nothing_is_forwarded_to_a_cpu_that_sleeps(bench: Bench) -> None:
    bench.set_r("WAKER", 2)
    bench.pend(PPI)
    assert (bench.irq, bench.ack(), bench.read("HPPIR1_EL1")) == (False, SPURIOUS, SPURIOUS)
    bench.set_r("WAKER", 0)
    assert (bench.irq, bench.ack()) == (True, PPI)


def test_group_0_is_an_fiq_and_has_registers_of_its_own(bench: Bench) -> None:
    bench.set_d("CTLR", 2)
    bench.group(SPI, GROUP0)
    bench.pend(SPI)
    assert (bench.irq, bench.fiq) == (False, False)  # group 0 is off in both halves
    bench.write("IGRPEN0_EL1", 1)
    assert not bench.fiq
    bench.set_d("CTLR", 3)
    assert (bench.irq, bench.fiq) == (False, True)
    assert (bench.read("HPPIR1_EL1"), bench.ack(), bench.read("HPPIR0_EL1")) == (SPURIOUS, SPURIOUS, SPI)
    assert bench.ack(GROUP0) == SPI
    assert (bench.read("AP0R0_EL1"), bench.read("AP1R0_EL1")) == (1 << 20, 0)
    bench.end(SPI)
    assert (bench.running, bench.log) == (
        0xA0,
        ["gicv3-cpu: ICC_EOIR1_EL1 ignored: what is in service is not of group 1"],
    )
    bench.end(SPI, GROUP0)
    assert (bench.running, bench.fiq, state(bench, SPI)) == (0xFF, False, INACTIVE)


def test_a_group_that_is_off_does_not_stand_in_the_way(bench: Bench) -> None:
    bench.group(40, GROUP0)
    bench.priority(40, 0x10)
    bench.pend(40)
    bench.pend(SPI)
    assert (bench.irq, bench.read("HPPIR0_EL1"), bench.ack()) == (True, SPURIOUS, SPI)
    bench.write("IGRPEN0_EL1", 1)
    assert (bench.fiq, bench.read("HPPIR0_EL1")) == (True, 40)


def test_switching_a_group_off_takes_its_line_away(bench: Bench) -> None:
    bench.gic.input((0, 1, EDGE))(True)
    for off, on in (
        (lambda: bench.set_d("CTLR", 0), lambda: bench.set_d("CTLR", 2)),
        (lambda: bench.write("IGRPEN1_EL1", 0), lambda: bench.write("IGRPEN1_EL1", 1)),
    ):
        off()
        assert (bench.irq, bench.ack()) == (False, SPURIOUS)
        on()
        assert bench.irq
