"""SEMANTICS 4.3, protected heaps of a TEE: who may map, what nobody may, and a TEE that goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EACCES, EBUSY, EINVAL, ENOENT, ENOMEM
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from heaps.protected.pool import ProtectedPool
from heaps.protected.tee import (
    TeeDevice,
    TeeDmaHeapId,
    tee_device_put_all_dma_heaps,
    tee_device_register_dma_heap,
)
from soc.address import Iova, PhysAddr
from soc.devicetree.node import PhandleArgs
from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
)
from soc.iommu.port import DmaAbort
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import PAGE, alloc, heaps, sync
from tests.protected.tee_bench import OPTEE, RECORD, REGIONS, UI, VIDEO, TeeBench

TO, FROM = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE
BASE, SIZE = PhysAddr(0xBB00_0000), 1 << 20


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[TeeBench]:
    bench = TeeBench(tmp_path)
    yield bench
    assert bench.kernel.log.warnings == []
    bench.close()


@pytest.fixture
def app(bench: TeeBench) -> Process:
    return bench.kernel.process("app")


def test_the_names(bench: TeeBench) -> None:
    assert [one.value for one in TeeDmaHeapId] == [VIDEO, UI, RECORD]
    assert [name for name in heaps(bench.kernel) if name.startswith("protected")] == [VIDEO, RECORD]


@pytest.mark.parametrize("generation", [g for g in Generation if g < Generation.V6_19], ids=str)
def test_before_6_18_there_are_none(tmp_path: Path, generation: Generation) -> None:
    bench = TeeBench(tmp_path, generation)
    assert not [name for name in heaps(bench.kernel) if name.startswith("protected")]
    assert bench.optee().tee.name == "tee0"
    bench.close()


def test_a_buffer_is_one_run_of_the_region(bench: TeeBench, app: Process) -> None:
    fd = alloc(app, VIDEO, 3 * PAGE)
    assert f"exp_name:\t{VIDEO}\n" in app.fdinfo(fd)
    (owner,) = bench.kernel.memory.owners.live
    assert str(owner).endswith(f"of heap {VIDEO}")
    with pytest.raises(KernelError) as error:
        alloc(app, VIDEO, SIZE)
    assert error.value.errno == ENOMEM
    app.close(fd)
    app.close(alloc(app, VIDEO, SIZE))


NO_CPU: dict[str, Callable[[TeeBench, Process, int], object]] = {
    "mmap": lambda bench, app, fd: app.mmap(fd, PAGE),
    "vmap": lambda bench, app, fd: dma_buf_vmap_unlocked(bench.get(app, fd)),
    "read": lambda bench, app, fd: app.read(fd, 1),
    "write": lambda bench, app, fd: app.write(fd, b"x"),
}


@pytest.mark.parametrize("what", NO_CPU)
def test_the_cpu_has_no_way_in(bench: TeeBench, app: Process, what: str) -> None:
    fd = alloc(app, VIDEO, PAGE)
    with pytest.raises(KernelError) as error:
        NO_CPU[what](bench, app, fd)
    assert error.value.errno == EINVAL


def test_sync_has_nothing_to_do_and_is_no_error(app: Process, bench: TeeBench) -> None:
    fd = alloc(app, VIDEO, PAGE)
    traffic = bench.kernel.cpu.traffic.total()
    for flags in (1, 2, 3, 5, 6, 7):
        sync(app, fd, flags)
    assert bench.kernel.cpu.traffic.total() == traffic


def test_a_device_whose_stream_is_allowed_reads_and_writes_through_the_smmu(
    bench: TeeBench, app: Process
) -> None:
    dmabuf = bench.get(app, alloc(app, VIDEO, 2 * PAGE))
    display = bench.device("lcdif")
    attachment = dma_buf_attach(dmabuf, display)
    sgt = dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL)
    port = bench.machine.dma_port(display.node)
    data = np.arange(256, dtype=np.uint8)
    port.write(Iova(int(sgt.dma_address[0]) + PAGE), data)
    assert (bench.machine.dram.view(PhysAddr(BASE + PAGE), 256) == data).all()
    dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.BIDIRECTIONAL)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


@pytest.mark.parametrize(
    ("heap", "label", "ids"),
    [(VIDEO, "camera", "0x11"), (VIDEO, "dma", "0x12"), (RECORD, "dma", "0x12"), (VIDEO, "uart", "none")],
)
def test_another_device_attaches_but_its_map_is_eacces(
    bench: TeeBench, app: Process, heap: str, label: str, ids: str
) -> None:
    dmabuf = bench.get(app, alloc(app, heap, PAGE))
    device = bench.device(label)
    attachment = dma_buf_attach(dmabuf, device)
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO)
    assert error.value.errno == EACCES
    assert error.value.why == f"{heap} is closed to {device.name}: stream ids {ids}"
    assert attachment.mappings == []
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


@pytest.mark.parametrize(
    ("streams", "allowed"), [((0x10,), True), ((0x10, 0x11), False), ((0x11,), False), ((), False)]
)
def test_a_device_needs_all_of_its_streams_allowed(
    bench: TeeBench, streams: tuple[int, ...], allowed: bool
) -> None:
    smmu = bench.device("smmu").node
    entries = [PhandleArgs(smmu, (stream,), smmu.where) for stream in streams]
    node = SimpleNamespace(phandles=lambda name, cells: entries)
    pool = ProtectedPool(
        bench.kernel, UI, PhysAddr(0xBB08_0000), 64 << 10, frozenset({(smmu.path, 0x10), (smmu.path, 0x12)})
    )
    device = SimpleNamespace(node=node, name="codec")
    if allowed:
        pool.check(device)
        return
    with pytest.raises(KernelError) as error:
        pool.check(device)
    assert error.value.errno == EACCES


@pytest.mark.parametrize("label", ["lcdif", "camera"])
def test_each_heap_has_its_own_streams(bench: TeeBench, app: Process, label: str) -> None:
    dmabuf = bench.get(app, alloc(app, RECORD, PAGE))
    attachment = dma_buf_attach(dmabuf, bench.device(label))
    sgt = dma_buf_map_attachment_unlocked(attachment, FROM)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, FROM)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_what_one_buffer_held_is_gone_before_the_next(bench: TeeBench, app: Process) -> None:
    fd = alloc(app, VIDEO, SIZE)
    bench.machine.dram.view(BASE, SIZE)[:] = 0x5A
    app.close(fd)
    assert not bench.machine.dram.view(BASE, SIZE).any()


def test_a_tee_that_is_gone_leaves_nodes_that_are_einval(bench: TeeBench, app: Process) -> None:
    kept = alloc(app, VIDEO, PAGE)
    bench.optee().remove()
    for heap in (VIDEO, RECORD):
        with pytest.raises(KernelError) as error:
            alloc(app, heap, PAGE)
        assert error.value.errno == EINVAL
        assert error.value.why == f"dma-heap {heap}: its TEE device is gone"
    dmabuf = bench.get(app, kept)
    attachment = dma_buf_attach(dmabuf, bench.device("lcdif"))
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_a_tee_that_comes_back_is_ebusy_while_old_buffers_live(bench: TeeBench, app: Process) -> None:
    kept = alloc(app, VIDEO, PAGE)
    bench.optee().remove()
    tee = TeeDevice(bench.kernel, "tee1")
    pool = ProtectedPool(bench.kernel, VIDEO, PhysAddr(0xBB08_0000), 64 << 10, frozenset())
    with pytest.raises(KernelError) as error:
        tee_device_register_dma_heap(tee, TeeDmaHeapId.SECURE_VIDEO_PLAY, pool)
    assert error.value.errno == EBUSY
    app.close(kept)
    tee_device_register_dma_heap(tee, TeeDmaHeapId.SECURE_VIDEO_PLAY, pool)
    with pytest.raises(KernelError) as error:
        alloc(app, VIDEO, SIZE)
    assert error.value.errno == ENOMEM
    tee_device_put_all_dma_heaps(tee)
    pool = ProtectedPool(bench.kernel, VIDEO, PhysAddr(0xBB08_0000), 64 << 10, frozenset())
    tee_device_register_dma_heap(TeeDevice(bench.kernel, "tee2"), TeeDmaHeapId.SECURE_VIDEO_PLAY, pool)
    app.close(alloc(app, VIDEO, PAGE))
    assert [text for text in messages(bench) if "can't register" in text] == [
        f"tee tee1: can't register DMA heap ({VIDEO})"
    ]


def test_two_tees_do_not_share_a_heap_and_one_that_is_gone_offers_none(bench: TeeBench) -> None:
    pool = ProtectedPool(bench.kernel, UI, PhysAddr(0xBB08_0000), 64 << 10, frozenset())
    first, second = TeeDevice(bench.kernel, "tee1"), TeeDevice(bench.kernel, "tee2")
    tee_device_register_dma_heap(first, TeeDmaHeapId.TRUSTED_UI, pool)
    with pytest.raises(KernelError) as error:
        tee_device_register_dma_heap(second, TeeDmaHeapId.TRUSTED_UI, pool)
    assert error.value.errno == EBUSY
    tee_device_put_all_dma_heaps(second)
    with pytest.raises(KernelError) as error:
        tee_device_register_dma_heap(second, TeeDmaHeapId.SECURE_VIDEO_PLAY, pool)
    assert error.value.errno == EINVAL


@pytest.mark.parametrize(
    ("regions", "optee"),
    [
        (REGIONS.replace("64K]]\n    no-map: true", "64K]]"), OPTEE),
        (REGIONS, OPTEE.replace("secure-video-record", "secure-audio")),
    ],
    ids=["a region that the CPU has mapped", "a name that is no heap's"],
)
def test_a_probe_that_fails_offers_nothing(tmp_path: Path, regions: str, optee: str) -> None:
    bench = TeeBench(tmp_path, regions=regions, optee=optee)
    app = bench.kernel.process("app")
    assert "-EINVAL" in bench.kernel.probe_errors["/firmware/optee"]
    for heap, errno in ((VIDEO, EINVAL), (RECORD, ENOENT)):
        with pytest.raises(KernelError) as error:
            alloc(app, heap, PAGE)
        assert error.value.errno == errno
    bench.close()


def test_every_allocation_fails_once_and_the_pool_is_as_before(bench: TeeBench, app: Process) -> None:
    before, nth, failed = bench.baseline(), 0, True
    while failed:
        nth += 1
        bench.kernel.faults.fail_nth(nth)
        try:
            app.close(alloc(app, VIDEO, 3 * PAGE))
        except KernelError as error:
            assert error.errno != EINVAL, str(error)
        failed = bench.kernel.faults.failed is not None
        assert bench.baseline() == before
    assert nth > 6
    bench.kernel.faults.fail_nth(0)
    app.close(alloc(app, VIDEO, SIZE))


def test_a_device_that_was_refused_faults_if_it_tries(bench: TeeBench, app: Process) -> None:
    """What the display has mapped is not the camera's, at that address or at the memory's own."""
    dmabuf = bench.get(app, alloc(app, VIDEO, PAGE))
    attachment = dma_buf_attach(dmabuf, bench.device("lcdif"))
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    port = bench.machine.dma_port(bench.device("camera").node)
    for address in (int(sgt.dma_address[0]), BASE):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            port.read(Iova(address), 16)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def messages(bench: TeeBench) -> list[str]:
    return [entry.text for entry in bench.kernel.log.entries]
