"""From a tree to a machine: what is built, how it is wired, and what a bad board is told."""

from __future__ import annotations

from errno import ENOMEM
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import numpy as np
import pytest

from devices.catalogue import models
from soc.board import Machine
from soc.device import Model, Slot
from soc.devicetree.tree import load_board
from soc.errors import BadInput
from soc.iommu.port import DmaAbort
from soc.irq import IrqLine
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.views import DramView, SnoopingView
from soc.memory.rows import Rows
from soc.memory.span import PageSpan
from soc.processor import StopReason
from soc.registers import Register, RegisterTable

REHEARSAL = Path(__file__).parents[1] / "configs/boards/rehearsal.yaml"

BUILT: list[str] = []


class Registers:
    def read(self, offset: int, size: int) -> int:
        return offset

    def write(self, offset: int, size: int, value: int) -> None:
        pass


class Part:
    """A model with `windows` register blocks that notes when it is built."""

    compatible: ClassVar[tuple[str, ...]] = ("test,part",)
    tables: ClassVar[tuple[()]] = ()
    dma: ClassVar[bool] = False
    windows: ClassVar[int] = 1

    def __init__(self, slot: Slot) -> None:
        BUILT.append(slot.node.name)
        self.slot = slot
        self.targets = tuple(Registers() for _ in range(self.windows))


class TwoWindows(Part):
    windows = 2


class Small(Part):
    """Its registers take 32 bytes."""

    tables = (RegisterTable("small", 0x20, "this file", [Register(0x1C, "LAST", "rw", "the last")]),)


class Controller(Part):
    """Interrupt lines that are an even number."""

    windows = 0

    def __init__(self, slot: Slot) -> None:
        super().__init__(slot)
        self.cpu_irq = IrqLine("cpu")

    def input(self, specifier: tuple[int, ...]):
        if specifier[0] % 2:
            raise ValueError("only even lines lead anywhere")
        return lambda level: self.cpu_irq.set(level)


class Iommu(Part):
    windows = 0

    def translate(
        self,
        stream: int,
        iova: int,
        size: int,
        write: bool,
        substream: int | None = None,
        privileged: bool = False,
        rows: Rows | None = None,
    ) -> PageSpan:
        return PageSpan.linear(iova + 0x1000 * stream, size)

    def peek(self, stream: int, iova: int, size: int, substream: int | None = None) -> PageSpan:
        return self.translate(stream, iova, size, False)


class Mover(Part):
    """It moves data."""

    dma = True


CATALOGUE: dict[str, type[Model]] = {
    "test,part": Part,
    "test,two": TwoWindows,
    "test,small": Small,
    "test,intc": Controller,
    "test,iommu": Iommu,
    "test,mover": Mover,
}

BOARD = """\
'#address-cells': 2
'#size-cells': 2
memory@80000000: {device_type: memory, reg: [[0x80000000, 64K]]}
soc:
  compatible: simple-bus
  '#address-cells': 2
  '#size-cells': 2
  ranges: true
"""


@pytest.fixture
def build(tmp_path):
    """A machine from lines under `soc`."""
    BUILT.clear()
    machines = []

    def build(text: str) -> Machine:
        file = tmp_path / "board.yaml"
        lines = "".join(f"  {line}\n" for line in dedent(text).splitlines())
        file.write_text(BOARD + lines, encoding="utf-8")
        machines.append(Machine(load_board(file), CATALOGUE))
        return machines[-1]

    yield build
    for machine in machines:
        machine.close()


def complaint(build, text: str) -> str:
    with pytest.raises(BadInput) as caught:
        build(text)
    assert caught.value.where is not None
    return f"{caught.value.where.line}: {caught.value.problem}"


def test_iommus_come_first_then_interrupt_controllers_then_the_rest(build):
    machine = build("""\
        b@2000: {compatible: test,part, reg: [[0x2000, 16]], iommus: [["&mmu", 3]]}
        a@1000: {compatible: [test,unknown, test,part], reg: [[0x1000, 16]]}
        off@5000: {compatible: test,part, reg: [[0x5000, 16]], status: disabled}
        other@6000: {compatible: test,unknown, reg: [[0x6000, 16]]}
        intc: &intc {compatible: test,intc, interrupt-controller: true, '#interrupt-cells': 1}
        mmu: &mmu {compatible: test,iommu, '#iommu-cells': 1}
        """)
    assert BUILT == ["mmu", "intc", "b@2000", "a@1000"]
    assert [window.name for window in machine.bus.windows] == ["a@1000", "b@2000"]
    assert machine.bus.master("cpu").read(0x2004, 4) == 4
    part = machine.model("/soc/b@2000")
    assert isinstance(part, Part)
    assert part.slot.dma.span(0x8000_0000, 4, False).address == 0x8000_3000
    alone = machine.model("/soc/a@1000")
    assert isinstance(alone, Part)
    assert alone.slot.dma.iommu is None
    assert [type(model) for model in machine.models.values()] == [Iommu, Controller, Part, Part]
    with pytest.raises(BadInput, match="the board has no modelled node '/soc/other@6000'"):
        machine.model("/soc/other@6000")


