"""Which device translates through which domain: IOMMU groups, made from the device tree.

Devices that present the same stream id to one IOMMU form a group and share its
domain, so a mapping made for one is seen by the other.
Source: drivers/iommu/{iommu,of_iommu}.c; SEMANTICS 5.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.devicetree.tree import Node
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.iommu.domain import IommuDomain, IommuOps
from soc.mmu.tables import PageTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel


class IommuGroups:
    """The IOMMUs of one kernel by node path (`ops`), and the domain of each of their streams."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.ops: dict[str, IommuOps] = {}
        self._domains: dict[tuple[str, int], IommuDomain] = {}

    def register(self, device: Device, ops: IommuOps) -> None:
        """An IOMMU is ready for use."""
        self.ops[device.node.path] = ops

    def attach(self, node: Node, name: str) -> IommuDomain | None:
        """The DMA domain of a device's group, made and attached on first use.

        All streams of the device share it. None without `iommus`, and also when the
        IOMMU refuses: like Linux, the device then goes on with direct addresses.
        -EPROBE_DEFER while an IOMMU of the node has not been probed.
        """
        entries = node.phandles("iommus", "#iommu-cells")
        streams = [(entry.node.path, entry.args[0] if entry.args else 0) for entry in entries]
        for path, _ in streams:
            if path not in self.ops:
                raise KernelError(EPROBE_DEFER, f"{path} has not been probed")
        domain = next((self._domains[key] for key in streams if key in self._domains), None)
        for path, stream in streams:
            if (path, stream) in self._domains:
                continue
            ops = self.ops[path]
            domain = domain or IommuDomain(ops, self._page_table(), len(self._domains) + 1)
            try:
                ops.attach_domain(stream, domain)
            except KernelError as error:
                self._kernel.log.error(f"platform {name}: no IOMMU, direct addresses: {error}")
                return None
            self._domains[path, stream] = domain
        return domain

    def release(self) -> None:
        """Every domain's tables go back."""
        for domain in dict.fromkeys(self._domains.values()):
            domain.table.free_all()
        self._domains.clear()

    def _page_table(self) -> PageTable:
        memory = self._kernel.memory
        return PageTable(
            lambda: memory.alloc_pages(1),
            lambda table: memory.free_pages(table, 1),
            memory.words,
            start_level=1,
        )
