"""The table of a board's nodes: what stands behind each."""

from __future__ import annotations

import pytest

from devices.catalogue import models
from soc.boot.nodes import WITHOUT_MODEL, as_text, rows
from soc.devicetree.tree import load_board
from soc.guest import CORE_MODELS
from tests.boot.boards import board
from tests.boot.running import VIRT, VIRT_GICV3

STRUCTURE = [
    "/aliases",
    "/chosen",
    "/cpus",
    "/regulator-panel",
    "/panel",
    "/panel/port",
    "/panel/port/endpoint",
    "/memory@40000000",
    "/reserved-memory",
    "/reserved-memory/linux,cma@50000000",
    "/reserved-memory/framebuffer@58000000",
    "/soc",
    "/soc/lcdif@90a0000/port",
    "/soc/lcdif@90a0000/port/endpoint",
]
MODELLED = {
    "/cpus/cpu@0": "Cpu",
    "/psci": "Psci",
    "/timer": "GenericTimer",
    "/clock-24m": "FixedClock",
    "/clock-pixel": "FixedClock",
    "/reboot": "SysconReboot",
    "/soc/flash@0": "MtdRom",
    "/soc/interrupt-controller@8000000": "Gic400",
    "/soc/serial@9000000": "Pl011",
    "/soc/rtc@9010000": "Pl031",
    "/soc/watchdog@9020000": "Sp805",
    "/soc/gpio@9030000": "Pl061",
    "/soc/iommu@9050000": "Smmuv3",
    "/soc/syscon@9080000": "Syscon",
    "/soc/dma-controller@9090000": "Pl330",
    "/soc/lcdif@90a0000": "Lcdif",
    "/soc/camera@90b0000": "Camera",
}
DISABLED = ["/gpio-poweroff", "/poweroff"]
SMALL = """\
soc:
  compatible: [vendor,bus, simple-bus]
  '#address-cells': 2
  '#size-cells': 2
  ranges: true
  serial@9000000: {compatible: [vendor,uart, "arm,pl011"], reg: [[0x9000000, 0x1000]]}
  serial@9001000: {compatible: "arm,pl011", reg: [[0x9001000, 0x1000]], status: disabled}
  virtio@a000000: {compatible: "virtio,mmio", reg: [[0xa000000, 0x200]]}
  bridge@b000000:
    compatible: vendor,bridge
    reg: [[0xb000000, 0x1000]]
    status: disabled
    '#address-cells': 1
    '#size-cells': 0
    port@1: {compatible: "arm,pl011", reg: [[1]]}
  toy@c000000: {compatible: [vendor,toy, vendor,game], reg: [[0xc000000, 0x1000]]}
  bare@d000000: {reg: [[0xd000000, 0x1000]]}
  group: {switch: {}}
  panel: {compatible: vendor,panel, port: {endpoint@1: {}}}
  supply: {compatible: regulator-fixed}
"""
TABLE = """\
/memory@40000000                  structure
/reserved-memory                  structure
/reserved-memory/region@50000000  structure
/soc                              structure            vendor,bus
/soc/serial@9000000               modelled             Pl011 (vendor,uart)
/soc/serial@9001000               disabled             arm,pl011
/soc/virtio@a000000               known, not modelled  paravirtual devices (virtio,mmio)
/soc/bridge@b000000               disabled             vendor,bridge
/soc/bridge@b000000/port@1        disabled             arm,pl011
/soc/toy@c000000                  missing              no model, and nothing known of it (vendor,toy)
/soc/bare@d000000                 missing              no model, and nothing known of it
/soc/group                        structure
/soc/group/switch                 missing              no model, and nothing known of it
/soc/panel                        structure            vendor,panel
/soc/panel/port                   structure
/soc/panel/port/endpoint@1        structure
/soc/supply                       structure            regulator-fixed
"""


@pytest.mark.parametrize(
    ("path", "controller"), [(VIRT, "Gic400"), (VIRT_GICV3, "Gicv3")], ids=["virt", "virt-gicv3"]
)
def test_every_node_of_the_virt_boards(path, controller: str) -> None:
    found = rows(load_board(path))
    assert [row.path for row in found if row.state == "structure"] == STRUCTURE
    assert [row.path for row in found if row.state == "disabled"] == DISABLED
    modelled = {row.path: row.by for row in found if row.state == "modelled"}
    assert modelled == MODELLED | {"/soc/interrupt-controller@8000000": controller}
    assert len(found) == len(STRUCTURE) + len(DISABLED) + len(MODELLED)


def test_a_table_of_every_state() -> None:
    text = as_text(board(reserved=[(0x5000_0000, 0x1000, "no-map")], more=SMALL))
    assert text == TABLE.splitlines()


def test_nothing_is_both_modelled_and_known_as_not_modelled() -> None:
    assert not WITHOUT_MODEL.keys() & (models().keys() | CORE_MODELS.keys())
