"""What an ION device's clients, programs and threads have not given back, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heaps.ion.device import IonDevice


def ion_remains(device: IonDevice) -> Iterator[str]:
    """Handles of every client, buffers without one, and buffers that wait to be freed."""
    for client in device.clients:
        for handle in client.handles.values():
            mapped = f", mapped {handle.kmap_cnt} times for the kernel" if handle.kmap_cnt else ""
            yield f"{handle}: {handle.kref} references, {handle.user_ref_count} of user space{mapped}"
    for buffer in device.buffers:
        if not buffer.handle_count:
            last = f"the last handle was of {buffer.task_comm} (pid {buffer.pid})"
            yield f"{buffer} is an orphan with {buffer.kref} references; {last}"
    for heap in device.heaps:
        if len(heap.free_list):
            waiting = f"{len(heap.free_list)} buffers, {heap.free_list.size} bytes"
            yield f"{heap} has not freed {waiting}, which nobody has any more"
