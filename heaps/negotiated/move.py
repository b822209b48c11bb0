"""Moving a buffer to other memory, because a device comes that cannot reach where it is.

The attach takes memory for all devices, waits until nobody has the buffer mapped who
could not follow, and copies the bytes with the CPU. Who wants to map the buffer
meanwhile sleeps.

Importers that follow a move (dynamic ones of a dynamic exporter) are not waited for:
they are told (move_notify) and map the new memory, while a thread waits for the work
that still uses the old, copies, and signals a KERNEL fence that everybody waits for.

-EBUSY when there is no memory for all, when the buffer is pinned or vmapped, or when it
stays mapped for too long.

Since 6.2 map is called with the reservation lock held, under which the mappings that
are waited for could not be given back. So a sleeper lets go of it meanwhile, as with a
condition variable; slots that it had reserved are gone then. Who has locked it together
with others (a context) gets -EBUSY instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from errno import EBUSY, EINTR
from typing import TYPE_CHECKING

from heaps.negotiated.backing import Backing
from heaps.storage.memory import HeapMemory
from soc.address import PAGE_SHIFT
from soc.clock import SECOND
from soc.dmabuf import dma_buf_move_notify
from soc.dmabuf.fence import (
    DmaFence,
    dma_fence_context_alloc,
    dma_fence_put,
    dma_fence_signal,
    dma_fence_wait,
)
from soc.dmabuf.resv import (
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_get_fences,
    dma_resv_reserve_fences,
    dma_resv_wait_timeout,
)
from soc.kernel.dma import dma_sync_sgtable_for_cpu, dma_sync_sgtable_for_device
from soc.kernel.errors import ERESTARTSYS, KernelError
from soc.kernel.mm.vmap import KernelMapping

if TYPE_CHECKING:
    from heaps.negotiated.buffer import NegotiatedBuffer
    from soc.kernel.device import Device
    from soc.kernel.sched.waitable import Blocker

MOVE_TIMEOUT = SECOND
PIECE = 256 << PAGE_SHIFT
"""Bytes that are copied at once."""


@dataclass(frozen=True)
class Unmapped:
    """What an attach waits for: that importers give their mappings back, whoever they are."""

    buffer: NegotiatedBuffer

    def blockers(self) -> Sequence[Blocker]:
        return []

    def __str__(self) -> str:
        names = dict.fromkeys(mapping.attachment.device.name for mapping in self.buffer.mappings)
        return f"{self.buffer.dmabuf} to be unmapped by {', '.join(names)}"


@dataclass(frozen=True)
class Moved:
    """What everybody else waits for meanwhile."""

    buffer: NegotiatedBuffer

    def blockers(self) -> Sequence[Blocker]:
        return [self.buffer.mover] if self.buffer.mover else []

    def __str__(self) -> str:
        return f"the move of {self.buffer.dmabuf}"


def sleep_while_moving(buffer: NegotiatedBuffer) -> None:
    """Wait until nobody wants to move the buffer. -EINTR for a signal; -EBUSY if the lock must be kept."""
    resv = buffer.dmabuf.resv
    while buffer.mover is not None:
        held = resv.held
        if held and resv.ctx is not None:
            raise KernelError(EBUSY, f"{buffer.dmabuf} is about to move, and {resv.ctx} has it locked")
        if held:
            resv.unlock()
        try:
            _sleep(buffer, Moved(buffer), None)
        finally:
            if held:
                resv.lock()


def make_reachable(buffer: NegotiatedBuffer, device: Device) -> None:
    """Move the buffer to where `device`, too, can use it. -EBUSY, -EINTR, -ENOMEM: it is where it was."""
    _check_movable(buffer)
    devices = [*(attachment.device for attachment in buffer.attached), device]
    try:
        memory = buffer.allocate(devices)
    except KernelError as error:
        raise KernelError(EBUSY, f"{buffer.dmabuf} cannot move for {device.name}: {error.why}") from error
    buffer.mover, moved = buffer.kernel.sched.thread, False
    try:
        if not _sleep(buffer, Unmapped(buffer), buffer.timeout):
            raise KernelError(EBUSY, f"{Unmapped(buffer)} for too long: {device.name} cannot attach")
        with buffer.dmabuf.resv.locked():
            (_follow if buffer.dmabuf.dynamic else _move)(buffer, memory)
            moved = True
    finally:
        buffer.mover = None
        if not moved:
            memory.give_back()
    buffer.dmabuf.file.note("move", device.name)


def _move(buffer: NegotiatedBuffer, memory: HeapMemory) -> None:
    """Nobody has it mapped: copy, and that is that. With the resv held."""
    assert buffer.backing is not None  # only a buffer that has memory moves
    dma_resv_wait_timeout(buffer.dmabuf.resv, DmaResvUsage.BOOKKEEP)
    old = buffer.backing
    _copy(buffer, old.memory, memory)
    _settle(buffer, Backing(memory))
    old.put()


def _follow(buffer: NegotiatedBuffer, memory: HeapMemory) -> None:
    """Importers follow: tell them now, copy later behind a fence. With the resv held. -ENOMEM."""
    assert buffer.backing is not None  # only a buffer that has memory moves
    kernel, resv = buffer.kernel, buffer.dmabuf.resv
    kernel.faults.kmalloc("move job")
    dma_resv_reserve_fences(resv, 1)
    before = dma_resv_get_fences(resv, DmaResvUsage.BOOKKEEP)
    fence = DmaFence(kernel, "negotiated", "move", dma_fence_context_alloc(kernel), 1)
    old, new = buffer.backing, Backing(memory)
    _settle(buffer, new)
    dma_buf_move_notify(buffer.dmabuf)
    dma_resv_add_fence(resv, fence, DmaResvUsage.KERNEL)
    job = (buffer, old, new.get(), before, fence)
    fence.signaller = kernel.sched.kthread_run(f"move of {buffer.dmabuf}", _copy_behind_fence, *job)


def _copy_behind_fence(
    buffer: NegotiatedBuffer, old: Backing, new: Backing, before: list[DmaFence], fence: DmaFence
) -> None:
    """When the work that was there before is done, copy; the new memory is everybody's then."""
    for earlier in before:
        dma_fence_wait(earlier)
        dma_fence_put(earlier)
    for mapping in [mapping for mapping in buffer.mappings if mapping.backing is old]:
        dma_sync_sgtable_for_cpu(mapping.attachment.device, mapping.table, mapping.direction)
    _copy(buffer, old.memory, new.memory)
    for mapping in [mapping for mapping in buffer.mappings if mapping.backing is new]:
        dma_sync_sgtable_for_device(mapping.attachment.device, mapping.table, mapping.direction)
    dma_fence_signal(fence)
    dma_fence_put(fence)
    old.put()
    new.put()


