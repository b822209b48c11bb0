"""The vexpress driver as the ION introduction prints it, with a WARN for each of its flaws.

- It allocates a whole `struct ion_heap` for every pointer to one.
- It tests the array of heaps for errors instead of the heap, so one that could not be made, an
  ERR_PTR, is added to the device: the kernel stops there.
- A probe that fails after ion_device_create leaves the device behind, and the pointer to it.
- `remove` leaves the pointer to a device that is gone.

For those who want to see what comes of it; boards are served by `vexpress.py`.
"""

from __future__ import annotations

from heaps.ion.create import ion_heap_create, ion_heap_destroy
from heaps.ion.device import ion_device_add_heap, ion_device_create, ion_device_destroy
from heaps.ion.platform import ion_destroy_platform_data, ion_parse_dt
from heaps.ion.vexpress import VexpressIdev, VexpressIonDriver
from soc.kernel.errors import KernelBug, KernelError, errno_name


class PrintedVexpressIonDriver(VexpressIonDriver):
    """`ion-vexpress` to the letter."""

    def probe(self) -> None:
        """-ENOMEM, -EEXIST, the errno of `ion_parse_dt`. KernelBug for a heap that cannot be made."""
        self.kernel.faults.kmalloc(f"{self.name} device")
        self.idev = ion_device_create(self.kernel)
        self.kernel.subsystem(VexpressIdev).idev = self.idev
        try:
            self.data = ion_parse_dt(self.device, self.table)
            self._strict(f"allocates {len(self.data)} struct ion_heap for {len(self.data)} pointers to one")
            self.kernel.faults.kmalloc("array of heaps")
        except KernelError:
            ion_destroy_platform_data(self.data)
            self._strict("leaves the ion device and g_idev behind when its probe fails")
            raise
        for number, data in enumerate(self.data):
            try:
                heap = ion_heap_create(self.kernel, data)
            except KernelError as error:
                pointer = f"ERR_PTR(-{errno_name(error.errno)})"
                self._strict(
                    f"tests the array for errors, not heaps[{number}] ({data.name}), which is {pointer}"
                )
                what = f"ion_device_add_heap: unable to handle kernel paging request, heap is {pointer}"
                self.kernel.log.warn(f"kernel BUG: {what}")
                raise KernelBug(what) from error
            self.heaps.append(heap)
            ion_device_add_heap(self.idev, heap)

    def remove(self) -> None:
        for heap in self.heaps:
            ion_heap_destroy(heap)
        ion_destroy_platform_data(self.data)
        if self.idev is not None:
            ion_device_destroy(self.idev)
            self._strict("leaves g_idev pointing to the ion device it destroyed")

    def _strict(self, flaw: str) -> None:
        self.kernel.log.warn(f"{self.device.title}: strict: the printed driver {flaw}")
