"""/sys/kernel/debug/ion: who has how much of which heap. Programs parse it, so its texts are exact.

    clients/<name>-<serial>   a client's bytes by heap
    heaps/<name>              a heap's bytes by client, what no client has, and what is to be freed
    heaps/<name>_shrink       pages that could be given back; writing n gives back n, 0 all

Source: ion_debug_client_show, ion_debug_heap_show, debug_shrink_* (ion.c, 4.9).

4.12 has nothing but <name>_shrink, without the folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.abi import IonAbi
from soc.kernel.fs.pseudofs import parse_unsigned

if TYPE_CHECKING:
    from heaps.ion.client import IonClient
    from heaps.ion.device import IonDevice
    from heaps.ion.heap import IonHeap

ROOT = "/sys/kernel/debug/ion"
RULE = "-" * 52


def client_path(client: IonClient) -> str:
    return f"{ROOT}/clients/{client.display_name}"


def heap_path(heap: IonHeap) -> str:
    return f"{ROOT}/heaps/{heap.name}"


def shrink_path(device: IonDevice, heap: IonHeap) -> str:
    folder = "" if device.abi is IonAbi.V4_12 else "/heaps"
    return f"{ROOT}{folder}/{heap.name}_shrink"


def client_show(client: IonClient) -> str:
    """A row for each heap the client has something of, by id."""
    sizes: dict[int, int] = {}
    names: dict[int, str] = {}
    with client.lock:
        for buffer in client.handles:
            names.setdefault(buffer.heap_id, buffer.heap.name)
            sizes[buffer.heap_id] = sizes.get(buffer.heap_id, 0) + buffer.size
    lines = [f"{'heap_name':>16.16}: {'size_in_bytes':>16.16}"]
    lines += [f"{names[number]:>16.16}: {sizes[number]:16d}" for number in sorted(sizes)]
    return _text(lines)


def heap_show(heap: IonHeap) -> str:
    """A buffer that two clients have is in both rows, and once in the total."""
    device = heap.device
    assert device is not None  # only heaps of a device have files
    lines = [f"{'client':>16} {'pid':>16} {'size':>16}", RULE]
    for client in list(device.clients):
        if size := _client_total(client, heap):
            name = client.task.comm if client.task else client.name
            lines.append(f"{name:>16} {client.pid:16d} {size:16d}")
    lines += [RULE, "orphaned allocations (info is from last known client):"]
    total = orphaned = 0
    with device.buffer_lock:
        for buffer in device.buffers:
            if buffer.heap_id != heap.id:
                continue
            total += buffer.size
            if not buffer.handle_count:
                orphaned += buffer.size
                row = f"{buffer.task_comm:>16} {buffer.pid:16d} {buffer.size:16d}"
                lines.append(f"{row} {buffer.kmap_cnt} {buffer.kref}")
    lines += [RULE, f"{'total orphaned':>16} {orphaned:16d}", f"{'total ':>16} {total:16d}"]
    if heap.deferred:
        lines.append(f"{'deferred free':>16} {heap.free_list.size:16d}")
    lines.append(RULE)
    return _text(lines) + (heap.debug_show() if heap.debug_show else "")


def shrink_get(heap: IonHeap) -> str:
    assert heap.shrinker is not None  # only heaps with one have the file
    return f"{heap.shrinker.count_objects()}\n"


def shrink_set(heap: IonHeap, text: str) -> None:
    """-EINVAL for what is no number."""
    assert heap.shrinker is not None  # only heaps with one have the file
    wanted = parse_unsigned(text, 64)
    heap.shrinker.scan_objects(wanted or heap.shrinker.count_objects())


def _client_total(client: IonClient, heap: IonHeap) -> int:
    with client.lock:
        return sum(buffer.size for buffer in client.handles if buffer.heap_id == heap.id)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
