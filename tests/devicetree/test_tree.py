"""Nodes by path, label and alias; properties by their bindings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.devicetree.cells import BusCells, decode_reg
from soc.devicetree.tree import Reg
from soc.devicetree.values import Number, Property, Row
from soc.errors import BadInput, Where

BOARD = """\
'#address-cells': 2
'#size-cells': 2
interrupt-parent: "&gic"
aliases: {serial0: "&uart", display: /soc/lcdif@1000}
chosen: {stdout-path: serial0:115200n8}
memory@100000000: {device_type: memory, reg: [[0x100000000, 1M]]}
bank@80000000: {device_type: memory, reg: [[0x80000000, 1M], [0x90000000, 2M]]}
memory@a0000000: {status: disabled, reg: [[0xa0000000, 1M]]}
cpus:
  '#address-cells': 1
  '#size-cells': 0
  cpu@0: {device_type: cpu, reg: [[0]]}
soc:
  compatible: simple-bus
  '#address-cells': 1
  '#size-cells': 1
  ranges: [[0, 0x30000000, 64K], [0x80000, 0x500000000, 64K]]
  gic: &gic {'#interrupt-cells': 3}
  mmu: &mmu {'#iommu-cells': 2}
  lcdif@1000: &lcdif
    compatible: [fsl,imx8mm-lcdif, fsl,imx6sx-lcdif]
    reg: [[0x1000, 4K], [0x80000, 64K]]
    interrupts: [[spi, 5, level-high], [ppi, 3, 0xf01]]
    iommus: [[*mmu, 1, 0xff], [*mmu, 2, 0]]
    panel: {width: 1920, labels: [a, b]}
  apb:
    '#address-cells': 2
    ranges: [[0x10_0000_0000, 0x2000, 0x1000]]
    serial@1000000800: &uart
      compatible: arm,pl011
      reg: [[0x1000000800, 256]]
      dma-coherent: true
      interrupts-extended: [[*gic, ppi, 2, edge-rising]]
  off: {status: disabled, child: {compatible: arm,pl011, status: okay}}
