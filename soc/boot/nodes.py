"""Every node of a board, and what stands behind it on the machine."""

from __future__ import annotations

from dataclasses import dataclass

from devices.catalogue import model_names
from soc.devicetree.node import Node
from soc.devicetree.tree import Tree
from soc.guest import CORE

MODELLED, STRUCTURE, KNOWN, MISSING, DISABLED = (
    "modelled",
    "structure",
    "known, not modelled",
    "missing",
    "disabled",
)

STRUCTURAL = (
    "simple-bus",
    "simple-mfd",
    "ion-region",
    "shared-dma-pool",
    "restricted-dma-pool",
    "regulator-fixed",
)
"""Compatible strings that stand for nothing that software could reach."""

STRUCTURAL_NAMES = ("aliases", "chosen", "cpus", "memory", "reserved-memory", "clocks", "cpu-map")

GRAPH_NAMES = ("port", "ports", "endpoint", "panel-timing", "display-timings")
"""Nodes inside a device that say what it is wired to (bindings graph.txt, panel-common.yaml)."""

WITHOUT_MODEL = {
    "arm,armv8-pmuv3": "performance counters",
    "arm,cortex-a72-pmu": "performance counters",
    "arm,gic-v2m-frame": "message-signalled interrupts",
    "arm,gic-v3-its": "message-signalled interrupts",
    "arm,idle-state": "idle states beyond WFI",
    "arm,pl050": "keyboard and mouse",
    "arm,pl111": "display controller",
    "arm,pl180": "SD card host",
    "arm,sbsa-gwdt": "watchdog of the base system",
    "arm,smc-mbox": "mailbox",
    "cfi-flash": "NOR flash with programming; mtd-rom is one that is only read",
    "gpio-keys": "buttons",
    "gpio-leds": "lights",
    "linaro,optee-tz": "trusted OS",
    "linux,dummy-virt": "machine name",
    "pci-host-ecam-generic": "PCI host",
    "qemu,fw-cfg-mmio": "configuration device of another machine",
    "simple-framebuffer": "frame buffer set up by firmware",
    "smsc,lan9118": "Ethernet",
    "virtio,mmio": "paravirtual devices",
}
"""Hardware that people put on such boards, and that this machine does not have."""


@dataclass(frozen=True)
class Row:
    """One node: its `state`, and what models it or what it is."""

    path: str
    compatible: str
    state: str
    by: str


def rows(tree: Tree) -> list[Row]:
    """A row for each node but the root, in the order of the file."""
    kinds = model_names()
    others = tree.compatible(CORE)[1:]
    return [
        Row(node.path, CORE, KNOWN, "one core is modelled") if node in others else _row(node, kinds)
        for node in tree.walk()
        if node.parent is not None
    ]


def as_text(tree: Tree) -> list[str]:
    """The rows in columns."""
    found = rows(tree)
    paths = max((len(row.path) for row in found), default=0)
    states = max((len(row.state) for row in found), default=0)
    return [f"{row.path:{paths}}  {row.state:{states}}  {_words(row)}".rstrip() for row in found]


def _words(row: Row) -> str:
    return f"{row.by} ({row.compatible})" if row.by and row.compatible else row.by or row.compatible


def _row(node: Node, kinds: dict[str, str]) -> Row:
    shown = node.compatible[0] if node.compatible else ""
    if not node.enabled:
        return Row(node.path, shown, DISABLED, "")
    if model := node.match(kinds):
        return Row(node.path, shown, MODELLED, model)
    if _structural(node):
        return Row(node.path, shown, STRUCTURE, "")
    if what := node.match(WITHOUT_MODEL):
        return Row(node.path, shown, KNOWN, what)
    return Row(node.path, shown, MISSING, "no model, and nothing known of it")


def _structural(node: Node) -> bool:
    if not node.compatible:
        inside = node.parent is not None and node.parent.path == "/reserved-memory"
        known = node.name.partition("@")[0] in STRUCTURAL_NAMES + GRAPH_NAMES
        return inside or known or bool(node.children)
    return not set(STRUCTURAL).isdisjoint(node.compatible) or _end_of_wires(node)


def _end_of_wires(node: Node) -> bool:
    """A panel or a connector: nothing that software could reach, only what a device's wires lead to."""
    return not node.reg and any(node.child(name) is not None for name in ("port", "ports"))
