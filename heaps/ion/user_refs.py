"""References that user space has, by the numbers it was given.

    ALLOC, IMPORT   the call's own reference becomes the program's
    FREE            one of the program's is dropped

Mainline 4.9 knows one count only. A program that frees more often than it was given
references drops those of kernel code, and the handle goes while that still uses it; here
this is a WARN. With the hardening of Android's kernels (user_ref_count) all references of
user space together are one of the kref, and the FREE too many is a WARN and nothing else.
Source: pass_to_user and user_ion_free_nolock (ion-ioctl.c of Android's 4.9).
"""

from __future__ import annotations

from errno import EOVERFLOW
from typing import TYPE_CHECKING

from heaps.ion.handle import IonHandle, ion_handle_get, ion_handle_put_nolock
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from heaps.ion.client import IonClient
    from soc.kernel.task import Task

UINT_MAX = 0xFFFF_FFFF


def pass_to_user(task: Task, handle: IonHandle) -> None:
    """`task` is about to be told the handle's number; consumes a reference of the caller.

    -EOVERFLOW, with the hardening, when user space has as many as can be counted.
    """
    client = handle.client
    with client.lock:
        client.ids.told(task, handle)
        if not client.device.user_ref_count:
            handle.user_ref_count += 1
            return
        try:
            if handle.user_ref_count == UINT_MAX:
                raise KernelError(EOVERFLOW, f"user space has {UINT_MAX} references to {handle}")
            handle.user_ref_count += 1
            if handle.user_ref_count == 1:
                ion_handle_get(handle)
        finally:
            ion_handle_put_nolock(handle)


def user_free_nolock(task: Task, client: IonClient, handle: IonHandle) -> None:
    """Drop a reference of user space's, with the client's lock held. WARN when it has none."""
    log, hardened = client.device.kernel.log, client.device.user_ref_count
    if not handle.user_ref_count:
        log.warn(f"user_ion_free_nolock: User does not have access! {task} frees {handle}")
        if not hardened:
            ion_handle_put_nolock(handle)
        return
    handle.user_ref_count -= 1
    if not hardened or not handle.user_ref_count:
        ion_handle_put_nolock(handle)


def check_told(task: Task, handle: IonHandle) -> None:
    """WARN if `task` was given this number for another buffer, whose handle is gone."""
    was = handle.client.ids.stale(task, handle)
    if was is not None:
        now = f"handle {handle.id} of {handle.client} now names {handle.buffer}, was {was}"
        handle.client.device.kernel.log.warn(f"{task} uses a stale handle: {now}")
