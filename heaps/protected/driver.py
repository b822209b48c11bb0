"""The driver of an OP-TEE node: its protected regions become heaps.

    optee: {compatible: linaro,optee-tz, method: smc,
            memory-region: [*video], memory-region-names: [secure-video]}
    secure-video@c0000000: &video {reg: ..., no-map: true, "dmabuf-soc,streams": [[*smmu, 0x10]]}

A name is a heap's, without "protected,"; the streams are those that the board's
firewall lets through. OP-TEE tells Linux of static regions by calls, and Linux
nothing of the firewall, so memory-region and streams are this model's own.
Source: drivers/tee/optee/{core,protmem}.c (6.18).

Not modelled: everything else that an OP-TEE does.
"""

from __future__ import annotations

from errno import EINVAL

from heaps.protected.pool import ProtectedPool
from heaps.protected.tee import (
    TeeDevice,
    TeeDmaHeapId,
    tee_device_put_all_dma_heaps,
    tee_device_register_dma_heap,
)
from soc.devicetree.node import Node
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation

PREFIX = "protected,"


class OpteeDriver(Driver):
    """Kernels before 6.18 bind and have no such heaps."""

    name = "optee"
    of_match = ("linaro,optee-tz",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.tee = TeeDevice(self.kernel, "tee0")

    def probe(self) -> None:
        """-EINVAL for a name that is no heap's, and a region that is not there or that the CPU has mapped."""
        if self.kernel.generation < Generation.V6_19:
            return
        node = self.device.node
        names = node.strings("memory-region-names")
        try:
            for name, entry in zip(names, node.phandles("memory-region"), strict=False):
                self._offer(name, entry.node)
        except KernelError:
            tee_device_put_all_dma_heaps(self.tee)
            raise

    def remove(self) -> None:
        tee_device_put_all_dma_heaps(self.tee)

    def _offer(self, name: str, node: Node) -> None:
        heap_id = next((one for one in TeeDmaHeapId if one.value == PREFIX + name), None)
        region = self.kernel.reserved_memory.region(node)
        if heap_id is None or region is None or not region.no_map:
            problem = f"{node.path} cannot be the protected memory {name!r}: it must be a no-map region"
            raise KernelError(EINVAL, problem)
        entries = node.phandles("dmabuf-soc,streams", "#iommu-cells")
        streams = frozenset((entry.node.path, entry.args[0] if entry.args else 0) for entry in entries)
        pool = ProtectedPool(self.kernel, heap_id.value, region.base, region.size, streams)
        tee_device_register_dma_heap(self.tee, heap_id, pool)
