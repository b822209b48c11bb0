"""Allocation: which heap serves it, and the handle it ends in.

Source: ion_alloc, ion_free (ion.c, 4.9, with the handle held until the caller has seen its number).
"""

from __future__ import annotations

from errno import EINVAL, ENODEV
from typing import TYPE_CHECKING

from heaps.ion.buffer import IonBuffer, ion_buffer_create
from heaps.ion.handle import (
    IonHandle,
    ion_handle_add,
    ion_handle_create,
    ion_handle_get,
    ion_handle_put,
    ion_handle_put_nolock,
    ion_handle_validate,
)
from soc.address import page_align
from soc.kernel.errors import KernelBug, KernelError

if TYPE_CHECKING:
    from heaps.ion.client import IonClient
    from heaps.ion.device import IonDevice

SIZE_MAX = (1 << 64) - 1


def ion_alloc(client: IonClient, length: int, align: int, heap_id_mask: int, flags: int) -> IonHandle:
    """A handle, with one reference, of a new buffer of `length` bytes rounded up to pages.

    The errno of `ion_buffer_alloc`, -ENOMEM for the handle.
    """
    handle = ion_alloc_grab(client, length, align, heap_id_mask, flags)
    ion_handle_put(handle)
    return handle


def ion_alloc_grab(client: IonClient, length: int, align: int, heap_id_mask: int, flags: int) -> IonHandle:
    """The same with a second reference, for a caller that uses the handle while others know its number."""
    buffer = ion_buffer_alloc(client.device, length, align, heap_id_mask, flags)
    try:
        handle = ion_handle_create(client, buffer)
    finally:
        buffer.put()
    with client.lock:
        try:
            ion_handle_add(client, handle)
        except KernelError:
            ion_handle_put_nolock(handle)
            raise
        ion_handle_get(handle)
    return handle


def ion_buffer_alloc(device: IonDevice, length: int, align: int, heap_id_mask: int, flags: int) -> IonBuffer:
    """A buffer of the first heap that can, of those whose id is in the mask, the highest id first.

    -EINVAL for no bytes, -ENODEV when no heap is meant, else the error of the heap tried last. The log
    says which heaps were asked before the one that could.
    """
    size = page_align(length) & SIZE_MAX
    if not size:
        raise KernelError(EINVAL, f"a buffer of {length} bytes was asked for")
    error = KernelError(ENODEV, f"no heap has an id in the mask {heap_id_mask:#x}")
    refused: list[str] = []
    with device.lock:
        for heap in device.heaps:
            if not 1 << heap.id & heap_id_mask:
                continue
            try:
                buffer = ion_buffer_create(device, heap, size, align, flags)
            except KernelError as failed:
                error = failed
                refused.append(f"{heap} could not ({failed})")
                continue
            if refused:
                device.kernel.log.info(f"ion_alloc: {buffer} is a fallback: {', '.join(refused)}")
            return buffer
    raise error


def ion_free(client: IonClient, handle: IonHandle) -> None:
    """Kernel code drops a reference. BUG for another client's handle; WARN for one that is not valid."""
    log = client.device.kernel.log
    if handle.client is not client:
        what = f"ion_free: {client} frees {handle}"
        log.warn(f"kernel BUG: {what}")
        raise KernelBug(what)
    with client.lock:
        if not ion_handle_validate(client, handle):
            log.warn(f"ion_free: invalid handle passed to free: {handle}")
            return
        ion_handle_put_nolock(handle)
