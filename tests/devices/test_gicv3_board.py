"""GICv3 on a board: its node, the lines of other nodes, and nodes that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.catalogue import models
from devices.gicv3.hardware import Gicv3
from soc.address import PhysAddr
from soc.board import Machine
from soc.devicetree import yaml_source
from soc.devicetree.tree import Tree
from soc.errors import BadInput

BOARD = Path("board.yaml")
NODES = """\
'#address-cells': 2
'#size-cells': 2
interrupt-parent: "&gic"
memory@40000000: {device_type: memory, reg: [[0x40000000, 1M]]}
interrupt-controller@8000000: &gic
  compatible: arm,gic-v3
  reg: [REG]
  interrupt-controller: true
  '#interrupt-cells': 3
serial@9000000:
  compatible: arm,pl011
  reg: [[0x9000000, 0x1000]]
  interrupts: [[spi, NUMBER, level-high]]
"""
FRAMES = "[0x8000000, 0x10000], [0x80a0000, 0x20000]"
LEGACY = "[0x8010000, 0x10000], [0x8030000, 0x10000], [0x8040000, 0x10000]"


def machine(reg: str = FRAMES, number: int = 1) -> Machine:
    text = NODES.replace("REG", reg).replace("NUMBER", str(number))
    return Machine(Tree(BOARD, yaml_source.parse(BOARD, text)), models())


@pytest.mark.parametrize("reg", [FRAMES, f"{FRAMES}, {LEGACY}"], ids=["two frames", "with the legacy ones"])
def test_a_device_reaches_the_cpu_through_it(reg: str) -> None:
    board = machine(reg)
    cpu = board.bus.master("cpu")
    gic = board.model("gic")
    assert isinstance(gic, Gicv3)
    writes = [(0x8000000, 2), (0x8000084, 2), (0x8000104, 2), (0x80A0014, 0)]
    writes += [(0x9000030, 0x301), (0x9000038, 0x20), (0x9000000, 0x41)]
    for place, value in writes:
        cpu.write(PhysAddr(place), 4, value)
    registers = gic.cpu_registers
    for key, value in (((3, 0, 4, 6, 0), 0xF0), ((3, 0, 12, 12, 7), 1)):
        write = registers[key].write
        assert write
        write(value)
    acknowledge = registers[(3, 0, 12, 12, 0)].read
    assert acknowledge
    assert (gic.cpu_irq.level, acknowledge()) == (True, 33)


@pytest.mark.parametrize(
    ("reg", "number", "message"),
    [
        (FRAMES, 224, r"/serial@9000000: interrupt \[0, 224, 4\]: SPI number must be 0\.\.223, not 224$"),
        ("[0x8000000, 0x10000]", 1, r"its model needs 2 reg entries, it has 1$"),
        (FRAMES.replace("0x20000", "0x10000"), 1, r"is 64 KiB, its registers need 128 KiB$"),
    ],
)
def test_a_wrong_node_is_refused(reg: str, number: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        machine(reg, number)