def test_interrupts_go_where_the_tree_says_by_name(build):
    machine = build("""\
        intc: &intc {compatible: test,intc, interrupt-controller: true, '#interrupt-cells': 1}
        a@1000:
          compatible: test,part
          reg: [[0x1000, 16]]
          interrupt-parent: *intc
          interrupts: [[2], [4]]
          interrupt-names: [done, error]
        """)
    part, controller = machine.model("/soc/a@1000"), machine.model("/soc/intc")
    assert isinstance(part, Part)
    assert isinstance(controller, Controller)
    assert [line.name for line in part.slot.irqs] == ["a@1000.0", "a@1000.1"]
    assert part.slot.irq("error") is part.slot.irqs[1]
    part.slot.irq("error").set(True)
    assert controller.cpu_irq.level
    nowhere = part.slot.irq("missing")
    assert nowhere.name == "a@1000.missing (not connected)"
    nowhere.pulse()


def test_what_a_bad_board_is_told(build):
    assert complaint(build, "a@1000: {compatible: test,two, reg: [[0x1000, 16]]}") == (
        "9: /soc/a@1000: its model needs 2 reg entries, it has 1"
    )
    text = """\
        mmu: &mmu {compatible: test,unknown, '#iommu-cells': 1}
        a@1000: {compatible: test,part, reg: [[0x1000, 16]], iommus: [[*mmu, 3]]}
        """
    assert complaint(build, text) == "10: /soc/a@1000: iommus names /soc/mmu, which has no model"
    text = """\
        intc: &intc {compatible: test,KIND, interrupt-controller: true, '#interrupt-cells': 1}
        a@1000: {compatible: test,part, reg: [[0x1000, 16]], interrupt-parent: *intc, interrupts: [[3]]}
        """
    assert complaint(build, text.replace("KIND", "unknown")) == (
        "10: /soc/a@1000: /soc/intc is not a modelled interrupt controller"
    )
    assert complaint(build, text.replace("KIND", "intc")) == (
        "10: /soc/a@1000: interrupt [3]: only even lines lead anywhere"
    )


def test_a_window_must_hold_its_registers(build):
    assert build("a@1000: {compatible: test,small, reg: [[0x1000, 32]]}").models
    assert complaint(build, "a@1000: {compatible: test,small, reg: [[0x1000, 16]]}") == (
        "9: reg of /soc/a@1000 is 16 B, its registers need 32 B"
    )


def test_two_models_cannot_answer_at_one_address(build):
    text = """\
        a@1000:
          compatible: ["test,part", simple-bus]
          reg: [[0x1000, 32]]
          ranges: true
          b@1010: {compatible: test,part, reg: [[0x1010, 16]]}
        """
    assert complaint(build, text) == "13: /soc/a@1000/b@1010: b@1010 overlaps a@1000"


def test_memory_that_the_host_does_not_give(tmp_path, monkeypatch):
    def refuse(descriptor: int, size: int) -> None:
        raise OSError(ENOMEM, "Cannot allocate memory")

    file = tmp_path / "board.yaml"
    file.write_text(BOARD.replace("64K", "2G"), encoding="utf-8")
    monkeypatch.setattr("os.ftruncate", refuse)
    with pytest.raises(BadInput) as caught:
        Machine(load_board(file), {})
    assert str(caught.value) == (
        f"{file}:3: /memory@80000000: this host cannot give 2 GiB of DRAM: Cannot allocate memory"
    )


def test_remarks_of_the_hardware_carry_time_and_name(build):
    machine = build("a@1000: {compatible: test,part, reg: [[0x1000, 16]]}")
    machine.clock.advance(1_234_567_000)
    part = machine.model("/soc/a@1000")
    assert isinstance(part, Part)
    part.slot.log("hello")
    assert machine.log == ["[    1.234567] a@1000: hello"]


# --- running ----------------------------------------------------------------


class Sleeper:
    """A processor that only waits, or stops at its third turn."""

    def __init__(self, machine: Machine, stop_at: int = -1) -> None:
        self.machine = machine
        self.stop_at = stop_at
        self.turns: list[int] = []

    def set_irq(self, level: bool) -> None:
        pass

    def run(self, until: int) -> StopReason | None:
        self.turns.append(until)
        self.machine.clock.advance(until)
        return StopReason.POWER_OFF if len(self.turns) == self.stop_at else None


