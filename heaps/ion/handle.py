"""A handle: what one client has of one buffer.

Source: ion_handle_* (ion.c, 4.9), with the counts of user space of Android's kernels.

Not modelled: a kref that wraps after 2**32 references.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import UseAfterFree

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from heaps.ion.client import IonClient


@dataclass(eq=False)
class IonHandle:
    """`client`'s one handle of `buffer`, number `id`, for the `generation`-th time that was given.

    `kref` counts references, `user_ref_count` how many of them user space believes to have (with
    the hardening: has, and together they are one reference), `kmap_cnt` mappings of the kernel.
    """

    client: IonClient
    buffer: IonBuffer
    id: int = 0
    generation: int = 0
    kref: int = 1
    user_ref_count: int = 0
    kmap_cnt: int = 0

    def __str__(self) -> str:
        return f"handle {self.id} of {self.client} ({self.buffer})"


def ion_handle_create(client: IonClient, buffer: IonBuffer) -> IonHandle:
    """A handle with one reference, which has no number yet and holds the buffer. -ENOMEM."""
    client.device.kernel.faults.kmalloc("ion_handle")
    buffer.get()
    buffer.add_to_handle()
    return IonHandle(client, buffer)


def ion_handle_add(client: IonClient, handle: IonHandle) -> None:
    """Give the handle a number and enter it, with the client's lock held. -ENOMEM."""
    client.device.kernel.faults.kmalloc("idr")
    client.ids.alloc(handle)
    client.handles[handle.buffer] = handle


def ion_handle_get(handle: IonHandle) -> None:
    """One more reference. WARN and UseAfterFree when the handle is gone."""
    _check(handle, "ion_handle_get")
    handle.kref += 1


def ion_handle_put(handle: IonHandle) -> None:
    """Drop a reference, the last one destroys the handle. WARN and UseAfterFree when it is gone."""
    with handle.client.lock:
        ion_handle_put_nolock(handle)


def ion_handle_put_nolock(handle: IonHandle) -> None:
    """The same with the client's lock held."""
    _check(handle, "ion_handle_put")
    handle.kref -= 1
    if not handle.kref:
        ion_handle_destroy(handle)


def ion_handle_destroy(handle: IonHandle) -> None:
    """Whatever its count: unmap it from the kernel, forget its number, let go of the buffer."""
    client, buffer = handle.client, handle.buffer
    task = client.device.kernel.sched.current
    handle.kref = 0
    with buffer.lock:
        while handle.kmap_cnt:
            ion_handle_kmap_put(handle)
    client.ids.remove(handle, str(client.device.kernel.sched.thread))
    if client.handles.get(buffer) is handle:
        del client.handles[buffer]
    buffer.remove_from_handle(task)
    buffer.put()


def ion_handle_kmap_put(handle: IonHandle) -> None:
    """One mapping of the kernel less, with the buffer's lock held. WARN, and nothing else, without one."""
    if not handle.kmap_cnt:
        handle.client.device.kernel.log.warn(f"ion_handle_kmap_put: Double unmap detected! {handle}")
        return
    handle.kmap_cnt -= 1
    if not handle.kmap_cnt:
        handle.buffer.kmap_put()


def ion_handle_get_by_id(client: IonClient, number: int) -> IonHandle:
    """The handle, with a reference for as long as it is used. -EINVAL for a number that names none."""
    with client.lock:
        return ion_handle_get_by_id_nolock(client, number)


def ion_handle_get_by_id_nolock(client: IonClient, number: int) -> IonHandle:
    """The same with the client's lock held."""
    handle = client.ids.find(number)
    if handle is None:
        past = client.ids.past.get(number)
        before = f"; it was {past}" if past else ""
        raise KernelError(EINVAL, f"{client} has no handle {number}{before}")
    ion_handle_get(handle)
    return handle


def ion_handle_validate(client: IonClient, handle: IonHandle) -> bool:
    """Whether `handle` is one of the client's now. WARN without the client's lock."""
    if not client.lock.locked:
        client.device.kernel.log.warn(f"ion_handle_validate: client->lock of {client} is not held")
    return client.ids.find(handle.id) is handle


def _check(handle: IonHandle, call: str) -> None:
    if not handle.kref:
        error = UseAfterFree(call, str(handle))
        handle.client.device.kernel.log.warn(str(error))
        raise error
