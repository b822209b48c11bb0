"""Changed code is stale until IC says so, and not after (Arm ARM B2.7.4)."""

from __future__ import annotations

import numpy as np
import pytest

from soc.cpu import StopReason
from soc.memory.span import PageSpan
from tests.cpu.guest import DEVICE, GuestMachine

MOV_X1_2 = 0xD280_0041


def change_by_dma(machine: GuestMachine) -> None:
    """A write to the device makes patch_me return 2, as a DMA engine would: behind the CPU's back."""

    def patch(offset: int, value: int) -> None:
        code = np.array([MOV_X1_2], dtype="<u4").view(np.uint8)
        machine.bus.master("engine").write_span(PageSpan.linear(machine.label("patch_me"), code.size), code)

    machine.device.on_write = patch


@pytest.mark.parametrize(("way", "last"), [(0, 2), (1, 2), (2, 1)], ids=["ivau", "iallu", "nothing"])
def test_code_written_by_dma_needs_ic(machine: GuestMachine, way: int, last: int) -> None:
    change_by_dma(machine)
    machine.start("changed_code", x0=way, x9=DEVICE)
    assert machine.run() is StopReason.WFI
    assert [machine.x(10), machine.x(11), machine.x(12)] == [1, 1, last]


def test_code_written_by_the_guest(machine: GuestMachine) -> None:
    machine.start("own_code")
    assert machine.run() is StopReason.WFI
    assert [machine.x(10), machine.x(12)] == [1, 2]


def test_loading_an_image_again_takes_effect(machine: GuestMachine) -> None:
    machine.start("changed_code", x0=2, x9=DEVICE)
    change_by_dma(machine)
    machine.run()
    machine.cpu.load(machine.image)
    machine.start("changed_code", x0=2, x9=DEVICE)
    machine.device.on_write = lambda offset, value: None
    machine.run()
    assert [machine.x(10), machine.x(12)] == [1, 1]
