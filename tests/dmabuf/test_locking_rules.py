"""Who must hold the reservation lock, who must not, and what the exporter's operations see of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_dynamic_attach,
    dma_buf_end_cpu_access,
    dma_buf_export,
    dma_buf_map_attachment,
    dma_buf_map_attachment_unlocked,
    dma_buf_pin,
    dma_buf_put,
    dma_buf_unmap_attachment,
    dma_buf_unpin,
    dma_buf_vmap,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap,
)
from soc.kernel.generation import Generation
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.sched.deadlock import Deadlock
from tests.dmabuf.dynamic_exporter import DynamicExporter, Follower, with_move_notify
from tests.dmabuf.small_kernel import SIZE, Exporter, SmallDevice, SmallKernel

TO_DEVICE = DmaDirection.TO_DEVICE


class Watcher(Exporter):
    """Notes for each operation whether the lock was held."""

    def __init__(self, kernel: SmallKernel) -> None:
        super().__init__(kernel)
        self.dmabuf: DmaBuf | None = None
        self.held: dict[str, bool] = {}

    def all_ops(self) -> DmaBuf:
        note = self._note
        sgt = SgTable.of([(0x8000_0000, SIZE)])
        ops = replace(
            self.ops(),
            attach=lambda dmabuf, attachment: note("attach"),
            detach=lambda dmabuf, attachment: note("detach"),
            pin=lambda attachment: note("pin"),
            unpin=lambda attachment: note("unpin"),
            map_dma_buf=lambda attachment, direction: note("map") or sgt,
            unmap_dma_buf=lambda attachment, sgt, direction: note("unmap"),
            begin_cpu_access=lambda dmabuf, direction: note("begin"),
            end_cpu_access=lambda dmabuf, direction: note("end"),
            vmap=lambda dmabuf: note("vmap") or KernelMapping(self.kernel, sgt.frames(), "test"),
            vunmap=lambda dmabuf, mapping: note("vunmap"),
            release=lambda dmabuf: note("release"),
        )
        self.dmabuf = dma_buf_export(self.kernel, self, ops, SIZE, 2, "test")
        return self.dmabuf

    def _note(self, op: str) -> None:
        assert self.dmabuf is not None
        self.held[op] = self.dmabuf.resv.held


@pytest.fixture
def kernel(generation: Generation) -> SmallKernel:
    kernel = SmallKernel(generation)
    kernel.cpu = None  # type: ignore[assignment]  # mapped, never touched
    return kernel


def modern(kernel: SmallKernel) -> bool:
    return kernel.generation >= Generation.V6_12


@pytest.mark.parametrize("generation", [Generation.V6_12, Generation.V6_15, Generation.V6_19], ids=str)
def test_what_the_exporter_is_called_with(kernel: SmallKernel, camera: SmallDevice) -> None:
    watcher = Watcher(kernel)
    with_move_notify(kernel)
    dmabuf = watcher.all_ops()
    attachment = dma_buf_dynamic_attach(dmabuf, camera, Follower().ops())
    with dmabuf.resv.locked():
        dma_buf_pin(attachment)
        sgt = dma_buf_map_attachment(attachment, TO_DEVICE)
        dma_buf_unmap_attachment(attachment, sgt, TO_DEVICE)
        dma_buf_unpin(attachment)
        dma_buf_vunmap(dmabuf, dma_buf_vmap(dmabuf))
    dma_buf_begin_cpu_access(dmabuf, TO_DEVICE)
    dma_buf_end_cpu_access(dmabuf, TO_DEVICE)
    dma_buf_detach(dmabuf, attachment)
    dma_buf_put(dmabuf, dmabuf.exporter)
    locked = {op for op, held in watcher.held.items() if held}
    assert locked == {"pin", "unpin", "map", "unmap", "vmap", "vunmap"}
    assert set(watcher.held) - locked == {"attach", "detach", "begin", "end", "release"}
    assert kernel.log.warnings == []


Call = Callable[[DmaBuf, DmaBufAttachment, SgTable, KernelMapping], object]
NEEDS: dict[str, Call] = {
    "dma_buf_map_attachment": lambda b, a, s, m: dma_buf_map_attachment(a, TO_DEVICE),
    "dma_buf_unmap_attachment": lambda b, a, s, m: dma_buf_unmap_attachment(a, s, TO_DEVICE),
    "dma_buf_pin": lambda b, a, s, m: dma_buf_pin(a),
    "dma_buf_unpin": lambda b, a, s, m: dma_buf_unpin(a),
    "dma_buf_vmap": lambda b, a, s, m: dma_buf_vmap(b),
    "dma_buf_vunmap": lambda b, a, s, m: dma_buf_vunmap(b, m),
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_call_without_the_lock_it_needs_is_a_splat_since_6_2(
    kernel: SmallKernel, camera: SmallDevice, name: str
) -> None:
    with_move_notify(kernel)
    dmabuf = Watcher(kernel).all_ops()
    attachment = dma_buf_dynamic_attach(dmabuf, camera, Follower().ops())
    sgt = dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
    mapping = dma_buf_vmap_unlocked(dmabuf)
    NEEDS[name](dmabuf, attachment, sgt, mapping)
    splat = [f"{name}: the reservation lock of dma-buf 1 'test' is not held"]
    assert kernel.log.warnings == (splat if modern(kernel) else [])


MUST_NOT: dict[str, Callable[[DmaBuf], object]] = {
    "dma_buf_begin_cpu_access": lambda b: dma_buf_begin_cpu_access(b, TO_DEVICE),
    "dma_buf_end_cpu_access": lambda b: dma_buf_end_cpu_access(b, TO_DEVICE),
}


@pytest.mark.parametrize("name", MUST_NOT)
@pytest.mark.parametrize("generation", [Generation.V6_12, Generation.V6_15], ids=str)
def test_a_call_with_a_lock_it_must_not_have_is_a_splat(
    kernel: SmallKernel, exporter: Exporter, name: str
) -> None:
    dmabuf = exporter.export()
    with dmabuf.resv.locked():
        MUST_NOT[name](dmabuf)
    assert kernel.log.warnings == [f"{name}: the reservation lock of dma-buf 1 'test' is held already"]


TAKES: dict[str, Callable[[DmaBuf, DmaBufAttachment, SmallDevice], object]] = {
    "attach": lambda b, a, d: dma_buf_attach(b, d),
    "detach": lambda b, a, d: dma_buf_detach(b, a),
    "map_attachment_unlocked": lambda b, a, d: dma_buf_map_attachment_unlocked(a, TO_DEVICE),
}


@pytest.mark.parametrize("name", TAKES)
def test_a_call_that_takes_the_lock_its_caller_holds_hangs_and_says_so(
    kernel: SmallKernel, camera: SmallDevice, name: str
) -> None:
    dmabuf = DynamicExporter(kernel).export()
    attachment = dma_buf_attach(dmabuf, camera)
    app = kernel.task()
    with kernel.sched.running(app), dmabuf.resv.locked(), pytest.raises(Deadlock, match="app"):
        TAKES[name](dmabuf, attachment, camera)
