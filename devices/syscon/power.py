"""Power control by a word of a syscon: syscon-poweroff switches the board off, syscon-reboot resets it.

Nodes without registers. `regmap` names the block, or the node's parent is one; the run
ends when the word at `offset` is written and its bits in `mask` are those of `value`.

Source: the bindings power/reset/syscon-poweroff.yaml and power/reset/syscon-reboot.yaml;
defaults as drivers/power/reset/syscon-{poweroff,reboot}.c: without `mask` it is the whole
word, without `value` the old binding holds, in which `mask` is the value.

Not modelled: priority (the order of reboot methods is software's).
"""

from __future__ import annotations

from typing import ClassVar

from devices.power_switch import PowerSwitch
from devices.syscon.hardware import Syscon
from soc.device import Slot
from soc.devicetree.tree import Node
from soc.errors import BadInput
from soc.processor import StopReason

WHOLE = 0xFFFF_FFFF


class PowerWord(PowerSwitch):
    """What both have in common: a word that ends the run when it has the value."""

    def __init__(self, slot: Slot) -> None:
        """BadInput if there is no such word, or no value to wait for."""
        super().__init__(slot)
        node = slot.node
        self._mask, self._value = _wanted(node)
        block = _block(slot)
        offset = node.number("offset")
        if offset is None:
            raise BadInput(f"{node.path}: it needs offset, the place of its word", node.where)
        try:
            block.watch(offset, self._hear)
        except ValueError as error:
            raise BadInput(f"{node.path}: {error}", node.properties["offset"].where) from error

    def _hear(self, word: int) -> None:
        if not (word ^ self._value) & self._mask:
            self.end(f"its word is {word:#x}")


class SysconPoweroff(PowerWord):
    """Its word switches the board off."""

    compatible: ClassVar[tuple[str, ...]] = ("syscon-poweroff",)
    reason = StopReason.POWER_OFF


class SysconReboot(PowerWord):
    """Its word resets the board."""

    compatible: ClassVar[tuple[str, ...]] = ("syscon-reboot",)
    reason = StopReason.RESET


def _wanted(node: Node) -> tuple[int, int]:
    """Mask and value. BadInput if both are missing, as the drivers refuse to probe."""
    mask, value = node.number("mask"), node.number("value")
    if value is None and mask is None:
        raise BadInput(f"{node.path}: it needs value, or mask, or both", node.where)
    if value is None:
        return WHOLE, mask or 0
    return WHOLE if mask is None else mask, value


def _block(slot: Slot) -> Syscon:
    node = slot.node
    entry = next(iter(node.phandles("regmap")), None)
    owner = entry.node if entry else node.parent
    block = slot.provider(owner) if owner else None
    if not isinstance(block, Syscon):
        where = entry.where if entry else node.where
        name = owner.path if owner else "nothing"
        raise BadInput(f"{node.path}: its regmap is {name}, which is not a modelled syscon", where)
    return block
