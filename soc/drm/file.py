"""A client: one open file of a DRM device. Its handles are its own, and end with it.

Source: drivers/gpu/drm/drm_file.c, drm_gem_open, drm_gem_release, drm_prime_destroy_file_private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from soc.drm.callers import Callers
from soc.drm.device import DrmDevice, drm_dev_get, drm_dev_put
from soc.drm.handle_users import HandleUsers
from soc.drm.handles import HandleTable, drm_gem_object_release_handle
from soc.drm.ioctl import drm_ioctl
from soc.drm.prime import PrimeTable
from soc.kernel.fs.file import File, FileOperations, Holder

if TYPE_CHECKING:
    from soc.kernel.task import Task


class DrmFile:
    """Client `number` of `dev`, opened by `task`. `users` knows who was told which handle."""

    def __init__(self, dev: DrmDevice, task: Task) -> None:
        self.dev = dev
        self.number = dev.number_of_next_client()
        self.handles = HandleTable()
        self.prime = PrimeTable(dev.kernel, str(self))
        self.users = HandleUsers(str(self), dev.kernel.log)

    def caller(self, task: Task) -> str:
        """Who calls, for people."""
        return self.dev.kernel.subsystem(Callers).caller(task)

    def __str__(self) -> str:
        return f"client {self.number} of {self.dev}"


def drm_open(dev: DrmDevice, task: Task, flags: int, holder: Holder) -> File:
    """A new client. -ENOMEM."""
    dev.kernel.faults.kmalloc("drm_file")
    drm_dev_get(dev)
    return dev.kernel.files.open(DRM_FOPS, DrmFile(dev, task), dev.name, holder, flags)


def drm_file_of(file: File) -> DrmFile:
    """The client that `file` is."""
    return cast(DrmFile, file.private)


def _release(file: File) -> None:
    """Every handle is closed; WARN if the PRIME table then still has a dma-buf."""
    client = drm_file_of(file)
    for number in client.handles.numbers:
        obj = client.handles.take(number)
        assert obj is not None  # it has just been listed
        drm_gem_object_release_handle(client, number, obj)
    if len(client.prime):
        left = f"{len(client.prime)} dma-bufs in its PRIME table"
        client.dev.kernel.log.warn(f"drm_prime_destroy_file_private: {client} has {left}")
    drm_dev_put(client.dev)


def _link(file: File) -> str:
    return drm_file_of(file).dev.node


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    return drm_ioctl(task, drm_file_of(file), cmd, arg)


DRM_FOPS = FileOperations("drm", _release, ioctl=_ioctl, link=_link)
