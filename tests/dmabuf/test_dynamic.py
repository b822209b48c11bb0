"""Exporters whose storage moves, importers that follow: the matrix, pin, move_notify, kept mappings."""

from __future__ import annotations

from dataclasses import replace
from errno import EBUSY, EINVAL, ENOMEM

import pytest

from soc.dmabuf import (
    DmaBufAttachment,
    DmaBufAttachOps,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_dynamic_attach,
    dma_buf_export,
    dma_buf_map_attachment_unlocked,
    dma_buf_move_notify,
    dma_buf_pin,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_unpin,
)
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from tests.dmabuf.dynamic_exporter import DynamicExporter, Follower, with_move_notify
from tests.dmabuf.small_kernel import SIZE, Exporter, SmallDevice, SmallKernel

TO_DEVICE, FROM_DEVICE, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
MODERN = [Generation.V6_12, Generation.V6_15, Generation.V6_19]


@pytest.fixture(params=MODERN, ids=str)
def generation(request: pytest.FixtureRequest) -> Generation:
    assert isinstance(request.param, Generation)
    return request.param


MATRIX = {
    # exporter, importer, move_notify built in: calls of 6.12 after attach, map, unmap; the same since 6.15
    ("static", "static", False): (["map", "unmap"], ["map", "unmap"]),
    ("static", "dynamic", False): (["map kept", "unmap kept"], ["map", "unmap"]),
    ("dynamic", "static", False): (
        ["pin", "map kept", "unmap kept", "unpin"],
        ["pin", "map", "unmap", "unpin"],
    ),
    ("dynamic", "static", True): (
        ["pin", "map kept", "unmap kept", "unpin"],
        ["pin", "map", "unmap", "unpin"],
    ),
    ("dynamic", "dynamic", False): (["pin", "map", "unmap", "unpin"], ["pin", "map", "unmap", "unpin"]),
    ("dynamic", "dynamic", True): (["map", "unmap"], ["map", "unmap"]),
}


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row[0]}-{row[1]}-{'notify' if row[2] else 'none'}")
def test_the_dynamic_matrix(
    kernel: SmallKernel, camera: SmallDevice, generation: Generation, row: tuple[str, str, bool]
) -> None:
    exporter = DynamicExporter(kernel) if row[0] == "dynamic" else Exporter(kernel)
    with_move_notify(kernel, row[2])
    dmabuf = exporter.export()
    ops = Follower().ops() if row[1] == "dynamic" else None
    attachment = dma_buf_dynamic_attach(dmabuf, camera, ops, "mine")
    at_attach = exporter.calls[1:]
    sgt = dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
    kept = attachment.sgt is sgt
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO_DEVICE)
    after_unmap = len(exporter.calls)
    dma_buf_detach(dmabuf, attachment)
    expected = MATRIX[row][generation >= Generation.V6_15]
    calls = [call.removesuffix(" camera") for call in exporter.calls]
    assert calls == ["attach", *(call.removesuffix(" kept") for call in expected), "detach"]
    assert kept is any(call.endswith("kept") for call in expected)
    assert bool(at_attach) is kept, "what is kept was mapped by attach"
    assert (len(exporter.calls) - after_unmap > 1) is kept, "and goes with detach"
    if kept:
        assert attachment.direction is BOTH
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert kernel.log.warnings == []


@pytest.mark.parametrize("step", ["pin", "map"])
def test_a_kept_mapping_that_fails_undoes_the_attach(
    kernel: SmallKernel, camera: SmallDevice, step: str
) -> None:
    exporter = DynamicExporter(kernel, fail=(step, ENOMEM))
    dmabuf = exporter.export()
    if kernel.generation is not Generation.V6_12:
        attachment = dma_buf_attach(dmabuf, camera)
        with pytest.raises(KernelError) as error:
            dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
        dma_buf_detach(dmabuf, attachment)
    else:
        with pytest.raises(KernelError) as error:
            dma_buf_attach(dmabuf, camera)
    assert error.value.errno == ENOMEM
    assert exporter.calls.count("pin camera") - (step == "pin") == exporter.calls.count("unpin camera")
    assert (dmabuf.attachments, dmabuf.mappings, exporter.calls[-1]) == ([], [], "detach camera")
    assert kernel.log.warnings == []


def test_a_pin_refused_with_ebusy_is_a_warning_since_6_15(kernel: SmallKernel, camera: SmallDevice) -> None:
    exporter = DynamicExporter(kernel)
    attachment = dma_buf_dynamic_attach(exporter.export(), camera, Follower().ops())
    exporter.fail = ("pin", EBUSY)
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
    assert error.value.errno == EBUSY
    told = ["dma_buf_map_attachment: pin of dma-buf 1 'test' must not fail with -EBUSY"]
    assert kernel.log.warnings == (told if kernel.generation >= Generation.V6_15 else [])