"""


@pytest.fixture
def tree(load):
    return load(BOARD)


def test_find(tree):
    uart = tree.find("/soc/apb/serial@1000000800")
    assert uart is not None
    assert uart.path == "/soc/apb/serial@1000000800"
    assert (uart.name, uart.label, uart.where.line) == ("serial@1000000800", "uart", 29)
    for name in ("uart", "&uart", "serial0", "/soc/apb/serial"):
        assert tree.find(name) is uart
    assert tree.find("/") is tree.root
    assert tree.find("/soc/none") is None
    assert tree.find("none") is None


def test_family(tree):
    soc = tree.root.child("soc")
    assert soc.parent is tree.root
    assert soc.child("lcdif") is soc.child("lcdif@1000") is tree.find("lcdif")
    assert soc.child("lcdif@2000") is None
    assert [node.name for node in soc.children] == ["gic", "mmu", "lcdif@1000", "apb", "off"]
    assert next(iter(tree.walk())) is tree.root


def test_aliases_and_stdout(tree):
    assert tree.aliases == {"serial0": tree.find("uart"), "display": tree.find("lcdif")}
    assert tree.stdout is tree.find("uart")


def test_no_stdout(load):
    assert load("model: a\n").stdout is None


def test_memory_is_sorted_and_enabled(tree):
    assert [(bank.base, bank.size, bank.node.name) for bank in tree.memory] == [
        (0x80000000, 1 << 20, "bank@80000000"),
        (0x90000000, 2 << 20, "bank@80000000"),
        (0x100000000, 1 << 20, "memory@100000000"),
    ]


def test_reg_goes_through_every_ranges(tree):
    assert tree.find("lcdif").reg == (Reg(0x30001000, 4096), Reg(0x500000000, 65536))
    assert tree.find("uart").reg == (Reg(0x30002800, 256),)


def test_a_bus_without_ranges_keeps_its_addresses(tree):
    cpu = tree.find("/cpus/cpu@0")
    assert cpu.reg == ()
    assert [entry.address for entry in cpu.bus_reg] == [0]


def test_devices_are_what_has_registers(tree):
    assert [node.name for node in tree.devices] == ["lcdif@1000", "serial@1000000800"]


def test_compatible_finds_enabled_nodes(tree):
    assert tree.compatible("arm,pl011") == [tree.find("uart")]
    assert tree.compatible("fsl,imx6sx-lcdif", "simple-bus") == [tree.find("/soc"), tree.find("lcdif")]
    assert tree.compatible("fsl") == []


def test_a_disabled_parent_disables(tree):
    child = tree.find("/soc/off/child")
    assert child.compatible == ("arm,pl011",)
    assert not child.enabled


@pytest.mark.parametrize(
    ("status", "enabled"), [("okay", True), ("ok", True), ("disabled", False), ("fail-x", False)]
)
def test_status(load, status, enabled):
    assert load(f"a: {{status: {status}}}\n").root.children[0].enabled is enabled


def test_interrupts(tree):
    gic = tree.find("gic")
    found = [(i.controller, i.specifier) for i in tree.find("lcdif").interrupts]
    assert found == [(gic, (0, 5, 4)), (gic, (1, 3, 0xF01))]
    assert [(i.controller, i.specifier) for i in tree.find("uart").interrupts] == [(gic, (1, 2, 1))]


def test_a_controller_above_is_the_interrupt_parent(load):
    """As of_irq_find_parent: the property wins, then the first node above that counts interrupts."""
    tree = load("pic:\n  '#interrupt-cells': 2\n  a: {interrupts: [[7, edge-both]]}\n")
    (interrupt,) = tree.find("/pic/a").interrupts
    assert (interrupt.controller.path, interrupt.specifier) == ("/pic", (7, 3))


def test_phandles(tree):
    first, second = tree.find("lcdif").phandles("iommus", "#iommu-cells")
    assert first.node is second.node is tree.find("mmu")
    assert (first.args, second.args) == ((1, 0xFF), (2, 0))
    assert first.where.line == 24
    assert tree.find("lcdif").phandles("clocks", "#clock-cells") == ()


def test_plain_properties(tree):
    panel = tree.find("/soc/lcdif@1000/panel")
    assert panel.number("width") == 1920
    assert panel.number("height") is None
    assert panel.number("height", 1080) == 1080
    assert panel.strings("labels") == ("a", "b")
    assert panel.strings("none") == ()
    assert tree.find("uart").flag("dma-coherent")
    assert not panel.flag("dma-coherent")
    assert panel.properties["width"].where.line == 25


def test_wrong_type_names_the_place(tree):
    panel = tree.find("/soc/lcdif@1000/panel")
    with pytest.raises(
        BadInput, match=r"board\.yaml:25: width must be a string or a list of strings, not 1920$"
    ):
        panel.strings("width")
    with pytest.raises(
        BadInput, match=r"board\.yaml:25: labels: \['a', 'b'\] stands where a number is needed$"
    ):
        panel.number("labels")


def test_default_cell_counts(load):
    """Two and one without the properties, as the specification says; inherited as Linux does."""
    tree = load("soc: {ranges: true, a: {reg: [[0xffff00000000, 0xffffffff]]}}\n")
    assert tree.find("/soc/a").reg == (Reg(0xFFFF00000000, 0xFFFFFFFF),)


HERE = Where(Path("board.yaml"), 1)


@given(
    address=st.integers(0, 2**70),
    size=st.integers(1, 2**70),
    address_cells=st.integers(0, 4),
    size_cells=st.integers(1, 4),
)
def test_reg_is_exact_or_refused(address, size, address_cells, size_cells):
    """A row is kept exactly when its numbers fit their cells and its end fits the bus."""
    numbers = ([address] if address_cells else []) + [size]
    row = Row(tuple(Number(value, hex(value), HERE) for value in numbers), HERE)
    prop = Property("reg", Row((row,), HERE), HERE)
    start = address if address_cells else 0
    good = (
        start < 2 ** (32 * address_cells)
        and size < 2 ** (32 * size_cells)
        and start + size <= 2 ** (32 * address_cells)
    )
    bus = BusCells("/", address_cells, size_cells)
    if good:
        (entry,) = decode_reg(prop, bus)
        assert (entry.address, entry.size) == (start, size)
    else:
        with pytest.raises(BadInput, match=r"^board\.yaml:1: reg"):
            decode_reg(prop, bus)


@given(count=st.integers(0, 5), address_cells=st.integers(0, 2), size_cells=st.integers(0, 2))
def test_a_row_has_one_number_for_each_nonzero_count(count, address_cells, size_cells):
    row = Row(tuple(Number(1, "1", HERE) for _ in range(count)), HERE)
    prop = Property("reg", Row((row,), HERE), HERE)
    bus = BusCells("/", address_cells, size_cells)
    if count == (address_cells > 0) + (size_cells > 0):
        if address_cells:
            assert len(decode_reg(prop, bus)) == 1
    else:
        with pytest.raises(BadInput, match="bad cell count"):
            decode_reg(prop, bus)
