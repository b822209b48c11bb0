"""Changed code is stale until IC says so, and not after (Arm ARM B2.7.4)."""

from __future__ import annotations

import numpy as np
import pytest

from soc.cpu import Image, StopReason
from soc.cpu.code_cache import CACHE_LINE, VirtualLines
from soc.memory.span import PageSpan
from tests.cpu.guest import BASE, DATA_ALIAS, DEVICE, EXECUTABLE_ALIAS, HOLE, USER, GuestMachine

MOV_X1_2 = 0xD280_0041
NOWHERE = 0x10_0000_0000
IVAU, IALLU, NOTHING, IALLUIS = range(4)
"""How the program `changed_code` forgets, by its x0."""


def change_by_dma(machine: GuestMachine, name: str = "patch_me", word: int = MOV_X1_2) -> None:
    """A write to the device changes an instruction, as a DMA engine would: behind the CPU's back."""

    def patch(offset: int, value: int) -> None:
        code = np.array([word], dtype="<u4").view(np.uint8)
        machine.bus.master("engine").write_span(PageSpan.linear(machine.label(name), code.size), code)

    machine.device.on_write = patch


@pytest.mark.parametrize("mmu", [False, True], ids=["MMU off", "MMU on"])
@pytest.mark.parametrize(
    ("way", "last"),
    [(IVAU, 2), (IALLU, 2), (IALLUIS, 2), (NOTHING, 1)],
    ids=["ivau", "iallu", "ialluis", "nothing"],
)
def test_code_written_by_dma_needs_ic(machine: GuestMachine, mmu: bool, way: int, last: int) -> None:
    change_by_dma(machine)
    (machine.start_with_mmu if mmu else machine.start)("changed_code", x0=way, x9=DEVICE)
    assert machine.run() is StopReason.WFI
    assert [machine.x(10), machine.x(11), machine.x(12)] == [1, 1, last]


ALIASES = {"itself": 0, "executable": EXECUTABLE_ALIAS - BASE, "never executable": DATA_ALIAS - BASE}


@pytest.mark.parametrize("called", ["itself", "executable"])
@pytest.mark.parametrize("forgotten", ALIASES)
def test_ic_by_any_alias_of_the_page(machine: GuestMachine, called: str, forgotten: str) -> None:
    """The instruction cache is physically tagged."""
    change_by_dma(machine)
    code = machine.label("patch_me")
    x5, x6 = code + ALIASES[forgotten] + 60, code + ALIASES[called]
    machine.start_with_mmu("changed_at", x5=x5, x6=x6, x9=DEVICE)
    assert machine.run() is StopReason.WFI
    assert [machine.x(10), machine.x(11), machine.x(12)] == [1, 1, 2]


def test_ic_of_another_line_leaves_the_code_stale(machine: GuestMachine) -> None:
    change_by_dma(machine)
    code = machine.label("patch_me")
    machine.start_with_mmu("changed_at", x5=code + 64, x6=code, x9=DEVICE)
    assert machine.run() is StopReason.WFI
    assert [machine.x(10), machine.x(11), machine.x(12)] == [1, 1, 1]


def test_ic_of_the_line_that_is_running(machine: GuestMachine) -> None:
    """A loop in one line with its IC; after the first round a device changes the first instruction."""
    machine.bus.writers.add("engine")
    change_by_dma(machine, "change_what_follows_here")
    machine.start("change_what_follows", x9=DEVICE)
    assert machine.run() is StopReason.WFI
    assert machine.x(10) == 1 + 2 + 2


UNFETCHABLE = {
    "never executable": BASE + 0x10_0000,
    "of EL0": USER,
    "not mapped": NOWHERE,
    "a device": DEVICE,
    "a hole": HOLE,
    "no address": (1 << 63) + 64,
}


@pytest.mark.parametrize("address", UNFETCHABLE.values(), ids=UNFETCHABLE)
@pytest.mark.parametrize("mmu", [False, True], ids=["MMU off", "MMU on"])
def test_ic_where_a_fetch_would_fault_leaves_no_fault_behind(
    machine: GuestMachine, mmu: bool, address: int
) -> None:
    """The engine keeps the fault of a look-up that failed, and takes it when it is next left."""
    machine.bus.writers.add("engine")
    (machine.start_with_mmu if mmu else machine.start)("forget_and_count", x0=500, x5=address)
    while machine.run(100) is StopReason.TIME:
        pass
    assert (machine.x(1), machine.x(20), machine.cpu.exceptions) == (500, 0, ())


def test_without_asking_first_a_fault_is_left_behind(
    programs: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(lines: VirtualLines, address: int) -> bool:
        lines._engine.forget_code(address, CACHE_LINE)
        return True

    monkeypatch.setattr(VirtualLines, "forget", forget)
    machine = GuestMachine(programs, "portable")
    machine.start_with_mmu("forget_and_count", x0=500, x5=BASE + 0x10_0000)
    machine.run(100)
    assert len(machine.cpu.exceptions) == 1
    machine.close()


def test_code_written_by_the_guest(machine: GuestMachine) -> None:
    machine.start("own_code")
    assert machine.run() is StopReason.WFI
    assert [machine.x(10), machine.x(12)] == [1, 2]


def test_loading_an_image_again_takes_effect(machine: GuestMachine) -> None:
    machine.start("changed_code", x0=NOTHING, x9=DEVICE)
    change_by_dma(machine)
    machine.run()
    machine.cpu.load(machine.image)
    machine.start("changed_code", x0=NOTHING, x9=DEVICE)
    machine.device.on_write = lambda offset, value: None
    machine.run()
    assert [machine.x(10), machine.x(12)] == [1, 1]
