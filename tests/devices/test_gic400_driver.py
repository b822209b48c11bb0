"""The kernel's irqchip on a GIC-400 model, through registers only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from devices.gic400.driver import Gic400 as Gic400Driver
from soc.kernel.device import Device
from soc.kernel.errors import KernelError
from tests.devices.gic400_bench import EDGE, LEVEL, Bench


def driver_on(bench: Bench) -> tuple[Gic400Driver, list[object]]:
    """The driver, not yet probed, and the irqchips it registers."""
    chips: list[object] = []
    kernel = SimpleNamespace(cpu=bench.cpu, set_irqchip=chips.append)
    return Gic400Driver(Device(cast(Any, kernel), bench.node)), chips


def test_the_driver_takes_over_a_controller_left_in_any_state() -> None:
    bench = Bench().start()
    bench.edge(50)
    bench.pend(50)
    bench.c("IAR")
    driver, chips = driver_on(bench)
    driver.probe()
    assert chips == [driver]
    assert [bench.d("ISENABLER", i) for i in range(5)] == [0xFFFF, 0, 0, 0, 0]
    assert [bench.d("ISACTIVER", i) for i in range(5)] == [0] * 5
    assert bench.d("ICFGR", 3) == 0x5555_5555
    assert {bench.d("IPRIORITYR", i) for i in range(40)} == {0xA0A0_A0A0}
    assert (bench.d("CTLR"), bench.c("CTLR"), bench.c("PMR"), bench.c("RPR")) == (1, 1, 0xF0, 0xFF)


def test_the_driver_dispatches_until_nothing_is_signalled() -> None:
    bench = Bench()
    driver, _ = driver_on(bench)
    driver.probe()
    edge, level, masked = (0, 9, EDGE), (0, 1, LEVEL), (0, 2, LEVEL)
    sinks = [bench.gic.input(specifier) for specifier in (edge, level, masked)]
    driver.enable(edge)
    driver.enable(level)
    driver.enable(masked)
    driver.disable(masked)
    assert [driver.hwirq(edge), driver.hwirq(level), driver.hwirq((1, 11, 8))] == [41, 33, 27]
    sinks[0](True)
    sinks[0](False)
    sinks[1](True)
    sinks[2](True)
    handled = []

    def dispatch(hwirq: int) -> None:
        handled.append((hwirq, bench.c("RPR")))
        if hwirq == 33 and len(handled) == 2:
            sinks[1](False)

    driver.handle(dispatch)
    assert handled == [(33, 0xA0), (33, 0xA0), (41, 0xA0)]
    assert (bench.irq, bench.c("RPR"), bench.log) == (False, 0xFF, [])


@pytest.mark.parametrize(
    ("specifier", "message"),
    [
        ((0, 1, 8), "-EINVAL: 8000000.interrupt-controller: interrupt (0, 1, 8) asks for trigger 8"),
        ((0, 128, 4), "-EINVAL: 8000000.interrupt-controller: no interrupt (0, 128, 4)"),
        ((1, 16, 4), "-EINVAL: 8000000.interrupt-controller: no interrupt (1, 16, 4)"),
        ((0, 1), "-EINVAL: 8000000.interrupt-controller: no interrupt (0, 1)"),
    ],
)
def test_the_driver_refuses_what_the_controller_cannot_do(specifier: tuple[int, ...], message: str) -> None:
    driver, _ = driver_on(Bench())
    driver.probe()
    with pytest.raises(KernelError) as caught:
        driver.enable(specifier)
    assert str(caught.value) == message


def test_the_driver_refuses_another_architecture() -> None:
    bench = Bench()
    bench.gic.distributor.regs.set("PIDR2", 0x3B)
    driver, chips = driver_on(bench)
    with pytest.raises(KernelError) as caught:
        driver.probe()
    assert str(caught.value) == "-ENODEV: 8000000.interrupt-controller: architecture version 3 is not GICv2"
    assert chips == []


def test_remove_leaves_the_controller_off() -> None:
    bench = Bench()
    driver, _ = driver_on(bench)
    driver.probe()
    driver.enable((0, 1, LEVEL))
    bench.gic.input((0, 1, LEVEL))(True)
    assert bench.irq
    driver.remove()
    assert (bench.irq, bench.d("CTLR"), bench.c("CTLR")) == (False, 0, 0)
