"""A DRM device: its node in /dev/dri, its objects, what its driver can do.

Source: drivers/gpu/drm/drm_drv.c, include/drm/drm_drv.h.

Not modelled: masters, render nodes, hot unplug.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.kernel.fs.file import File, UseAfterFree
from soc.kernel.locking.mutex import Mutex
from soc.kernel.remains import Remains

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf, DmaBufAttachment
    from soc.drm.gem import DrmGemObject
    from soc.kernel.device import Device
    from soc.kernel.fs.file import Holder
    from soc.kernel.kernel import Kernel
    from soc.kernel.scatterlist import SgTable
    from soc.kernel.task import Task


@dataclass(frozen=True)
class DrmDriver:
    """What a driver implements; each fails with KernelError. Without:

    dumb_create  (device, size in bytes, whole pages) -> object; -ENOSYS. `pitch_align` is in bytes
    gem_prime_import  (device, dma-buf) -> object with a reference of its creator; what PRIME does itself
    gem_prime_import_sg_table  (device, attachment, its mapped table) -> the same; -EINVAL
    """

    name: str
    dumb_create: Callable[[DrmDevice, int], DrmGemObject] | None = None
    gem_prime_import: Callable[[DrmDevice, DmaBuf], DrmGemObject] | None = None
    gem_prime_import_sg_table: Callable[[DrmDevice, DmaBufAttachment, SgTable], DrmGemObject] | None = None
    pitch_align: int = 8


class DrmDevice:
    """`device` does its DMA. `kref` counts the registration, open files and exported dma-bufs."""

    def __init__(self, device: Device, driver: DrmDriver, name: str = "card0") -> None:
        self.kernel: Kernel = device.kernel
        self.device = device
        self.driver = driver
        self.name = name
        self.kref = 1
        self.object_name_lock = Mutex(self.kernel.sched, f"dev->object_name_lock of {name}")
        self._objects: dict[DrmGemObject, None] = {}
        self._object_count = 0
        self._client_count = 0

    @property
    def node(self) -> str:
        """Its path in /dev."""
        return f"/dev/dri/{self.name}"

    @property
    def objects(self) -> list[DrmGemObject]:
        """The GEM objects that somebody has, oldest first."""
        return list(self._objects)

    def add_object(self, obj: DrmGemObject) -> None:
        """A GEM object is born."""
        self._objects[obj] = None

    def remove_object(self, obj: DrmGemObject) -> None:
        """It is gone. KeyError for one that is not there."""
        del self._objects[obj]

    def number_of_next_object(self) -> int:
        """What to call a new object; no two have one number."""
        self._object_count += 1
        return self._object_count

    def number_of_next_client(self) -> int:
        """What to call a new client."""
        self._client_count += 1
        return self._client_count

    def __str__(self) -> str:
        return self.name


def drm_dev_register(dev: DrmDevice, open_: Callable[[DrmDevice, Task, int, Holder], File]) -> None:
    """Let programs open it. -EEXIST."""
    dev.kernel.devfs.add(dev.node, lambda task, flags, holder: open_(dev, task, flags, holder))
    dev.kernel.subsystem(Remains).add(
        dev.node, lambda: [f"{obj}: held by {obj.held_by()}" for obj in dev.objects]
    )


def drm_dev_unregister(dev: DrmDevice) -> None:
    """Nobody can open it any more; open files and dma-bufs keep it."""
    dev.kernel.devfs.remove(dev.node)
    drm_dev_put(dev)


def drm_dev_get(dev: DrmDevice) -> None:
    """One more reference. WARN and UseAfterFree when it has none."""
    _check(dev, "drm_dev_get")
    dev.kref += 1


def drm_dev_put(dev: DrmDevice) -> None:
    """One less; the last one is the device's end. WARN for objects that are left."""
    _check(dev, "drm_dev_put")
    dev.kref -= 1
    if not dev.kref:
        for obj in dev.objects:
            dev.kernel.log.warn(f"drm_dev_release: {obj} is still there; held by {obj.held_by()}")


def _check(dev: DrmDevice, call: str) -> None:
    if not dev.kref:
        error = UseAfterFree(call, str(dev))
        dev.kernel.log.warn(str(error))
        raise error
