"""The driver of the ION introduction: `vexpress,ion`, and the way for other drivers to its device.

Its table of heaps is not printed there; the programs beside it take a heap's type for its
id, and so does this table. Children have the generic compatibles of ION's binding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.client import IonClient, ion_client_create
from heaps.ion.device import IonDevice
from heaps.ion.driver import IonPlatformDriver
from heaps.ion.platform import IonOfHeap
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.uapi.ion import (
    ION_HEAP_TYPE_CARVEOUT,
    ION_HEAP_TYPE_CHUNK,
    ION_HEAP_TYPE_DMA,
    ION_HEAP_TYPE_SYSTEM,
    ION_HEAP_TYPE_SYSTEM_CONTIG,
)

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

VEXPRESS_HEAPS = tuple(
    IonOfHeap(f"linux,ion-heap-{kind}", number, number, kind.replace("-", "_"))
    for number, kind in (
        (ION_HEAP_TYPE_SYSTEM, "system"),
        (ION_HEAP_TYPE_SYSTEM_CONTIG, "system-contig"),
        (ION_HEAP_TYPE_CARVEOUT, "carveout"),
        (ION_HEAP_TYPE_CHUNK, "chunk"),
        (ION_HEAP_TYPE_DMA, "dma"),
    )
)


class VexpressIdev:
    """g_idev: the device of the driver, for those who have no other way to it."""

    def __init__(self, kernel: KernelCore) -> None:
        self.idev: IonDevice | None = None


class VexpressIonDriver(IonPlatformDriver):
    """`ion-vexpress`."""

    name = "ion-vexpress"
    of_match = ("vexpress,ion",)
    table = VEXPRESS_HEAPS

    def probe(self) -> None:
        super().probe()
        self.kernel.subsystem(VexpressIdev).idev = self.idev

    def remove(self) -> None:
        self.kernel.subsystem(VexpressIdev).idev = None
        super().remove()


def vexpress_ion_client_create(kernel: KernelCore, name: str) -> IonClient:
    """A client of the driver's device. -EPROBE_DEFER before that is there, and as `ion_client_create`."""
    idev = kernel.subsystem(VexpressIdev).idev
    if idev is None:
        raise KernelError(EPROBE_DEFER, f"ion-vexpress is not probed, so {name} has to wait")
    return ion_client_create(idev, name)
