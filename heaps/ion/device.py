"""The ION device: /dev/ion, its heaps in the order they are asked, its clients and all buffers.

Source: ion_device_create, ion_device_add_heap, ion_device_destroy, ion_open, ion_release (ion.c, 4.9).

The semaphore over heaps and clients, which has readers in Linux, is a mutex here.
That two heaps must not have one id is for the platform to see to, as in Linux.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from heaps.ion.abi import IonAbi, IonConfig
from heaps.ion.client import IonClient, ion_client_create, ion_client_destroy
from heaps.ion.compat import compat_ion_ioctl
from heaps.ion.debugfs import heap_path, heap_show, shrink_get, shrink_path, shrink_set
from heaps.ion.ioctl import ion_ioctl
from heaps.ion.ioctl_4_12 import ion_4_12_ioctl
from heaps.ion.remains import ion_remains
from heaps.ion.shrinker import HeapShrinker
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.locking.mutex import Mutex
from soc.kernel.remains import Remains

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from heaps.ion.heap import IonHeap
    from soc.kernel.kernel import Kernel
    from soc.kernel.task import Task

DEV_ION = "/dev/ion"

CustomIoctl = Callable[[IonClient, int, int], int]
"""(client, cmd, arg) -> result; fails with KernelError."""


class IonDevice:
    """One per kernel. `heaps` go highest id first, `buffers` are those that somebody has.

    `custom_ioctl` answers ION_IOC_CUSTOM; `abi` and `user_ref_count` are as in `IonConfig`.
    """

    def __init__(
        self, kernel: Kernel, custom_ioctl: CustomIoctl | None, abi: IonAbi, user_ref_count: bool
    ) -> None:
        self.kernel = kernel
        self.custom_ioctl = custom_ioctl
        self.abi = abi
        self.user_ref_count = user_ref_count
        self.alive = True
        self.heaps: list[IonHeap] = []
        self.clients: list[IonClient] = []
        self.lock = Mutex(kernel.sched, "ion_device->lock")
        self.buffer_lock = Mutex(kernel.sched, "ion_device->buffer_lock")
        self._buffers: dict[IonBuffer, None] = {}
        self._buffer_count = 0
        self._views: set[str] = set()

    @property
    def buffers(self) -> list[IonBuffer]:
        """Oldest first."""
        return list(self._buffers)

    def add_buffer(self, buffer: IonBuffer) -> None:
        """With buffer_lock held."""
        self._buffers[buffer] = None

    def remove_buffer(self, buffer: IonBuffer) -> None:
        """With buffer_lock held. KeyError for one that is not there."""
        del self._buffers[buffer]

    def number_of_next_buffer(self) -> int:
        """What to call a new buffer; no two have one number."""
        self._buffer_count += 1
        return self._buffer_count

    def heap(self, name_or_id: str | int) -> IonHeap:
        """A heap by its name or id. KeyError without one."""
        for heap in self.heaps:
            if name_or_id in (heap.name, heap.id):
                return heap
        raise KeyError(name_or_id)

    # --- debugfs ----------------------------------------------------------------

    def add_view(
        self, path: str, read: Callable[[], str], write: Callable[[str], None] | None = None, what: str = ""
    ) -> None:
        """A file in debugfs. One that cannot be made is logged and nothing worse."""
        try:
            self.kernel.views.add(path, read, write)
        except ValueError:
            self.kernel.log.error(f"Failed to create {what} debugfs at {path}")
        else:
            self._views.add(path)

    def remove_view(self, path: str) -> None:
        """Remove a file, if it was made."""
        if path in self._views:
            self._views.remove(path)
            self.kernel.views.remove(path)

    def remove_views(self) -> None:
        """Remove all files (debugfs_remove_recursive)."""
        for path in sorted(self._views):
            self.remove_view(path)


def ion_device_create(
    kernel: Kernel,
    custom_ioctl: CustomIoctl | None = None,
    abi: IonAbi | None = None,
    user_ref_count: bool | None = None,
) -> IonDevice:
    """Make /dev/ion; what is None is as the kernel's `IonConfig` says. -ENOMEM; -EEXIST if there is one."""
    config = kernel.subsystem(IonConfig)
    kernel.faults.kmalloc("ion_device")
    device = IonDevice(
        kernel,
        custom_ioctl,
        config.abi if abi is None else abi,
        config.user_ref_count if user_ref_count is None else user_ref_count,
    )
    fops = ION_FOPS[device.abi]

    def open_(task: Task, flags: int, holder: Holder) -> File:
        client = ion_client_create(device, str(task.pid), user=True) if device.abi is IonAbi.V4_9 else device
        return kernel.files.open(fops, client, "ion", holder, flags)

    try:
        kernel.devfs.add(DEV_ION, open_)
    except KernelError:
        kernel.log.error("ion: failed to register misc device")
        raise
    kernel.subsystem(Remains).add("ion", lambda: ion_remains(device))
    return device


def ion_device_destroy(device: IonDevice) -> None:
    """Remove /dev/ion. WARN for clients and buffers that are left, which Linux does not look for."""
    kernel = device.kernel
    for client in device.clients:
        kernel.log.warn(f"ion_device_destroy: {client} is still there, with {len(client.handles)} handles")
    for buffer in device.buffers:
        kernel.log.warn(f"ion_device_destroy: {buffer} is still there, {buffer.kref} references")
    device.alive = False
    kernel.devfs.remove(DEV_ION)
    device.remove_views()


def ion_device_add_heap(device: IonDevice, heap: IonHeap) -> None:
    """Put `heap` in its place by id; equal ones follow each other. 4.12 gives it the next id itself.

    One that cannot allocate and free is logged, and added all the same.
    """
    kernel = device.kernel
    if heap.ops.allocate is None or heap.ops.free is None:
        kernel.log.error(f"ion_device_add_heap: can not add heap with invalid ops struct: {heap}")
    heap.device = device
    if heap.deferred:
        heap.free_list.init_thread(heap.name)
    if heap.deferred or heap.ops.shrink:
        heap.shrinker = HeapShrinker(heap)
        kernel.memory.shrinkers.register(heap.shrinker)
    with device.lock:
        if device.abi is IonAbi.V4_12:
            heap.id = len(device.heaps)
        insort(device.heaps, heap, key=lambda other: -other.id)
        if device.abi is IonAbi.V4_9:
            device.add_view(heap_path(heap), lambda: heap_show(heap), what="heap")
        if heap.shrinker:
            device.add_view(
                shrink_path(device, heap),
                lambda: shrink_get(heap),
                lambda text: shrink_set(heap, text),
                "heap shrinker",
            )


def _release(file: File) -> None:
    ion_client_destroy(cast(IonClient, file.private))


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    call = compat_ion_ioctl if task.compat else ion_ioctl
    return call(task, cast(IonClient, file.private), cmd, arg)


def _ioctl_4_12(task: Task, file: File, cmd: int, arg: int) -> int:
    return ion_4_12_ioctl(task, cast(IonDevice, file.private), cmd, arg)


ION_FOPS = {
    IonAbi.V4_9: FileOperations("ion", _release, ioctl=_ioctl, link=lambda file: DEV_ION),
    IonAbi.V4_12: FileOperations("ion", lambda file: None, ioctl=_ioctl_4_12, link=lambda file: DEV_ION),
}
