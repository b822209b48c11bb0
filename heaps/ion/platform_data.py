"""What a platform says of its heaps. Source: struct ion_platform_heap, ion_platform_data (ion.h, 4.9).

Linux has one `priv` for a DMA heap's device and for a chunk heap's chunk size, and the device
tree's code always puts a device there: by it a chunk heap has chunks of the size of
a pointer's value. Here they are two fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soc.devicetree.node import Node
from soc.devicetree.values import RawNode
from soc.errors import Where
from soc.kernel.device import Device

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


@dataclass(eq=False)
class IonPlatformHeap:
    """One heap: `type` is ION_HEAP_TYPE_*, `base`, `size` and `chunk_size` are bytes, `device` its own."""

    type: int
    id: int
    name: str
    base: int = 0
    size: int = 0
    align: int = 0
    chunk_size: int = 0
    device: Device | None = None


def platform_device(kernel: Kernel, name: str) -> Device:
    """A device that is in no tree (platform_device_register_simple)."""
    return Device(kernel, Node(RawNode(name, None, Where(Path(), 0)), None, {}))
