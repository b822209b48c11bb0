"""ion-dummy: an ION device for boards whose tree has none; ids are types, carveout and chunk are plain pages.

`ion_dummy_init` is a module of the kernel: Kernel(machine, drivers, modules=[ion_dummy_init]).
Source: drivers/staging/android/ion/ion_dummy_driver.c (4.9), with a DMA heap beside its four.

When a heap cannot be made the device goes, too; Linux leaves it without some.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.create import ion_heap_create, ion_heap_destroy
from heaps.ion.device import IonDevice, ion_device_add_heap, ion_device_create, ion_device_destroy
from heaps.ion.heap import IonHeap
from heaps.ion.platform_data import IonPlatformHeap, platform_device
from soc.address import PAGE_SHIFT, PhysAddr
from soc.kernel.errors import KernelError
from soc.kernel.uapi.ion import (
    ION_HEAP_TYPE_CARVEOUT,
    ION_HEAP_TYPE_CHUNK,
    ION_HEAP_TYPE_DMA,
    ION_HEAP_TYPE_SYSTEM,
    ION_HEAP_TYPE_SYSTEM_CONTIG,
)

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

SZ_4M, SZ_16K = 4 << 20, 16 << 10


class IonDummy:
    """What the module has made. `idev` None: it is not loaded."""

    def __init__(self, kernel: Kernel) -> None:
        self.idev: IonDevice | None = None
        self._kernel = kernel
        self._heaps: list[IonHeap] = []
        self._pages: list[PhysAddr] = []

    def init(self) -> None:
        """-EEXIST, -ENOMEM, -EINVAL for a heap that cannot be made. A heap without memory is left out."""
        self.idev = ion_device_create(self._kernel)
        try:
            for data in self._platform_data():
                self._heaps.append(ion_heap_create(self._kernel, data))
                ion_device_add_heap(self.idev, self._heaps[-1])
        except KernelError:
            self.exit()
            raise

    def exit(self) -> None:
        """The device goes first, then heaps and pages."""
        if self.idev is not None:
            ion_device_destroy(self.idev)
            self.idev = None
        while self._heaps:
            ion_heap_destroy(self._heaps.pop(0))
        while self._pages:
            self._kernel.memory.free_pages(self._pages.pop(), SZ_4M >> PAGE_SHIFT)

    def _platform_data(self) -> list[IonPlatformHeap]:
        carveout = self._region("carveout")
        chunk = self._region("chunk")
        heaps = [
            IonPlatformHeap(ION_HEAP_TYPE_SYSTEM, ION_HEAP_TYPE_SYSTEM, "system"),
            IonPlatformHeap(ION_HEAP_TYPE_SYSTEM_CONTIG, ION_HEAP_TYPE_SYSTEM_CONTIG, "system contig"),
        ]
        if carveout is not None:
            kind = ION_HEAP_TYPE_CARVEOUT
            heaps.append(IonPlatformHeap(kind, kind, "carveout", carveout, SZ_4M))
        if chunk is not None:
            kind = ION_HEAP_TYPE_CHUNK
            heaps.append(IonPlatformHeap(kind, kind, "chunk", chunk, SZ_4M, SZ_16K, SZ_16K))
        device = platform_device(self._kernel, "ion_dma_heap")
        heaps.append(IonPlatformHeap(ION_HEAP_TYPE_DMA, ION_HEAP_TYPE_DMA, "ion_dma_heap", device=device))
        return heaps

    def _region(self, name: str) -> PhysAddr | None:
        try:
            base = self._kernel.memory.alloc_pages(SZ_4M >> PAGE_SHIFT)
        except KernelError:
            self._kernel.log.error(f"ion_dummy: Could not allocate {name}")
            return None
        self._pages.append(base)
        return base


def ion_dummy_init(kernel: Kernel) -> None:
    """Load the module. The errno of `IonDummy.init`."""
    kernel.subsystem(IonDummy).init()


def ion_dummy_exit(kernel: Kernel) -> None:
    """Unload it."""
    kernel.subsystem(IonDummy).exit()
