"""Protected memory: a region of the secure world, and the streams that its firewall lets through.

Source: tee_protmem_static_pool_alloc (drivers/tee/tee_shm_pool.c, 6.18).

What the TEE does runs on the same CPU, so its clearing of the region, when it takes it
and when a buffer is released, is booked as the CPU's.
Not modelled: pools that grow out of CMA (dynamic protected memory).
"""

from __future__ import annotations

from errno import EACCES
from typing import TYPE_CHECKING

from heaps.storage.region import CarveoutMemory
from soc.address import PhysAddr
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel

Stream = tuple[str, int]
"""(path of the IOMMU's node, stream id)."""


class ProtectedPool:
    """[base, base + size) of DRAM, whole pages or ValueError, for devices with `streams` alone."""

    def __init__(
        self, kernel: Kernel, name: str, base: PhysAddr, size: int, streams: frozenset[Stream]
    ) -> None:
        self.memory = CarveoutMemory(kernel, name, base, size)
        self.streams = streams

    def check(self, device: Device) -> None:
        """-EACCES (the TEE's ACCESS_DENIED) unless `device` has streams, and all of them may come in."""
        entries = device.node.phandles("iommus", "#iommu-cells")
        mine = {(entry.node.path, entry.args[0] if entry.args else 0) for entry in entries}
        if not mine or not mine <= self.streams:
            ids = ", ".join(f"{stream:#x}" for _, stream in sorted(mine - self.streams)) or "none"
            raise KernelError(EACCES, f"{self.memory.name} is closed to {device.name}: stream ids {ids}")
