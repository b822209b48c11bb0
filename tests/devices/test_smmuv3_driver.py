"""The kernel's SMMUv3 driver on the rehearsal board: bring-up, domains, events, errors."""

from __future__ import annotations

import pytest

from devices.catalogue import DRIVERS
from devices.pl011.driver import Pl011Console
from devices.smmuv3.regs import TABLE
from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.errors import KernelError
from tests.kernel.rehearsal import DISPLAY, Rehearsal

PREFIX = "arm-smmu-v3 2b400000.iommu:"


@pytest.fixture
def board():
    board = Rehearsal()
    yield board
    board.close()


def register(board: Rehearsal, name: str) -> int:
    return board.device("smmu").ioremap().readl(TABLE.offset(name))


def abort(board: Rehearsal, stream: int, iova: int, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(DmaAbort):
            board.port(stream).read(Iova(iova), 4)


def test_bring_up_leaves_it_translating_and_silent(board):
    assert register(board, "CR0") == register(board, "CR0ACK") == 1 | 4 | 8
    assert register(board, "CR2") == 1 << 1
    assert register(board, "IRQ_CTRL") == 1 | 4
    assert register(board, "CMDQ_PROD") == register(board, "CMDQ_CONS") != 0
    assert register(board, "GERROR") == register(board, "EVENTQ_PROD") == 0
    assert f"{PREFIX} ias 39-bit, oas 40-bit (features 0x0540101a)" in board.log()


def test_an_event_reaches_the_log_as_linux_prints_it(board):
    abort(board, DISPLAY, 0x1234_5678)
    board.interrupts()
    assert board.log()[-6:] == [
        f"{PREFIX} event 0x10 received:",
        f"{PREFIX} \t0x0000001000000010",
        f"{PREFIX} \t0x0000020800000000",
        f"{PREFIX} \t0x0000000012345678",
        f"{PREFIX} \t0x0000000000000000",
        f"{PREFIX} F_TRANSLATION: stream 0x10 read at iova 0x12345678; last owner: never mapped",
    ]
    (record,) = board.smmu_driver.events
    assert (record.event.name, record.stream, record.iova, record.write) == (
        "F_TRANSLATION",
        0x10,
        0x1234_5678,
        False,
    )


@pytest.mark.parametrize(("stream", "name"), [(0x77, "C_BAD_STE"), (0x177, "C_BAD_STREAMID")])
def test_a_configuration_event_has_no_address(board, stream, name):
    abort(board, stream, 0x1234_5678)
    board.interrupts()
    assert board.log()[-1] == f"{PREFIX} {name}: stream {stream:#x}"
    assert board.smmu_driver.events[-1].stream == stream
    assert board.smmu_driver.last_owner(stream, 0) == "the stream has no domain"


def test_lost_events_are_said_to_be_lost():
    board = Rehearsal(drivers=[driver for driver in DRIVERS if driver is not Pl011Console])
    abort(board, DISPLAY, 0x1000, times=128)
    board.interrupts()
    overflow = f"{PREFIX} EVTQ overflow detected -- events lost"
    assert len(board.smmu_driver.events) == 128
    assert overflow not in board.log()
    for round_number in (1, 2):  # the overflow flag toggles both ways
        abort(board, DISPLAY, 0x1000, times=131)
        board.interrupts()
        assert board.log().count(overflow) == round_number
        assert len(board.smmu_driver.events) == 128 * (1 + round_number)
        assert register(board, "EVENTQ_PROD") == register(board, "EVENTQ_CONS")
    board.close()


def test_a_global_error_is_reported_and_acknowledged(board):
    smmu = board.device("smmu").ioremap()
    prod = smmu.readl(TABLE.offset("CMDQ_PROD"))
    queue = smmu.readq(TABLE.offset("CMDQ_BASE")) & 0xFFFF_FFFF_FFE0
    board.kernel.memory.words(queue + 16 * (prod % 256), 2)[:] = [0xFF, 0]
    smmu.writel(TABLE.offset("CMDQ_PROD"), prod + 1)
    board.kernel.memory.words(queue + 16 * (prod % 256), 2)[:] = [0x46, 0]
    board.interrupts()
    assert board.log()[-1] == f"{PREFIX} unexpected global error reported (0x00000001), this could be serious"
    assert register(board, "GERROR") == register(board, "GERRORN") == 1
    assert register(board, "CMDQ_CONS") == prod + 1


def test_commands_on_a_stopped_queue_time_out(board):
    smmu = board.device("smmu").ioremap()
    smmu.writel(TABLE.offset("CR0"), 1 | 4)
    domain = board.device("lcdif").iommu_domain
    cons = register(board, "CMDQ_CONS")
    with pytest.raises(KernelError) as caught:
        board.smmu_driver.invalidate(domain, Iova(0x1000), 0x1000)
    assert str(caught.value) == f"-ETIMEDOUT: CMD_SYNC timeout, CMDQ_CONS {cons:#x}"
    with pytest.raises(KernelError) as caught:
        for _ in range(300):
            board.smmu_driver.invalidate(domain, Iova(0x1000), 16 << 12)
    assert caught.value.errno == 110


def test_removal_turns_it_off_and_gives_its_memory_back(board):
    driver = board.smmu_driver
    allocated = list(driver._allocated)
    assert allocated
    driver.remove()
    assert register(board, "CR0") == 0
    assert driver._allocated == []
    address, pages = max(allocated, key=lambda block: block[1])
    assert board.port(DISPLAY).span(Iova(address), 4, False).address == address, "bypass again"
    board.kernel.memory.free_pages(board.kernel.memory.alloc_pages(pages), pages)
