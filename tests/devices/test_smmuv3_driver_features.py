"""The SMMUv3 driver on other implementations: what it reads from the identification registers.

The hardware model offers everything, so hiding a feature shows that the driver
does without it and that the traffic still finds its way.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devices.catalogue import models
from devices.drivers import DRIVERS
from devices.smmuv3.driver.domain import SmmuDomain
from devices.smmuv3.driver.features import Feature
from devices.smmuv3.regs import TABLE
from devices.smmuv3.spec import Command, Opcode
from soc.address import Iova
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.iommu.port import DmaAbort, DmaStalled
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import LEAF, IommuFault
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import DmaDirection
from soc.mmu.vmsa import Granule
from tests.kernel.rehearsal import BOARD, CAMERA, DISPLAY, PAGE, Rehearsal

TO, FROM, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
S2P, S1P, STALLS = 1 << 0, 1 << 1, 3 << 24
RIL = 1 << 10


class Changed(Rehearsal):
    """A board whose SMMU identifies itself otherwise: `clear` and `put` by register."""

    def __init__(
        self,
        clear: dict[str, int] | None = None,
        put: dict[str, int] | None = None,
        board: Path = BOARD,
    ) -> None:
        self.machine = Machine(load_board(board), models())
        regs = self.smmu.regs
        for name, bits in (clear or {}).items():
            regs.set(name, regs.get(name) & ~bits)
        for name, bits in (put or {}).items():
            regs.set(name, regs.get(name) | bits)
        self.kernel = Kernel(self.machine, DRIVERS)
        self.kernel.boot()

    def domain(self, label: str = "lcdif") -> SmmuDomain:
        domain = self.device(label).iommu_domain
        assert isinstance(domain, SmmuDomain)
        return domain

    def map(self, frames: range | list[int], direction: DmaDirection = BOTH) -> Iova:
        return self.domain().map(np.array(list(frames), dtype=np.int64), direction, "lcdif", "frame", 0)


@pytest.fixture
def changed():
    boards: list[Changed] = []

    def boot(
        clear: dict[str, int] | None = None, put: dict[str, int] | None = None, board: Path = BOARD
    ) -> Changed:
        boards.append(Changed(clear, put, board))
        return boards[-1]

    yield boot
    for board in boards:
        board.close()


def free_frame(board: Rehearsal, pages: int = 1) -> int:
    return board.kernel.memory.alloc_pages(pages) >> 12


# --- what it cannot drive --------------------------------------------------------


@pytest.mark.parametrize(
    ("clear", "put", "problem"),
    [
        ({"IDR0": S1P | S2P}, {}, "no translation support!"),
        ({"IDR0": 2 << 2}, {"IDR0": 1 << 2}, "AArch64 table format not supported!"),
        ({"IDR0": 3 << 21}, {"IDR0": 1 << 21}, "unknown/unsupported TT endianness!"),
        ({"IDR1": 0x1F << 21}, {"IDR1": 6 << 21}, "command queue size <= 64 entries not supported"),
    ],
)
def test_what_the_driver_cannot_use_fails_its_probe(changed, clear, put, problem):
    board = changed(clear, put)
    assert f"arm-smmu-v3 2b400000.iommu: probe failed: -ENXIO: {problem}" in board.log()
    assert "platform 32e00000.lcdif: deferred probe pending" in board.log()


# --- stream tables and queues ------------------------------------------------------


def test_few_stream_ids_get_a_linear_table(changed):
    board = changed({"IDR1": 0x3F}, {"IDR1": 8})
    smmu = board.device("smmu").ioremap()
    assert smmu.readl(TABLE.offset("STRTAB_BASE_CFG")) == 8
    frame = free_frame(board)
    assert board.port(DISPLAY).read(board.map([frame]), 4)[0].frames.tolist() == [frame]
    with pytest.raises(DmaAbort, match="C_BAD_STREAMID"):
        board.port(0x100).read(Iova(0), 4)


def test_without_two_levels_the_table_is_linear_whatever_its_size(changed):
    board = changed({"IDR0": 3 << 27})
    smmu = board.device("smmu").ioremap()
    assert smmu.readl(TABLE.offset("STRTAB_BASE_CFG")) == 16
    frame = free_frame(board)
    assert board.port(DISPLAY).read(board.map([frame]), 4)[0].frames.tolist() == [frame]


def test_level_two_tables_are_made_for_the_streams_in_use(changed, tmp_path):
    board = tmp_path / "board.yaml"
    board.write_text(BOARD.read_text(encoding="utf-8").replace("[[*smmu, 0x11]]", "[[*smmu, 0x4711]]"))
    board = changed(board=board)
    streams = board.smmu_driver._streams
    assert sorted(streams._second) == [0x00, 0x47]
    domain = board.domain("camera")
    frame = free_frame(board)
    iova = domain.map(np.array([frame]), BOTH, "camera", "frame", 0)
    assert board.port(0x4711).read(iova, 4)[0].frames.tolist() == [frame]
    for stream, event in ((0x4712, "C_BAD_STE"), (0x4811, "C_BAD_STREAMID")):
        with pytest.raises(DmaAbort, match=event):
            board.port(stream).read(iova, 4)


# --- invalidation --------------------------------------------------------------------


@pytest.mark.parametrize(("pages", "opcodes"), [(1, 1), (16, 16), (17, 1), (2048, 1)])
def test_without_range_commands(changed, pages, opcodes):
    """Some pages one by one, more by address space: one command then."""
    board = changed({"IDR3": RIL})
    domain = board.domain()
    commands = [Command.parse(words) for words in domain.invalidate_commands(0x80_0000, pages << 12)]
    assert len(commands) == opcodes
    if pages > 16:
        assert [(command.opcode, command.asid) for command in commands] == [
            (Opcode.TLBI_NH_ASID, domain.asid)
        ]
    else:
        assert [command.address for command in commands] == [0x80_0000 + at * PAGE for at in range(pages)]
        assert {(command.opcode, command.tg) for command in commands} == {(Opcode.TLBI_NH_VA, 0)}
    first = free_frame(board, 32)
    frames = range(first, first + min(pages, 32))
    iova = board.map(frames)
    board.port(DISPLAY).read(iova, len(frames) * PAGE)
    domain.unmap(iova, 0)
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        board.port(DISPLAY).read(iova, 4)


# --- stage 2 and granules -----------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "reads", "writes"), [(TO, True, False), (FROM, False, True), (BOTH, True, True)]
)
def test_an_smmu_with_stage_2_only_has_write_only_pages(changed, direction, reads, writes):
    board = changed({"IDR0": S1P})
    domain = board.domain()
    assert (domain.geometry.stage, domain.geometry.input_bits, domain.asid, domain.vmid) == (2, 40, 0, 1)
    assert domain.table.start_level == 1, "two tables side by side instead of a level"
    frame = free_frame(board)
    iova, port = board.map([frame], direction), board.port(DISPLAY)
    for access, allowed in (
        (lambda: port.read(iova, 4), reads),
        (lambda: port.write(iova, np.zeros(4, dtype=np.uint8)), writes),
    ):
        if allowed:
            access()
        else:
            with pytest.raises(DmaAbort, match="F_PERMISSION"):
                access()
    domain.unmap(iova, 0)
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.read(iova, 4)
    board.interrupts()
    assert any(' s2 "Input address caused fault"' in line for line in board.log())


def test_stage_2_gives_its_memory_back(changed):
    board = changed({"IDR0": S1P})
    driver, before = board.smmu_driver, board.kernel.memory.pages.free_frames
    domain = driver.domain_alloc(board.domain().kind)
    assert board.kernel.memory.pages.free_frames == before - 2
    domain.release()
    driver.domain_free(domain)
    assert board.kernel.memory.pages.free_frames == before
    with pytest.raises(KernelError, match="-EINVAL: 2b400000.iommu has no substreams without stage 1"):
        driver.attach_domain(DISPLAY, board.domain(), None, 1)


@pytest.mark.parametrize(
    ("missing", "granule"), [(1 << 4, Granule.K16), (3 << 4, Granule.K64)], ids=["16 KiB", "64 KiB"]
)
def test_the_smallest_granule_of_the_smmu_is_used(changed, missing, granule):
    board = changed({"IDR5": missing})
    domain, pages = board.domain(), 1 << (granule - 12)
    assert domain.geometry.granule is granule
    first, second = free_frame(board, pages), free_frame(board, pages)
    frames = [*range(second, second + pages), *range(first, first + pages)]
    iova, port = board.map(frames), board.port(DISPLAY)
    assert iova % (1 << granule) == 0
    assert port.read(iova, len(frames) * PAGE)[0].frames.tolist() == frames
    domain.unmap(iova, 0)
    for page in range(len(frames)):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            port.read(Iova(iova + page * PAGE), 4)
    with pytest.raises(KernelError, match=f"-EINVAL: the range is not whole pages of {1 << granule} bytes"):
        board.map([first])


# --- stalls -----------------------------------------------------------------------------


@pytest.fixture
def stalling(changed, tmp_path):
    """The display can wait for a fault to be answered; the camera cannot."""
    board = tmp_path / "board.yaml"
    node = "    iommus: [[*smmu, 0x10]]\n"
    text = BOARD.read_text(encoding="utf-8").replace(node, node + "    dma-can-stall: true\n")
    board.write_text(text, encoding="utf-8")
    return changed(board=board)


def test_a_stalled_access_is_tried_again_when_the_handler_mends_it(stalling):
    domain, frame, answers = stalling.domain(), free_frame(stalling), []

    def mend(fault: IommuFault) -> int:
        assert fault.stalled
        domain.table.map(fault.iova >> 12, np.array([frame]), LEAF)
        return 0

    domain.fault_handler = mend
    with pytest.raises(DmaStalled) as caught:
        stalling.port(DISPLAY).read(Iova(0x5000), 4)
    before = len(stalling.log())
    caught.value.wait(answers.append)
    assert answers == []
    stalling.interrupts()
    assert answers == [True]
    assert len(stalling.log()) == before, "nothing went wrong"
    assert stalling.port(DISPLAY).read(Iova(0x5000), 4)[0].frames.tolist() == [frame]


@pytest.mark.parametrize("handled", [False, True], ids=["no handler", "handler fails"])
def test_a_stalled_access_that_nobody_mends_is_aborted_and_logged(stalling, handled):
    answers = []
    if handled:
        stalling.domain().fault_handler = lambda fault: -14
    with pytest.raises(DmaStalled) as caught:
        stalling.port(DISPLAY).read(Iova(0x5000), 4)
    caught.value.wait(answers.append)
    stalling.interrupts()
    assert answers == [False]
    assert '"Input address caused fault" stall stag: 0x' in stalling.log()[-2]
    assert stalling.log()[-1].endswith(
        "F_TRANSLATION: stream 0x10 read at iova 0x5000; last owner: never mapped"
    )


def test_a_device_that_cannot_wait_does_not_stall(stalling):
    with pytest.raises(DmaAbort) as caught:
        stalling.port(CAMERA).read(Iova(0x5000), 4)
    assert not isinstance(caught.value, DmaStalled)


def test_without_stalls_in_the_smmu_nobody_stalls(changed, tmp_path):
    board = tmp_path / "board.yaml"
    node = "    iommus: [[*smmu, 0x10]]\n"
    text = BOARD.read_text(encoding="utf-8").replace(node, node + "    dma-can-stall: true\n")
    board.write_text(text, encoding="utf-8")
    machine = changed({"IDR0": STALLS}, {"IDR0": 1 << 24}, board)
    assert not machine.smmu_driver._probed.has(Feature.STALLS)
    with pytest.raises(DmaAbort) as caught:
        machine.port(DISPLAY).read(Iova(0x5000), 4)
    assert not isinstance(caught.value, DmaStalled)