def test_a_run_goes_from_event_to_event(build):
    machine, ran = build("a@1000: {compatible: test,part, reg: [[0x1000, 16]]}"), []
    with pytest.raises(RuntimeError, match="the machine has no processor"):
        machine.run(10, lambda: False)
    processor = Sleeper(machine)
    machine.attach_processor(processor)
    for when in (0, 30, 10, 100):
        machine.clock.at(when, lambda when=when: ran.append((when, machine.clock.now)))
    assert machine.run(50, lambda: False) is None
    assert processor.turns == [10, 30, 50]
    assert ran == [(0, 0), (10, 10), (30, 30)]
    assert machine.clock.now == 50


def test_a_run_ends_when_told_or_when_the_processor_stops(build):
    machine = build("a@1000: {compatible: test,part, reg: [[0x1000, 16]]}")
    machine.attach_processor(Sleeper(machine, stop_at=2))
    machine.clock.at(10, lambda: None)
    assert machine.run(50, lambda: machine.clock.now >= 10) is None
    assert machine.clock.now == 10
    assert machine.run(50, lambda: False) is StopReason.POWER_OFF


def test_the_rehearsal_board():
    machine = Machine(load_board(REHEARSAL), models())
    assert [(bank.base, bank.size) for bank in machine.dram.banks] == [(0x8000_0000, 1 << 30)]
    assert [window.name for window in machine.bus.windows] == [
        "iommu@2b400000",
        "serial@30860000",
        "dma-controller@30bd0000",
        "lcdif@32e00000",
        "camera@32e20000",
        "interrupt-controller@38801000",
        "interrupt-controller@38801000",
    ]
    ports = {path.rsplit("/", 1)[1]: machine._slots[path].dma for path in machine.models}
    assert {name: port.stream for name, port in ports.items() if port.iommu} == {
        "lcdif@32e00000": 0x10,
        "camera@32e20000": 0x11,
        "dma-controller@30bd0000": 0x12,
    }
    assert machine.log == []
    machine.close()


# --- caches ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "views"),
    [
        ("a@1000: {compatible: test,mover, reg: [[0x1000, 16]]}", {"a@1000": DramView}),
        ("a@1000: {compatible: test,mover, reg: [[0x1000, 16]], dma-coherent: true}", {}),
        ("a@1000: {compatible: test,part, reg: [[0x1000, 16]]}", {}),
        ("dma-coherent: true\na@1000: {compatible: test,mover, reg: [[0x1000, 16]]}", {}),
        (
            "dma-coherent: true\n"
            "a@1000: {compatible: test,mover, reg: [[0x1000, 16]], dma-noncoherent: true}\n"
            "b@2000: {compatible: test,mover, reg: [[0x2000, 16]]}",
            {"a@1000": DramView, "b@2000": SnoopingView},
        ),
    ],
)
def test_masters_that_are_not_coherent_see_dram_past_the_cache(build, lines, views):
    machine = build(lines)
    cache = machine.add_cache(CpuCache)
    assert (cache is not None) is bool(views)
    assert machine.cache is cache
    for name, kind in views.items():
        assert type(machine.bus.master(name).memory) is kind


def test_the_cpu_goes_on_seeing_its_line(build):
    machine = build("a@1000: {compatible: test,mover, reg: [[0x1000, 16]]}")
    assert machine.add_cache(CpuCache) is not None
    data = np.full(64, 7, dtype=np.uint8)
    machine.bus.master("a@1000").write_span(PageSpan.linear(0x8000_0000, 64), data)
    assert not machine.dram.view(0x8000_0000, 64).any()


def test_a_port_without_an_iommu_follows_the_dma_ranges_above_it(build):
    machine = build(
        "dma-ranges: [[0x0, 0x80000000, 64K]]\n"
        "a@1000: {compatible: test,mover, reg: [[0x1000, 16]]}\n"
        "m: &mmu {compatible: test,iommu, '#iommu-cells': 1}\n"
        'b@2000: {compatible: test,mover, reg: [[0x2000, 16]], iommus: [["&mmu", 0]]}'
    )
    ports = {path.rsplit("/", 1)[1]: machine._slots[path].dma for path in machine.models}
    assert ports["a@1000"].span(0x1234, 4, write=False).address == 0x8000_1234
    with pytest.raises(DmaAbort, match="no dma-ranges window leads there"):
        ports["a@1000"].span(0x8000_1234, 4, write=False)
    assert ports["b@2000"].span(0x1234, 4, write=False).address == 0x1234


def test_more_dram_than_this_host_could_keep_books_of_is_refused(tmp_path):
    file = tmp_path / "board.yaml"
    file.write_text(BOARD.replace("64K", "512G"), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        Machine(load_board(file), CATALOGUE)
    assert str(caught.value) == (f"{file}:3: the board has 512 GiB of DRAM, a machine can have 64 GiB")
