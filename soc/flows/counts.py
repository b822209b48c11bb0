"""Reference counts of everything there is at a moment, and who they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.dmabuf import dma_bufs
from soc.dmabuf.brackets import Brackets
from soc.drm.gem import HANDLES

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from heaps.ion.device import IonDevice
    from heaps.ion.handle import IonHandle
    from soc.drm.device import DrmDevice
    from soc.kernel.core import KernelCore


@dataclass(frozen=True)
class Count:
    """`total` references to `what`, which `holders` have, a name each, `(2 times)` behind it for two.

    `also` is what else it is in use for without a reference: CPU access begun, kernel mappings.
    """

    what: str
    total: int
    holders: tuple[str, ...]
    also: tuple[str, ...] = ()


Source = Callable[[], Iterator[Count]]


def dma_buf_counts(kernel: KernelCore) -> Source:
    """The counts of all dma-bufs' files."""

    def counts() -> Iterator[Count]:
        for dmabuf in dma_bufs(kernel):
            holders = Counter({str(holder): count for holder, count in dmabuf.file.holders.items()})
            also = tuple(f"CPU access of {who}" for who in kernel.subsystem(Brackets).open(dmabuf))
            yield Count(str(dmabuf), dmabuf.file.f_count, _names(holders), also)

    return counts


def ion_counts(idev: IonDevice) -> Source:
    """The krefs of all ION buffers and handles."""

    def counts() -> Iterator[Count]:
        kernel = idev.kernel
        for buffer in idev.buffers:
            holders = Counter(
                f"handle {handle.id} of {client}"
                for client in idev.clients
                for handle in client.handles.values()
                if handle.buffer is buffer
            )
            holders.update(str(dmabuf) for dmabuf in dma_bufs(kernel) if dmabuf.priv is buffer)
            yield Count(f"ion buffer {buffer.number}", buffer.kref, _names(holders), _kmaps(buffer))
        for client in idev.clients:
            for handle in client.handles.values():
                whose = Counter({str(client.task) if client.user else f"kernel {client.name}": handle.kref})
                yield Count(f"handle {handle.id} of {client}", handle.kref, _names(whose), _kmaps(handle))

    return counts


def gem_counts(dev: DrmDevice) -> Source:
    """The refcounts of all GEM objects."""

    def counts() -> Iterator[Count]:
        for obj in dev.objects:
            names = Counter(obj.holders)
            if HANDLES in names:
                handles = "handle" if obj.handle_count == 1 else f"{obj.handle_count} handles"
                names[f"its {handles}"] = names.pop(HANDLES)
            yield Count(str(obj), obj.refcount, _names(names))

    return counts


def _names(holders: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{who} ({n} times)" if n > 1 else who for who, n in sorted(holders.items()))


def _kmaps(mapped: IonBuffer | IonHandle) -> tuple[str, ...]:
    return (f"kmap_cnt {mapped.kmap_cnt}",) if mapped.kmap_cnt else ()
