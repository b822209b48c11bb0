"""A core as the board describes it: which core, by which call PSCI answers, whether time counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from devices.catalogue import models
from soc.address import PhysAddr
from soc.board import Machine
from soc.cpu import StopReason, flat_image
from soc.cpu.psci import SYSTEM_OFF
from soc.devicetree.tree import load_board
from soc.errors import BadInput
from soc.guest import CORE_MODELS, Guest

BOARD = Path(__file__).parents[1] / "configs/boards/rehearsal.yaml"
BASE = PhysAddr(0x8020_0000)

HVC, SMC, WFI, HERE = 0xD400_0002, 0xD400_0003, 0xD503_207F, 0x1400_0000
READ_X1_CNTFRQ, READ_X2_CNTVCT = 0xD53B_E001, 0xD53B_E042
WRITE_CNTV_CVAL_X3, WRITE_CNTV_CTL_X4 = 0xD51B_E343, 0xD51B_E324
COUNT = (READ_X1_CNTFRQ, READ_X2_CNTVCT, WRITE_CNTV_CVAL_X3, WRITE_CNTV_CTL_X4, WFI, HERE)

Change = Callable[[str], str]


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Callable[..., Guest]]:
    """A guest on a variant of the rehearsal board with these words as its program, x0.. as given."""
    machines: list[Machine] = []

    def build(change: Change, words: tuple[int, ...] = (HERE,), *arguments: int) -> Guest:
        board = tmp_path / "board.yaml"
        board.write_text(change(BOARD.read_text(encoding="utf-8")), encoding="utf-8")
        machines.append(Machine(load_board(board), models()))
        image = flat_image(np.array(words, dtype="<u4").tobytes(), BASE)
        return Guest(machines[-1], image, arguments)

    yield build
    for machine in machines:
        machine.close()


def off(node: str) -> Change:
    """The board with the node switched off."""
    return lambda text: text.replace(f"{node}:\n", f"{node}:\n    status: disabled\n", 1)


def conduit(method: str, compatible: str = "arm,psci-1.0") -> Change:
    was = "compatible: arm,psci-1.0\n  method: hvc"
    return lambda text: text.replace(was, f"compatible: {compatible}\n  method: {method}")


@pytest.mark.parametrize("compatible", ["arm,psci-1.0", "arm,psci-0.2"])
@pytest.mark.parametrize(("method", "call"), [("hvc", HVC), ("smc", SMC)])
def test_psci_answers_by_its_method(guest, method: str, call: int, compatible: str) -> None:
    built = guest(conduit(method, compatible), (call, HERE), SYSTEM_OFF)
    assert built.run(1000) is StopReason.POWER_OFF


@pytest.mark.parametrize(
    ("change", "call"),
    [
        (conduit("smc"), HVC),
        (conduit("hvc"), SMC),
        (conduit("hvc", "arm,psci"), HVC),
        (lambda text: text.replace("psci:\n  comp", "psci:\n  status: disabled\n  comp"), HVC),
    ],
)
def test_a_call_that_the_board_does_not_offer_is_undefined(guest, change: Change, call: int) -> None:
    """Without vectors the exception goes to address 0x200, where nothing is."""
    built = guest(change, (call, HERE), SYSTEM_OFF)
    assert built.run(1000) is None
    assert built.cpu.pc == 0x200


def test_a_psci_method_that_does_not_exist(guest) -> None:
    with pytest.raises(BadInput, match=r"board.yaml:\d+: method of /psci must be hvc or smc$"):
        guest(conduit("mail"))


@pytest.mark.parametrize(
    "change",
    [off("  cpu@0"), lambda text: text.replace("compatible: arm,cortex-a72", "compatible: arm,cortex-a53")],
)
def test_firmware_needs_a_core(guest, change: Change) -> None:
    with pytest.raises(BadInput) as caught:
        guest(change)
    assert caught.value.problem == "the board has no enabled arm,cortex-a72 to run firmware on"
    assert caught.value.where is not None


def test_the_timer_counts_at_the_frequency_of_its_node(guest) -> None:
    built = guest(
        lambda text: text.replace("clock-frequency: 62500000", "clock-frequency: 500000000"),
        COUNT,
        0,
        0,
        0,
        50,
        1,
    )
    built._machine.run(100, lambda: False)
    assert (built.cpu.x(1), built.cpu.timer.virtual.line.level) == (500_000_000, False)
    built._machine.run(101, lambda: False)
    assert built.cpu.timer.virtual.line.level


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("timer:\n  comp", "timer:\n  status: disabled\n  comp"),
        lambda text: text.replace("clock-frequency: 62500000", "clock-frequency: 0"),
    ],
)
def test_without_a_timer_no_time_is_counted(guest, change: Change) -> None:
    built = guest(change, COUNT, 0, 7, 7, 1, 1)
    built._machine.run(1_000_000, lambda: False)
    assert (built.cpu.x(1), built.cpu.x(2), built.cpu.timer.virtual.line.level) == (0, 0, False)
    assert built._machine.clock.next_event() is None


def test_what_is_modelled_is_what_is_served() -> None:
    assert set(CORE_MODELS) == {"arm,cortex-a72", "arm,armv8-timer", "arm,psci-1.0", "arm,psci-0.2"}