def _copy(buffer: NegotiatedBuffer, old: HeapMemory, new: HeapMemory) -> None:
    """The CPU copies all bytes; its books show them."""
    who = f"move of {buffer.dmabuf}"
    source = KernelMapping(buffer.kernel, old.frames(), who)
    target = KernelMapping(buffer.kernel, new.frames(), who)
    for offset in range(0, buffer.size, PIECE):
        target.write(source.read(offset, min(PIECE, buffer.size - offset)), offset)


def _settle(buffer: NegotiatedBuffer, backing: Backing) -> None:
    """From now on the buffer is there; programs fault again."""
    buffer.backing = backing
    for vma in buffer.vmas:
        vma.zap()


def _check_movable(buffer: NegotiatedBuffer) -> None:
    """-EBUSY for a buffer that is kept where it is: by a vmap, or by pins beside those of its mappings."""
    dmabuf = buffer.dmabuf
    if dmabuf.vmapping_counter:
        raise KernelError(EBUSY, f"{dmabuf} is vmapped: it cannot move")
    for attachment, count in buffer.pins.items():
        if count > sum(mapping.attachment is attachment for mapping in buffer.mappings):
            raise KernelError(EBUSY, f"{dmabuf} is pinned by {attachment.device.name}: it cannot move")


def _sleep(buffer: NegotiatedBuffer, on: Unmapped | Moved, timeout: int | None) -> int:
    """0 on timeout. -EINTR for a signal."""
    over = (lambda: buffer.mover is None) if isinstance(on, Moved) else (lambda: _unmapped(buffer))
    try:
        return buffer.kernel.sched.wait_event(over, on, interruptible=True, timeout=timeout)
    except KernelError as error:
        if error.errno == ERESTARTSYS:
            raise KernelError(EINTR, error.why) from error
        raise


def _unmapped(buffer: NegotiatedBuffer) -> bool:
    """Whether nobody has it mapped, or pinned, but importers that follow."""
    follows = buffer.dmabuf.dynamic
    mapped = any(not (follows and mapping.attachment.dynamic) for mapping in buffer.mappings)
    return not mapped and not any(buffer.pins.values())
