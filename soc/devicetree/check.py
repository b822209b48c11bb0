"""Rules of the whole board: what bring-up would find out the hard way.

First every property is read once by its binding, so that shapes are right;
then parties are held against each other. Each error names both of them, and
what Linux would have done where it would have said little or nothing.

Not modelled: rules of single bindings (clock names, phy modes); a driver's
probe is where those show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.address import PAGE_MASK
from soc.devicetree.bindings import PHANDLE_LISTS
from soc.devicetree.cells import number, span
from soc.devicetree.fragmentation import fragmentation, refuse_elsewhere
from soc.devicetree.node import Node
from soc.devicetree.reserved import ReservedRegion
from soc.devicetree.values import references
from soc.errors import BadInput, Where

if TYPE_CHECKING:
    from soc.devicetree.tree import Tree

FLAGS = (
    "no-map",
    "reusable",
    "linux,cma-default",
    "linux,dma-default",
    "dma-coherent",
    "dma-noncoherent",
    "interrupt-controller",
)
STATUS = re.compile(r"okay|ok|disabled|reserved|fail|fail-.+")
UNIT_ADDRESS = re.compile(r"[0-9a-fA-F]+")


def check_board(tree: Tree) -> None:
    """BadInput for the first rule the board breaks; nothing otherwise."""
    for node in tree.walk():
        _check_shape(node)
    _check_memory(tree)
    _check_reserved(tree.reserved)
    for node in tree.walk():
        _check_memory_region(node, tree)
    _check_devices(tree)
    _ = tree.aliases, tree.stdout


# --- one node ---------------------------------------------------------------


def _check_shape(node: Node) -> None:
    """Read every property that has a binding here; unresolved phandles in any other too."""
    _check_status(node)
    _ = node.compatible
    for flag in FLAGS:
        node.flag(flag)
    for name, prop in node.properties.items():
        if name.startswith("#") and name.endswith("-cells"):
            number(name, prop.value)
        for reference in references(prop.value):
            node.resolve(reference)
    for name, counted_by in PHANDLE_LISTS.items():
        node.phandles(name, counted_by)
    _ = node.interrupts, node.ranges("ranges"), node.ranges("dma-ranges")
    _ = node.reg
    _check_unit_address(node)


def _check_status(node: Node) -> None:
    prop = node.properties.get("status")
    if prop is None:
        return
    values = node.strings("status")
    if len(values) != 1 or not STATUS.fullmatch(values[0]):
        problem = f"status of {node.path} is {prop.value}: use okay, disabled, reserved or fail"
        raise BadInput(f"{problem} (Linux would take it as disabled)", prop.where)


def _check_unit_address(node: Node) -> None:
    unit = node.name.partition("@")[2]
    if UNIT_ADDRESS.fullmatch(unit) and node.bus_reg and int(unit, 16) != node.bus_reg[0].address:
        problem = f"unit address of {node.path} is not its first reg, {node.bus_reg[0].address:#x}"
        raise BadInput(f"{problem} (Linux would not notice)", node.where)


def _check_memory_region(node: Node, tree: Tree) -> None:
    for entry in node.phandles("memory-region"):
        parent = entry.node.parent
        if parent is None or parent.path != "/reserved-memory" or parent.parent is not tree.root:
            problem = f"memory-region of {node.path} names {entry.node.path}, which is no reserved region"
            raise BadInput(f"{problem} (Linux would fail the probe with -EINVAL)", entry.where)


# --- two parties ------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """`owner` says that [base, base + size) is its own; `where` it says so."""

    base: int
    size: int
    owner: Node
    where: Where

    @property
    def end(self) -> int:
        return self.base + self.size

    def __str__(self) -> str:
        return f"{self.owner.path} {span(self.base, self.size)}"


def _first_overlap(claims: Sequence[Claim]) -> tuple[Claim, Claim] | None:
    """The first two claims to the same byte, the one later in the file first.

    A node inside its own ancestor's window (a subdevice) is no overlap.
    """
    live: list[Claim] = []
    for claim in sorted(claims, key=lambda c: c.base):
        live = [other for other in live if other.end > claim.base]
        for other in live:
            if not _nested(claim.owner, other.owner):
                first, second = sorted((claim, other), key=lambda c: c.where)
                return second, first
        live.append(claim)
    return None


def _nested(one: Node, other: Node) -> bool:
    inner, outer = sorted((one.path, other.path), key=len, reverse=True)
    return inner.startswith(outer + "/")


def _check_memory(tree: Tree) -> None:
    claims = [Claim(bank.base, bank.size, bank.node, bank.node.where) for bank in tree.memory]
    for bank in tree.memory:
        if not bank.size:
            raise BadInput(f"memory {bank.node.path} is empty: its size is 0", bank.node.where)
        if (bank.base | bank.size) & PAGE_MASK:
            problem = f"memory {bank} is not page aligned"
            note = "(Linux would leave the odd bytes unused without a word)"
            raise BadInput(f"{problem} {note}", bank.node.where)
        fragmentation(bank.node)
    banks = {bank.node for bank in tree.memory}
    for node in tree.walk():
        if node.enabled and node not in banks:
            refuse_elsewhere(node)
    if pair := _first_overlap(claims):
        later, earlier = pair
        problem = f"memory {later} overlaps memory {earlier} at {earlier.where}"
        raise BadInput(f"{problem} (Linux would merge them without a word)", later.where)


def _check_reserved(regions: Sequence[ReservedRegion]) -> None:
    claims = {Claim(r.base, r.size, r.node, r.where): r for r in regions}
    if pair := _first_overlap(list(claims)):
        later, earlier = pair
        note = "(Linux would only log OVERLAP DETECTED! and keep both)"
        if claims[later].no_map and not claims[earlier].no_map:
            note = f"(Linux would log \"failed to reserve memory for node '{later.owner.name}'\" and go on)"
        problem = f"reserved region {later} overlaps {earlier} at {earlier.where}"
        raise BadInput(f"{problem} {note}", later.where)


def _check_devices(tree: Tree) -> None:
    banks = [Claim(bank.base, bank.size, bank.node, bank.node.where) for bank in tree.memory]
    registers = [
        Claim(reg.address, reg.size, node, entry.where)
        for node in tree.devices
        for reg, entry in zip(node.reg, node.bus_reg, strict=True)
        if reg.size
    ]
    if pair := _first_overlap(banks + registers):
        device, other = sorted(pair, key=lambda claim: claim in banks)
        if other in banks:
            problem = f"reg of {device} lies over DRAM of {other} at {other.where}"
            raise BadInput(f"{problem} (Linux would refuse to ioremap it)", device.where)
        problem = f"reg of {device} overlaps reg of {other} at {other.where}"
        note = "(Linux would fail the second driver's probe with -EBUSY)"
        raise BadInput(f"{problem} {note}", device.where)