def test_an_importer_without_move_notify_is_no_dynamic_one(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice
) -> None:
    with pytest.raises(KernelError) as error:
        dma_buf_dynamic_attach(exporter.export(), camera, DmaBufAttachOps(None))
    assert error.value.errno == EINVAL
    assert kernel.log.warnings == ["dma_buf_dynamic_attach: camera has no move_notify"]


def test_move_notify_reaches_the_dynamic_importers_with_the_lock_held(
    kernel: SmallKernel, camera: SmallDevice, display: SmallDevice
) -> None:
    exporter, follower = DynamicExporter(kernel), Follower()
    dmabuf = exporter.export()
    dma_buf_dynamic_attach(dmabuf, camera, follower.ops())
    dma_buf_attach(dmabuf, display)
    with dmabuf.resv.locked():
        dma_buf_move_notify(dmabuf)
    assert (follower.notified, follower.held) == (1, [True])
    assert [event.who for event in dmabuf.history if event.what == "move_notify"] == ["camera"]
    dma_buf_move_notify(dmabuf)
    assert kernel.log.warnings == [
        "dma_buf_move_notify: the reservation lock of dma-buf 1 'test' is not held"
    ]


@pytest.mark.parametrize("errno", [EINVAL, ENOMEM, EBUSY])
def test_pin_passes_the_exporters_errno(kernel: SmallKernel, camera: SmallDevice, errno: int) -> None:
    exporter = DynamicExporter(kernel)
    attachment = dma_buf_dynamic_attach(exporter.export(), camera, Follower().ops())
    exporter.fail = ("pin", errno)
    with attachment.dmabuf.resv.locked(), pytest.raises(KernelError) as error:
        dma_buf_pin(attachment)
    assert error.value.errno == errno
    assert kernel.log.warnings == []


def test_pin_and_unpin_of_a_static_importer_are_warnings(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice
) -> None:
    attachment = dma_buf_attach(exporter.export(), camera)
    with attachment.dmabuf.resv.locked():
        dma_buf_pin(attachment)
        dma_buf_unpin(attachment)
    who = "attachment of camera to dma-buf 1 'test' is not dynamic"
    assert kernel.log.warnings == [f"dma_buf_pin: {who}", f"dma_buf_unpin: {who}"]


# --- cache_sgt_mapping, until 6.14 -----------------------------------------------------


def cached(kernel: SmallKernel, device: SmallDevice) -> tuple[Exporter, DmaBufAttachment]:
    exporter = Exporter(kernel)
    ops = replace(exporter.ops(), cache_sgt_mapping=True)
    return exporter, dma_buf_attach(dma_buf_export(kernel, exporter, ops, SIZE, 2, "test"), device)


@pytest.mark.parametrize(
    ("first", "second", "errno"),
    [
        (TO_DEVICE, TO_DEVICE, None),
        (BOTH, TO_DEVICE, None),
        (TO_DEVICE, FROM_DEVICE, EBUSY),
        (TO_DEVICE, BOTH, EBUSY),
    ],
)
def test_a_cached_mapping_is_handed_out_again(
    kernel: SmallKernel, camera: SmallDevice, first: DmaDirection, second: DmaDirection, errno: int | None
) -> None:
    exporter, attachment = cached(kernel, camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, first)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, first)
    if kernel.generation is not Generation.V6_12:
        assert dma_buf_map_attachment_unlocked(attachment, second) is not sgt
        assert exporter.calls.count("map camera") == 2
        return
    assert exporter.calls == ["attach camera", "map camera"], "unmap did nothing"
    if errno is None:
        assert dma_buf_map_attachment_unlocked(attachment, second) is sgt
    else:
        with pytest.raises(KernelError) as error:
            dma_buf_map_attachment_unlocked(attachment, second)
        assert error.value.errno == errno
    dma_buf_detach(attachment.dmabuf, attachment)
    assert exporter.calls == ["attach camera", "map camera", "unmap camera", "detach camera"]
    assert kernel.log.warnings == []


@pytest.mark.parametrize("missing", ["pin", "unpin"])
def test_export_wants_pin_and_unpin_together(kernel: SmallKernel, missing: str) -> None:
    exporter = DynamicExporter(kernel)
    with pytest.raises(KernelError) as error:
        dma_buf_export(kernel, exporter, replace(exporter.ops(), **{missing: None}), SIZE, 2)
    assert error.value.errno == EINVAL
    assert kernel.log.warnings == ["dma_buf_export: pin and unpin come together or not at all"]


def test_export_wants_no_cached_mapping_of_storage_that_moves(kernel: SmallKernel) -> None:
    exporter = DynamicExporter(kernel)
    with pytest.raises(KernelError) as error:
        dma_buf_export(kernel, exporter, replace(exporter.ops(), cache_sgt_mapping=True), SIZE, 2)
    assert error.value.errno == EINVAL
    assert kernel.log.warnings == ["dma_buf_export: pin and unpin do not go with cache_sgt_mapping"]
