"""IOMMU groups of the rehearsal board and variants of it: who shares a domain, and who gets none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from devices.smmuv3.driver.domain import SmmuDomain
from soc.address import Iova
from soc.errors import BadInput
from soc.iommu.port import DmaAbort
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import DomainKind
from soc.kernel.scatterlist import DmaDirection
from soc.scenario.stale import StaleWatch
from tests.kernel.rehearsal import CAMERA, DISPLAY, PAGE, Rehearsal

TO, BOTH = DmaDirection.TO_DEVICE, DmaDirection.BIDIRECTIONAL
SMMU = "/soc/iommu@2b400000"
CAMERA_IOMMUS = "iommus: [[*smmu, 0x11]]"
CHOSEN = "chosen:\n"


@pytest.fixture
def rehearsal(tmp_path):
    """Boots a variant of the board: replacements of text, and kernel arguments."""
    boards: list[Rehearsal] = []

    def boot(*changes: tuple[str, str], bootargs: str = "") -> Rehearsal:
        def change(text: str) -> str:
            for old, new in (*changes, (CHOSEN, f"chosen:\n  bootargs: '{bootargs}'\n")):
                assert old in text
                text = text.replace(old, new)
            return text

        boards.append(Rehearsal(tmp_path, change))
        return boards[-1]

    yield boot
    for board in boards:
        board.close()


Boot = Callable[..., Rehearsal]


def mapped(board: Rehearsal, label: str, direction: DmaDirection = BOTH) -> tuple[Iova, int]:
    """A page mapped for a device: its IOVA and its physical address."""
    sgt = board.buffer(1)
    dma_map_sgtable(board.device(label), sgt, direction)
    return Iova(int(sgt.dma_address[0])), int(sgt.starts[0])


# --- groups -----------------------------------------------------------------------


def test_each_stream_of_its_own_is_a_group_of_its_own(rehearsal):
    board = rehearsal()
    camera, display = (board.device(label).iommu_domain for label in ("camera", "lcdif"))
    assert isinstance(camera, SmmuDomain) and isinstance(display, SmmuDomain)
    assert camera is not display and camera.asid != display.asid
    assert [(group.number, group.devices) for group in board.kernel.iommu.groups] == [
        (0, ("32e00000.lcdif",)),
        (1, ("32e20000.camera",)),
        (2, ("30bd0000.dma-controller",)),
    ]
    assert "platform 32e20000.camera: Adding to iommu group 1" in board.log()
    iova, address = mapped(board, "camera")
    assert board.port(CAMERA).read(iova, 4)[0].address == address
    with pytest.raises(DmaAbort, match="stream 0x10: read at iova .* aborted: F_TRANSLATION"):
        board.port(DISPLAY).read(iova, 4)


def test_devices_of_one_stream_share_a_domain(rehearsal):
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x10]]"))
    assert board.device("camera").iommu_domain is board.device("lcdif").iommu_domain is not None
    assert board.kernel.iommu.devices_of(SMMU, 0x10) == ("32e00000.lcdif", "32e20000.camera")
    assert board.kernel.iommu.devices_of(SMMU, 0x11) == ()
    one, address = mapped(board, "camera")
    two, _ = mapped(board, "lcdif", TO)
    assert one != two
    span, _ = board.port(DISPLAY).read(one, 4)
    assert span.address == address, "a mapping made for one is visible to the other"


def test_all_streams_of_a_device_share_its_domain(rehearsal):
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x11], [*smmu, 0x20]]"))
    camera, sgt = board.device("camera"), board.buffer(1)
    dma_map_sgtable(camera, sgt, BOTH)
    iova = Iova(int(sgt.dma_address[0]))
    for stream in (0x11, 0x20):
        assert board.port(stream).read(iova, 4)[0].address == sgt.starts[0]
    dma_unmap_sgtable(camera, sgt, BOTH)
    for stream in (0x11, 0x20):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            board.port(stream).read(iova, 4)


def test_a_device_that_joins_brings_its_other_streams_into_the_group(rehearsal):
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x10], [*smmu, 0x20]]"))
    iova, address = mapped(board, "lcdif")
    assert board.port(0x20).read(iova, 4)[0].address == address
    assert board.kernel.iommu.devices_of(SMMU, 0x20) == ("32e20000.camera",)


# --- no IOMMU: the classic surprise -------------------------------------------------


def refusal(board: Rehearsal, label: str = "camera") -> str:
    """Why a device goes on with direct addresses."""
    device = board.device(label)
    assert device.iommu_domain is None
    prefix = f"platform {device.name}: no IOMMU, direct addresses: "
    (line,) = [line for line in board.log() if line.startswith(prefix)]
    return line.removeprefix(prefix)


def test_a_stream_out_of_range_leaves_the_device_on_direct_addresses(rehearsal):
    """Like Linux after any failure but -EPROBE_DEFER."""
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x10001]]"))
    assert refusal(board) == "-EINVAL: stream 0x10001 is beyond the table's 65536 entries"
    sgt = board.buffer(1)
    dma_map_sgtable(board.device("camera"), sgt, BOTH)
    assert sgt.dma_address.tolist() == sgt.starts.tolist()
    assert [group.devices for group in board.kernel.iommu.groups] == [
        ("32e00000.lcdif",),
        ("30bd0000.dma-controller",),
    ]


def test_streams_that_were_attached_before_a_refused_one_are_detached(rehearsal):
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x11], [*smmu, 0x10001]]"))
    assert refusal(board).startswith("-EINVAL: stream 0x10001")
    with pytest.raises(DmaAbort, match="C_BAD_STE"):
        board.port(0x11).read(Iova(0x8000_0000), 4)
    assert board.smmu_driver.last_owner(0x11, 0x1000) == "the stream has no domain"


@pytest.mark.parametrize("fails_after", range(4))
def test_without_memory_for_tables_the_device_goes_on_directly(monkeypatch, fails_after):
    """Whichever table cannot be had: nothing is kept, no stream is half attached."""
    board = Rehearsal()
    groups, memory, node = board.kernel.iommu, board.kernel.memory, board.device("camera").node
    groups.release()
    with pytest.raises(DmaAbort, match="C_BAD_STE"):
        board.port(CAMERA).read(Iova(0x1000), 4)
    alloc, left, before = memory.alloc_pages, [fails_after], memory.pages.free_frames

    def few(count: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise KernelError(12, f"no {count} contiguous free pages")
        return alloc(count)

    monkeypatch.setattr(memory, "alloc_pages", few)
    domain = groups.attach(node, "32e20000.camera")
    assert (domain is None) == (fails_after < 2)
    assert len(groups.groups) == (domain is not None)
    if domain is None:
        assert board.log()[-1] == (
            "platform 32e20000.camera: no IOMMU, direct addresses: -ENOMEM: no 1 contiguous free pages"
        )
        assert memory.pages.free_frames == before
    board.close()


def test_a_device_cannot_bridge_two_groups(rehearsal):
    third = (
        "  # Distributor, then",
        "  third@32e40000: &third {compatible: [dmabuf-soc,camera], reg: [[0x32e40000, 0x1000]],\n"
        "    interrupts: [[spi, 17, level-high]], iommus: [[*smmu, 0x11], [*smmu, 0x10]]}\n\n"
        "  # Distributor, then",
    )
    board = rehearsal(third)
    assert refusal(board, "third") == "-EINVAL: its streams belong to groups 1 and 0"
    for label in ("camera", "lcdif"):
        assert board.device(label).iommu_domain is not None


def test_streams_of_two_iommus_are_refused(rehearsal):
    second = (
        "  serial@30860000: &uart",
        "  iommu@2b600000: &other\n    compatible: arm,smmu-v3\n    reg: [[0x2b600000, 0x20000]]\n"
        "    '#iommu-cells': 1\n    interrupts: [[spi, 80, edge-rising], [spi, 81, edge-rising], "
        "[spi, 82, edge-rising]]\n    interrupt-names: [eventq, gerror, cmdq-sync]\n\n"
        "  serial@30860000: &uart",
    )
    board = rehearsal(second, (CAMERA_IOMMUS, "iommus: [[*smmu, 0x11], [*other, 0x11]]"))
    assert refusal(board) == f"-EINVAL: its streams belong to {SMMU} and /soc/iommu@2b600000"


def test_the_smmuv3_binding_has_one_cell(rehearsal):
    cells = ("'#iommu-cells': 1", "'#iommu-cells': 2")
    camera = (CAMERA_IOMMUS, "iommus: [[*smmu, 0x11, 0xff]]")
    others = ("[[*smmu, 0x10]]", "[[*smmu, 0x10, 0]]"), ("[[*smmu, 0x12]]", "[[*smmu, 0x12, 0]]")
    board = rehearsal(cells, camera, *others)
    assert refusal(board) == "-EINVAL: 2b400000.iommu takes one cell, a stream id, not 2"


def test_no_cell_is_stream_zero(rehearsal):
    cells = ("'#iommu-cells': 1", "'#iommu-cells': 0")
    others = ("[[*smmu, 0x10]]", "[*smmu]"), ("[[*smmu, 0x12]]", "[*smmu]")
    board = rehearsal(cells, (CAMERA_IOMMUS, "iommus: [*smmu]"), *others)
    iova, address = mapped(board, "camera")
    assert board.port(0).read(iova, 4)[0].address == address


# --- kernel arguments ----------------------------------------------------------------


def test_strict_is_the_default(rehearsal):
    board = rehearsal()
    assert board.device("camera").iommu_domain.kind is DomainKind.DMA
    log = board.log()
    assert "iommu: Default domain type: Translated" in log
    assert "iommu: DMA domain TLB invalidation policy: strict mode" in log


def test_passthrough_gives_identity_domains(rehearsal):
    board = rehearsal(bootargs="iommu.passthrough=1")
    domain = board.device("camera").iommu_domain
    assert domain is not None and not domain.translates
    assert "iommu: Default domain type: Passthrough" in board.log()
    address = board.kernel.memory.alloc_pages(1)
    assert board.port(CAMERA).read(Iova(address), 4)[0].address == address
    with pytest.raises(DmaAbort):
        board.port(0x77).read(Iova(address), 4)
    board.kernel.shutdown()


def test_lazy_unmap_leaves_the_device_a_window(rehearsal):
    """The hazard of iommu.strict=0: until the flush the IOTLB still translates, without a fault."""
    board = rehearsal(bootargs="iommu.strict=0")
    assert "iommu: DMA domain TLB invalidation policy: lazy mode" in board.log()
    device, sgt, port = board.device("camera"), board.buffer(1), board.port(CAMERA)
    watch = StaleWatch(board.kernel.iommu, board.machine.clock)
    watch.watch(SMMU, port)
    dma_map_sgtable(device, sgt, BOTH, what="frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    port.write(iova, np.arange(4, dtype=np.uint8))
    assert watch.count == 0, "a mapping in use is no stale one"
    dma_unmap_sgtable(device, sgt, BOTH)
    for _ in range(2):
        port.write(iova, np.full(4, 0xEE, dtype=np.uint8))
    assert board.machine.dram.view(sgt.starts[0], 4).tolist() == [0xEE] * 4, "memory of somebody else by now"
    assert port.peek(iova, 4) is not None
    (use,) = watch.uses
    assert (watch.count, use.describe()) == (
        2,
        f"stream 0x11: write at iova {iova:#x} (and 1 more) at 0.000000 s through a stale translation of "
        "32e20000.camera's mapping of frame-0, unmapped at 0.000000 s",
    )
    board.machine.clock.advance(10_000_000)
    board.machine.clock.run_due()
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.write(iova, np.arange(4, dtype=np.uint8))
    assert watch.count == 2
    assert device.iommu_domain.flush_queue.timer_flushes == 1


def test_strict_unmap_leaves_none(rehearsal):
    """The negative control: the same use faults at once and nothing is counted."""
    board = rehearsal()
    device, sgt, port = board.device("camera"), board.buffer(1), board.port(CAMERA)
    watch = StaleWatch(board.kernel.iommu, board.machine.clock)
    watch.watch(SMMU, port)
    dma_map_sgtable(device, sgt, BOTH, what="frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    port.read(iova, 4)
    dma_unmap_sgtable(device, sgt, BOTH)
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.read(iova, 4)
    assert (watch.count, watch.uses) == (0, [])


def test_a_lazy_fault_says_that_others_may_not_fault(rehearsal):
    board = rehearsal(bootargs="iommu.strict=0")
    device, sgt = board.device("camera"), board.buffer(2)
    dma_map_sgtable(device, sgt, BOTH, what="frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    board.port(CAMERA).read(iova, 4)
    dma_unmap_sgtable(device, sgt, BOTH)
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        board.port(CAMERA).read(Iova(iova + PAGE), 4)
    board.interrupts()
    assert board.log()[-1].endswith(
        f"last owner: 32e20000.camera's mapping of frame-0 at {iova:#x}..{iova + 2 * PAGE - 1:#x}, "
        "unmapped at 0.000000 s, not invalidated yet (lazy): its translation may still be live"
    )


def test_shutdown_with_ranges_in_the_queue_gives_all_memory_back(rehearsal):
    left = []
    for strict in (0, 1):
        board = rehearsal(bootargs=f"iommu.strict={strict}")
        device, sgt = board.device("camera"), board.buffer(2)
        dma_map_sgtable(device, sgt, BOTH)
        dma_unmap_sgtable(device, sgt, BOTH)
        assert board.machine.clock.next_event() == (None if strict else 10_000_000)
        board.kernel.shutdown()
        assert (board.kernel.iommu.groups, board.kernel.iommu.ops) == ([], {})
        assert board.machine.clock.next_event() is None
        left.append(board.kernel.memory.pages.free_frames)
    assert left[0] == left[1]


# --- reserved ranges -------------------------------------------------------------------


def splash(addresses: str) -> tuple[str, str]:
    """The frame buffer region with `iommu-addresses`."""
    region = "    reg: [[0xb0000000, 64M]]\n"
    return region, region + f"    iommu-addresses: {addresses}\n"


def test_iommu_addresses_are_kept_from_the_allocator_of_that_device(rehearsal):
    board = rehearsal(splash('[["&camera", 0xfff00000, 1M]]'))
    assert mapped(board, "camera")[0] == 0xFFEF_F000
    assert mapped(board, "lcdif")[0] == 0xFFFF_F000
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        board.port(CAMERA).read(Iova(0xFFF0_0000), 4)


def test_the_region_itself_is_mapped_to_itself(rehearsal):
    """What a boot loader left on the screen goes on being read."""
    board = rehearsal(splash('[["&lcdif", 0xb0000000, 64M]]'))
    for iova in (0xB000_0000, 0xB3FF_F000):
        assert board.port(DISPLAY).read(Iova(iova), 4)[0].address == iova
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        board.port(CAMERA).read(Iova(0xB000_0000), 4)


@pytest.mark.parametrize(
    ("addresses", "problem"),
    [
        (
            '[["&camera", 0x1000]]',
            "bad cell count: iommu-addresses of /reserved-memory/framebuffer@b0000000 has 1 numbers "
            "after the device, not 2 [address, size]",
        ),
        (
            '[["&camera", 0x1000, 0x10]]',
            "iommu-addresses of /reserved-memory/framebuffer@b0000000 is not whole pages",
        ),
        (
            '[["&camera", 0x1000, 0]]',
            "iommu-addresses of /reserved-memory/framebuffer@b0000000 is not whole pages",
        ),
    ],
)
def test_malformed_iommu_addresses(rehearsal, tmp_path: Path, addresses, problem):
    with pytest.raises(BadInput) as caught:
        rehearsal(splash(addresses))
    assert problem in str(caught.value)
    assert "board.yaml:" in str(caught.value)


# --- substreams ------------------------------------------------------------------------


def test_a_substream_has_an_address_space_of_its_own(rehearsal):
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x11]]\n    pasid-num-bits: 12"))
    device, groups = board.device("camera"), board.kernel.iommu
    domain = groups.attach_substream(device.node, device.name, 0xABC)
    frame = board.kernel.memory.alloc_pages(1) >> 12
    iova = domain.map(np.array([frame]), BOTH, device.name, "context 0xabc", 0)
    port = board.port(CAMERA)
    port.substream = 0xABC
    assert port.read(iova, 4)[0].frames.tolist() == [frame]
    plain, address = mapped(board, "camera")
    assert plain == iova, "the same address means something else there"
    assert board.port(CAMERA).read(plain, 4)[0].address == address
    port.substream = 0xABD
    with pytest.raises(DmaAbort, match="C_BAD_"):
        port.read(iova, 4)
    board.kernel.shutdown()


@pytest.mark.parametrize("substream", [0, 16, -1])
def test_substreams_are_limited_by_the_device(rehearsal, substream):
    board = rehearsal((CAMERA_IOMMUS, "iommus: [[*smmu, 0x11]]\n    pasid-num-bits: 4"))
    device = board.device("camera")
    with pytest.raises(KernelError) as caught:
        board.kernel.iommu.attach_substream(device.node, device.name, substream)
    assert str(caught.value) == f"-EINVAL: 32e20000.camera has no substream {substream:#x}"


def test_a_device_without_iommu_has_no_substreams(rehearsal):
    board = rehearsal()
    device = board.device("uart")
    with pytest.raises(KernelError, match=f"-ENODEV: {device.name} has no IOMMU"):
        board.kernel.iommu.attach_substream(device.node, device.name, 1)
