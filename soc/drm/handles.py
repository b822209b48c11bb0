"""Handles: small numbers by which one client names GEM objects.

Source: drm_gem_handle_create, drm_gem_handle_delete, drm_gem_object_lookup (drm_gem.c).
"""

from __future__ import annotations

from errno import EINVAL, ENOENT
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from soc.drm.gem import (
    DrmGemObject,
    drm_gem_object_get,
    drm_gem_object_handle_get,
    drm_gem_object_handle_put_unlocked,
)
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.drm.file import DrmFile


class HandleTable:
    """object_idr: the lowest free number from 1 on."""

    def __init__(self) -> None:
        self._objects: dict[int, DrmGemObject] = {}
        self._free: list[int] = []
        self._next = 1

    def alloc(self, obj: DrmGemObject) -> int:
        """A number for `obj`."""
        if self._free:
            number = heappop(self._free)
        else:
            number, self._next = self._next, self._next + 1
        self._objects[number] = obj
        return number

    def find(self, number: int) -> DrmGemObject | None:
        return self._objects.get(number)

    def take(self, number: int) -> DrmGemObject | None:
        """`number` names nothing from now on, but is not given again before `free`."""
        return self._objects.pop(number, None)

    def free(self, number: int) -> None:
        """`number` may be given again."""
        heappush(self._free, number)

    @property
    def numbers(self) -> list[int]:
        """All that name something, ascending."""
        return sorted(self._objects)


def drm_gem_handle_create(file: DrmFile, obj: DrmGemObject) -> int:
    """A handle of `obj`. -ENOMEM."""
    file.dev.object_name_lock.lock()
    return drm_gem_handle_create_tail(file, obj)


def drm_gem_handle_create_tail(file: DrmFile, obj: DrmGemObject) -> int:
    """The same with dev.object_name_lock held, which is given up."""
    try:
        drm_gem_object_handle_get(obj)
    finally:
        file.dev.object_name_lock.unlock()
    try:
        file.dev.kernel.faults.kmalloc("idr")
    except KernelError:
        drm_gem_object_handle_put_unlocked(obj)
        raise
    number = file.handles.alloc(obj)
    file.users.born(number, obj.describe())
    return number


def drm_gem_object_lookup(file: DrmFile, number: int, holder: str) -> DrmGemObject:
    """The object, with a reference for `holder`. -ENOENT for a number that names none."""
    obj = file.handles.find(number)
    if obj is None:
        raise KernelError(ENOENT, f"{file} has no handle {number}")
    drm_gem_object_get(obj, holder)
    return obj


def drm_gem_handle_delete(file: DrmFile, number: int) -> None:
    """GEM_CLOSE: the handle is gone, whoever else was told its number. -EINVAL for one that names none."""
    obj = file.handles.take(number)
    if obj is None:
        raise KernelError(EINVAL, f"{file} has no handle {number}")
    drm_gem_object_release_handle(file, number, obj)
    file.handles.free(number)


def drm_gem_object_release_handle(file: DrmFile, number: int, obj: DrmGemObject) -> None:
    """What a handle means beside its number: its place in the PRIME table, its share in the object."""
    file.prime.remove(number)
    drm_gem_object_handle_put_unlocked(obj)
