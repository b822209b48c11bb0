"""Clock, watchdog, RTC, GPIO and power nodes on one board, built and run as a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devices.catalogue import models
from devices.pl031.hardware import EPOCH
from soc.board import Machine
from soc.clock import SECOND
from soc.devicetree.tree import load_board
from soc.errors import BadInput
from soc.processor import StopReason

BOARD = """\
'#address-cells': 2
'#size-cells': 2
interrupt-parent: "&gic"
memory@40000000: {device_type: memory, reg: [[0x40000000, 64K]]}

# Users come before what they use, and have no registers of their own.
reboot: {compatible: syscon-reboot, regmap: "&sys", offset: 0x4, value: 0x7777}
poweroff: {compatible: syscon-poweroff, regmap: "&sys", offset: 0x4, value: 0x5555}
button: {compatible: gpio-poweroff, gpios: [["&gpio", 3, 0]]}

soc:
  compatible: simple-bus
  '#address-cells': 2
  '#size-cells': 2
  ranges: true
  watchdog@9020000:
    compatible: [arm,sp805, arm,primecell]
    reg: [[0x9020000, 0x1000]]
    interrupts: [[spi, 3, level-high]]
    clocks: ["&clock", "&clock"]
    clock-names: [wdog_clk, apb_pclk]
  rtc@9010000:
    compatible: [arm,pl031, arm,primecell]
    reg: [[0x9010000, 0x1000]]
    interrupts: [[spi, 2, level-high]]
  gpio@9030000: &gpio
    compatible: [arm,pl061, arm,primecell]
    reg: [[0x9030000, 0x1000]]
    interrupts: [[spi, 7, level-high]]
    gpio-controller: true
    '#gpio-cells': 2
    interrupt-controller: true
    '#interrupt-cells': 2
  syscon@9080000: &sys {compatible: [syscon, simple-mfd], reg: [[0x9080000, 0x1000]]}
  interrupt-controller@8000000: &gic
    compatible: arm,gic-400
    reg: [[0x8000000, 0x1000], [0x8010000, 0x2000]]
    interrupt-controller: true
    '#interrupt-cells': 3

clock: &clock {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 1000000}
"""
RTC, WATCHDOG, GPIO, SYSCON, PENDING = 0x901_0000, 0x902_0000, 0x903_0000, 0x908_0000, 0x800_0204


class Sleeper:
    """A processor that acts once, at its start, and then waits."""

    def __init__(self, machine: Machine, act: Callable[[], None]) -> None:
        self.machine = machine
        self.act: Callable[[], None] | None = act

    def set_irq(self, level: bool) -> None:
        pass

    def run(self, until: int) -> StopReason | None:
        if self.act:
            self.act()
            self.act = None
        else:
            self.machine.clock.advance(until)
        return None


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "board.yaml").write_text(BOARD, encoding="utf-8")
    machine = Machine(load_board(tmp_path / "board.yaml"), models())
    yield machine
    machine.close()


def run(machine: Machine, *writes: tuple[int, int]) -> StopReason | None:
    """What ends ten seconds that begin with these writes."""
    cpu = machine.bus.master("cpu")

    def act() -> None:
        for address, value in writes:
            cpu.write(address, 4, value)

    machine.attach_processor(Sleeper(machine, act))
    return machine.run(10 * SECOND, lambda: False)


def test_every_node_has_its_model_with_registers_or_without(machine: Machine) -> None:
    assert {path.rsplit("/", 1)[1]: type(model).__name__ for path, model in machine.models.items()} == {
        "reboot": "SysconReboot",
        "poweroff": "SysconPoweroff",
        "button": "GpioPoweroff",
        "watchdog@9020000": "Sp805",
        "rtc@9010000": "Pl031",
        "gpio@9030000": "Pl061",
        "syscon@9080000": "Syscon",
        "interrupt-controller@8000000": "Gic400",
        "clock": "FixedClock",
    }
    assert len(machine.bus.windows) == 6
    assert machine.log == []


def test_a_board_that_is_left_alone_runs_on(machine: Machine) -> None:
    assert run(machine) is None
    assert (machine.clock.now, machine.log) == (10 * SECOND, [])


def test_a_watchdog_that_nobody_answers_resets_the_board(machine: Machine) -> None:
    assert run(machine, (WATCHDOG, 1_499_999), (WATCHDOG + 8, 3)) is StopReason.RESET
    assert machine.clock.now == 3 * SECOND - 1000  # 1.5 s twice, the first without the cycle at zero
    assert machine.log == [
        "[    2.999999] watchdog@9020000: sp805: nobody answered its interrupt in time: reset"
    ]
    assert machine.bus.master("cpu").read(PENDING, 4) == 1 << 3


@pytest.mark.parametrize(
    ("value", "reason", "remark"),
    [
        (0x5555, StopReason.POWER_OFF, ["[    0.000000] poweroff: its word is 0x5555: power off"]),
        (0x7777, StopReason.RESET, ["[    0.000000] reboot: its word is 0x7777: reset"]),
        (0x6666, None, []),
    ],
)
def test_a_word_of_the_syscon_ends_the_run(
    machine: Machine, value: int, reason: StopReason | None, remark: list[str]
) -> None:
    assert run(machine, (SYSCON + 4, value)) is reason
    assert machine.log == remark


def test_a_pin_ends_the_run(machine: Machine) -> None:
    assert run(machine, (GPIO + 0x400, 0x08), (GPIO + 0x20, 0x08)) is StopReason.POWER_OFF
    assert machine.log == ["[    0.001000] button: pin 3 of /soc/gpio@9030000 is high: power off"]


def test_the_alarm_reaches_the_interrupt_controller(machine: Machine) -> None:
    assert run(machine, (RTC + 0x10, 1), (RTC + 4, EPOCH + 9)) is None
    assert machine.bus.master("cpu").read(PENDING, 4) == 1 << 2


def test_an_interrupt_into_the_gpio_block_is_refused(tmp_path: Path) -> None:
    user = (
        "key: {compatible: fixed-clock, clock-frequency: 1, interrupt-parent: *gpio, interrupts: [[3, 1]]}\n"
    )
    (tmp_path / "board.yaml").write_text(BOARD + user, encoding="utf-8")
    with pytest.raises(BadInput, match=": /key: /soc/gpio@9030000 is not a modelled interrupt controller$"):
        Machine(load_board(tmp_path / "board.yaml"), models())
