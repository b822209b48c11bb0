"""What ION's platform drivers have in common: a device, and heaps from the device tree.

Source: vexpress_ion_probe of the ION introduction, hi6220_ion.c (4.9), but for their
handling of errors: here a failure undoes all that was done. `printed.py` is the driver
as it is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from heaps.ion.create import ion_heap_create, ion_heap_destroy
from heaps.ion.device import IonDevice, ion_device_add_heap, ion_device_create, ion_device_destroy
from heaps.ion.heap import IonHeap
from heaps.ion.platform import IonOfHeap, ion_destroy_platform_data, ion_parse_dt
from heaps.ion.platform_data import IonPlatformHeap
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError


class IonPlatformDriver(Driver):
    """`table` says which children are which heaps; `idev` is the ION device once it is probed."""

    table: ClassVar[tuple[IonOfHeap, ...]]

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.idev: IonDevice | None = None
        self.heaps: list[IonHeap] = []
        self.data: Sequence[IonPlatformHeap] = ()

    def probe(self) -> None:
        """-ENOMEM, -EEXIST with an ION device already there, the errno of `ion_parse_dt`, and
        -EINVAL for a heap that cannot be made."""
        self.kernel.faults.kmalloc(f"{self.name} device")
        self.idev = ion_device_create(self.kernel)
        try:
            self.data = ion_parse_dt(self.device, self.table)
            self.kernel.faults.kmalloc("array of heaps")
            for data in self.data:
                self.heaps.append(ion_heap_create(self.kernel, data))
                ion_device_add_heap(self.idev, self.heaps[-1])
        except KernelError:
            self.remove()
            raise

    def remove(self) -> None:
        """Heaps, platform data, device, in this order."""
        for heap in self.heaps:
            ion_heap_destroy(heap)
        self.heaps = []
        ion_destroy_platform_data(self.data)
        if self.idev is not None:
            ion_device_destroy(self.idev)
            self.idev = None
