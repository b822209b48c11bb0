"""The driver core: devices from the tree, drivers by compatible.

Source: drivers/base/dd.c and drivers/of/platform.c; matching walks the node's
`compatible` list from the most specific entry.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, EIO
from typing import TYPE_CHECKING, ClassVar

from soc.address import Iova, PhysAddr
from soc.bus import BusError
from soc.devicetree.tree import Node
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import IommuDomain
from soc.kernel.irq import Handler

if TYPE_CHECKING:
    from soc.kernel.dma.coherent_pool import CoherentPool
    from soc.kernel.dma.iommu_map import Single
    from soc.kernel.dma.of.ranges import DmaWindows
    from soc.kernel.dma.swiotlb.pool import Swiotlb
    from soc.kernel.kernel import Kernel
    from soc.kernel.mm.cma import CmaArea


class Mmio:
    """ioremap'ed registers of one `reg` window: readl and writel through the bus.

    -EIO where nothing answers; on silicon that access is an external abort.
    """

    def __init__(self, kernel: Kernel, base: PhysAddr, size: int) -> None:
        self._cpu = kernel.cpu
        self.base = base
        self.size = size

    def readl(self, offset: int) -> int:
        return self._read(offset, 4)

    def writel(self, offset: int, value: int) -> None:
        self._write(offset, 4, value)

    def readq(self, offset: int) -> int:
        return self._read(offset, 8)

    def writeq(self, offset: int, value: int) -> None:
        self._write(offset, 8, value)

    def _read(self, offset: int, size: int) -> int:
        try:
            return self._cpu.read(PhysAddr(self.base + offset), size)
        except BusError as error:
            raise KernelError(EIO, str(error)) from error

    def _write(self, offset: int, size: int, value: int) -> None:
        try:
            self._cpu.write(PhysAddr(self.base + offset), size, value)
        except BusError as error:
            raise KernelError(EIO, str(error)) from error


class Device:
    """A platform device; `driver` once one is being probed.

    For the DMA API: masks in bits (`dma_mask` None: nobody said what it can do),
    limits of its segments in bytes, `one_segment` if its engine takes one address for all
    of a buffer, `bus_dma_limit` the last address its bus has,
    `dma_windows` from dma-ranges; `coherent_pool`, `cma_area` and `restricted_pool` are
    reserved memory it was given; `singles` its single mappings behind an IOMMU.
    What it requests is managed: given back when its probe fails and when its
    driver is unbound (drivers/base/devres.c).
    """

    def __init__(self, kernel: Kernel, node: Node) -> None:
        self.kernel = kernel
        self.node = node
        self.driver: Driver | None = None
        self.dma_mask: int | None = 32
        self.coherent_dma_mask = 32
        self.bus_dma_limit: int | None = None
        self.dma_windows: DmaWindows | None = None
        self.dma_coherent = node.dma_coherent
        self.max_segment_size = 64 << 10
        self.segment_boundary = 0xFFFF_FFFF
        self.one_segment = False
        self.min_align_mask = 0
        self.coherent_pool: CoherentPool | None = None
        self.cma_area: CmaArea | None = None
        self.restricted_pool: Swiotlb | None = None
        self.iommu_domain: IommuDomain | None = None
        self.singles: dict[Iova, Single] = {}
        self._managed: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        """As Linux names platform devices: `32e00000.lcdif`."""
        base, _, unit = self.node.name.partition("@")
        return f"{unit}.{base}" if unit else base

    @property
    def title(self) -> str:
        """As dev_info and its kin begin: the driver, or the bus, and the device."""
        return f"{self.driver.name if self.driver else 'platform'} {self.name}"

    @property
    def behind_iommu(self) -> bool:
        """Whether an IOMMU translates its addresses; False with an identity domain."""
        return self.iommu_domain is not None and self.iommu_domain.translates

    @property
    def bounce_pool(self) -> Swiotlb | None:
        """Where its mappings bounce: its own pool or the kernel's."""
        return self.restricted_pool or self.kernel.swiotlb

    def ioremap(self, index: int = 0) -> Mmio:
        """The registers of `reg` entry `index`. -EINVAL if there is none."""
        entries = self.node.reg
        if index >= len(entries):
            raise KernelError(EINVAL, f"{self.name}: no reg entry {index}")
        return Mmio(self.kernel, entries[index].address, entries[index].size)

    def request_irq(self, handler: Handler, index: int = 0) -> None:
        """Call `handler` in interrupt context for the node's interrupt `index`."""
        self.kernel.request_irq(self, index, handler)
        self._managed.append(lambda: self.kernel.free_irq(self, index, handler))

    def release_managed(self) -> None:
        """Give back what was requested, the newest first (devres_release_all)."""
        while self._managed:
            self._managed.pop()()

    def __repr__(self) -> str:
        return f"<device {self.name}>"


class Driver:
    """A platform driver: class per IP, one instance per bound device.

    `probe` raises KernelError(EPROBE_DEFER) to be tried again after others.
    """

    name: ClassVar[str]
    of_match: ClassVar[tuple[str, ...]]

    def __init__(self, device: Device) -> None:
        self.device = device
        self.kernel = device.kernel

    def probe(self) -> None:
        """Bring the device up."""

    def remove(self) -> None:
        """Quiesce the device and give everything back."""
