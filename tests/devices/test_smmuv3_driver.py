"""The kernel's SMMUv3 driver on the rehearsal board: bring-up, tables, events, errors."""

from __future__ import annotations

import pytest

from devices.drivers import DRIVERS
from devices.pl011.driver import Pl011Console
from devices.smmuv3.driver.domain import SmmuDomain
from devices.smmuv3.regs import TABLE
from devices.smmuv3.spec import Command, EventId, EventRecord, FaultClass, Opcode
from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.dma import dma_map_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from tests.kernel.rehearsal import CAMERA, DISPLAY, Rehearsal

PREFIX = "arm-smmu-v3 2b400000.iommu:"
CONS_ERROR = 1 << 24


@pytest.fixture
def board():
    board = Rehearsal()
    yield board
    board.close()


def register(board: Rehearsal, name: str) -> int:
    return board.device("smmu").ioremap().readl(TABLE.offset(name))


def domain_of(board: Rehearsal, label: str = "lcdif") -> SmmuDomain:
    domain = board.device(label).iommu_domain
    assert isinstance(domain, SmmuDomain)
    return domain


def abort(board: Rehearsal, stream: int, iova: int, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(DmaAbort):
            board.port(stream).read(Iova(iova), 4)


def lines(board: Rehearsal) -> list[str]:
    """What the driver logged."""
    return [line.removeprefix(PREFIX)[1:] for line in board.log() if line.startswith(PREFIX)]


def test_bring_up_leaves_it_translating_and_silent(board):
    assert register(board, "CR0") == register(board, "CR0ACK") == 1 | 4 | 8
    assert register(board, "CR2") == 1 << 1
    assert register(board, "IRQ_CTRL") == 1 | 4
    assert register(board, "CMDQ_PROD") == register(board, "CMDQ_CONS") != 0
    assert register(board, "GERROR") == register(board, "EVENTQ_PROD") == 0
    assert register(board, "STRTAB_BASE_CFG") == 16 | 8 << 6 | 1 << 16, "two levels for 16-bit stream ids"
    assert lines(board) == [
        "ias 40-bit, oas 40-bit (features 0x00608fc7)",
        "msi_domain absent - falling back to wired irqs",
    ]
    assert board.kernel.log.warnings == []


def test_an_smmu_that_is_on_already_is_reset_loudly():
    board = Rehearsal(drivers=[driver for driver in DRIVERS if driver.name != "arm-smmu-v3"])
    mmio = board.device("gic").ioremap()
    mmio.base = 0x2B40_0000
    mmio.writel(TABLE.offset("CR0"), 1)
    again = Rehearsal.__new__(Rehearsal)
    again.machine = board.machine
    again.kernel = type(board.kernel)(board.machine, DRIVERS)
    again.kernel.boot()
    assert "SMMU currently enabled! Resetting..." in lines(again)
    assert register(again, "CR0") == 1 | 4 | 8
    board.close()


# --- events ---------------------------------------------------------------------


def test_an_event_reaches_the_log_as_linux_prints_it(board):
    abort(board, DISPLAY, 0x1234_5678)
    board.interrupts()
    assert lines(board)[-8:] == [
        "event 0x10 received:",
        "\t0x0000001000000010",
        "\t0x0000020800000000",
        "\t0x0000000012345678",
        "\t0x0000000000000000",
        "event: F_TRANSLATION client: 32e00000.lcdif sid: 0x10 ssid: 0x0 iova: 0x12345678 ipa: 0x0",
        'unpriv data read s1 "Input address caused fault" stag: 0x0',
        "F_TRANSLATION: stream 0x10 read at iova 0x12345678; last owner: never mapped",
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
    assert lines(board)[-2:] == [
        f"event: {name} client: (unassigned sid) sid: {stream:#x} ssid: 0x0",
        f"{name}: stream {stream:#x}",
    ]
    assert board.smmu_driver.events[-1].stream == stream
    assert board.smmu_driver.last_owner(stream, 0) == "the stream has no domain"


def test_events_of_every_kind_are_decoded(board):
    driver = board.smmu_driver
    fault = EventRecord(
        EventId.F_PERMISSION,
        CAMERA,
        Iova(0x5000),
        write=True,
        substream=3,
        privileged=True,
        stage2=True,
        kind=FaultClass.TTD,
        ipa=0x7000,
    )
    driver._eventq.handle(fault.build())
    assert lines(board)[-3:] == [
        "event: F_PERMISSION client: 32e20000.camera sid: 0x11 ssid: 0x3 iova: 0x5000 ipa: 0x7000",
        'priv data write s2 "Stage 1 translation table fetch" ttd_write stag: 0x0',
        "F_PERMISSION: stream 0x11 write at iova 0x5000; last owner: the stream has no domain",
    ]
    driver._eventq.handle(EventRecord(EventId.F_CD_FETCH, CAMERA, fetch=0x8000_0040).build())
    assert lines(board)[-2:] == [
        "event: F_CD_FETCH client: 32e20000.camera sid: 0x11 ssid: 0x0 fetch_addr: 0x80000040",
        "F_CD_FETCH: stream 0x11",
    ]


@pytest.mark.parametrize("words", [[0xFF, 1, 2, 3], [0, 0, 0, 0], [0x10, 3 << 40, 0, 0], [(1 << 64) - 1] * 4])
def test_records_that_say_nothing_are_dumped(board, words):
    before = len(board.smmu_driver.events)
    board.smmu_driver._eventq.handle(list(words))
    assert lines(board)[-5:] == [
        f"event 0x{words[0] & 0xFF:02x} received:",
        *(f"\t0x{word:016x}" for word in words),
    ]
    assert len(board.smmu_driver.events) == before


def test_rubbish_in_the_event_queue_is_drained(board):
    smmu = board.device("smmu").ioremap()
    base = smmu.readq(TABLE.offset("EVENTQ_BASE")) & 0xFFFF_FFFF_FFE0
    board.kernel.memory.words(base, 4 * 128)[:] = 0xA5A5_A5A5_A5A5_A5A5
    smmu.writel(TABLE.offset("CR0"), 1 | 8)  # its index can be written while it is off
    smmu.writel(TABLE.offset("EVENTQ_PROD"), 0x55)
    smmu.writel(TABLE.offset("CR0"), 1 | 4 | 8)
    board.smmu_driver._eventq.interrupt()
    assert lines(board).count("event 0xa5 received:") == 0x55
    assert register(board, "EVENTQ_CONS") == register(board, "EVENTQ_PROD")


def test_lost_events_are_said_to_be_lost():
    board = Rehearsal(drivers=[driver for driver in DRIVERS if driver is not Pl011Console])
    abort(board, DISPLAY, 0x1000, times=128)
    board.interrupts()
    overflow = "EVTQ overflow detected -- events lost"
    assert len(board.smmu_driver.events) == 128
    assert overflow not in lines(board)
    for round_number in (1, 2):  # the overflow flag toggles both ways
        abort(board, DISPLAY, 0x1000, times=131)
        board.interrupts()
        assert lines(board).count(overflow) == round_number
        assert len(board.smmu_driver.events) == 128 * (1 + round_number)
        assert register(board, "EVENTQ_PROD") == register(board, "EVENTQ_CONS")
    board.close()


def test_a_handler_that_mends_the_cause_keeps_the_log_clean(board):
    domain, asked = domain_of(board), []
    domain.fault_handler = lambda fault: asked.append(fault) or 0
    before = len(board.log())
    abort(board, DISPLAY, 0x5000)
    board.interrupts()
    assert [(fault.stream, fault.iova, fault.write, fault.stalled) for fault in asked] == [
        (DISPLAY, 0x5000, False, False)
    ]
    assert len(board.log()) == before
    domain.fault_handler = lambda fault: -22
    abort(board, DISPLAY, 0x5000)
    board.interrupts()
    assert lines(board)[-1] == "F_TRANSLATION: stream 0x10 read at iova 0x5000; last owner: never mapped"


# --- global errors and the command queue ---------------------------------------------


def put_command(board: Rehearsal, words: list[int]) -> int:
    """Have the SMMU carry out a command behind the driver's back; the index of it."""
    smmu = board.device("smmu").ioremap()
    prod = smmu.readl(TABLE.offset("CMDQ_PROD"))
    queue = smmu.readq(TABLE.offset("CMDQ_BASE")) & 0xFFFF_FFFF_FFE0
    board.kernel.memory.words(queue + 16 * (prod % 256), 2)[:] = words
    smmu.writel(TABLE.offset("CMDQ_PROD"), prod + 1)
    return prod


def test_an_illegal_command_is_shown_and_becomes_a_sync(board):
    prod = put_command(board, [0xFF, 0x1234])
    assert register(board, "CMDQ_CONS") == prod | CONS_ERROR
    board.interrupts()
    assert lines(board)[-5:] == [
        "unexpected global error reported (0x00000001), this could be serious",
        f"CMDQ error (cons 0x{prod | CONS_ERROR:08x}): Illegal command",
        "skipping command in error state:",
        "\t0x00000000000000ff",
        "\t0x0000000000001234",
    ]
    assert register(board, "GERROR") == register(board, "GERRORN") == 1
    assert register(board, "CMDQ_CONS") == prod + 1, "the queue went on"


def test_who_waits_for_the_queue_serves_its_error(board):
    driver = board.smmu_driver
    driver._cmdq.issue([(0xFF, 0), (0xEE, 0)])
    assert [line for line in lines(board) if line.endswith("Illegal command")] == [
        f"CMDQ error (cons 0x{index | CONS_ERROR:08x}): Illegal command"
        for index in (register(board, "CMDQ_CONS") - 3, register(board, "CMDQ_CONS") - 2)
    ]
    count = len(board.log())
    board.interrupts()
    assert len(board.log()) == count, "its interrupt comes late and finds nothing"


def test_a_command_fetch_that_aborts_is_said_to_be_retried(board):
    smmu = board.device("smmu").ioremap()
    smmu.writel(TABLE.offset("CR0"), 1)
    smmu.writeq(TABLE.offset("CMDQ_BASE"), 0x10_0000_0000 | 8)
    smmu.writel(TABLE.offset("CR0"), 1 | 4 | 8)
    with pytest.raises(KernelError, match="-ETIMEDOUT: CMD_SYNC timeout at"):
        board.smmu_driver._cmdq.issue([])
    assert lines(board)[-1] == "retrying command fetch"
    assert lines(board)[-2].endswith("): Abort on command fetch")
    assert len(lines(board)) < 10, "it does not try for ever"


def test_commands_on_a_stopped_queue_time_out_and_the_kernel_goes_on(board):
    """As on Linux, an unmap cannot fail: it says so in the log."""
    smmu = board.device("smmu").ioremap()
    smmu.writel(TABLE.offset("CR0"), 1 | 4)
    domain, prod = domain_of(board), register(board, "CMDQ_PROD")
    board.smmu_driver.invalidate(domain, Iova(0x1000), 0x1000)
    assert lines(board)[-1] == f"CMD_SYNC timeout at 0x{prod + 2:08x} [hwcons 0x{prod:08x}]"
    for _ in range(300):
        board.smmu_driver.invalidate(domain, Iova(0x1000), 16 << 12)
    assert lines(board)[-1].startswith("the command queue does not drain at 0x")
    smmu.writel(TABLE.offset("CR0"), 1 | 4 | 8)
    count = len(board.log())
    board.smmu_driver.invalidate(domain, Iova(0x1000), 0x1000)
    assert len(board.log()) == count, "once it runs again, so does the driver"


def test_more_commands_than_the_queue_holds(board):
    driver = board.smmu_driver
    commands = [(int(Opcode.TLBI_NH_ASID), 0)] * 1000
    for _ in range(3):  # in every phase of the wrap
        driver._cmdq.issue([*commands, (int(Opcode.TLBI_NSNH_ALL), 0)])
        assert register(board, "CMDQ_PROD") == register(board, "CMDQ_CONS")
    assert register(board, "GERROR") == 0


def test_service_failure_mode_turns_the_smmu_off(board, monkeypatch):
    driver, read = board.smmu_driver, board.smmu_driver._regs.read
    monkeypatch.setattr(driver._regs, "read", lambda name: 0x108 if name == "GERROR" else read(name))
    driver._error_interrupt()
    assert lines(board)[-2:] == [
        "unexpected global error reported (0x00000108), this could be serious",
        "device has entered Service Failure Mode!",
    ]
    assert register(board, "CR0") == 0


# --- invalidation -----------------------------------------------------------------------


def covered(board: Rehearsal, commands: list[tuple[int, int]]) -> list[int]:
    pages: list[int] = []
    for words in commands:
        command = Command.parse(words)
        assert command.opcode == Opcode.TLBI_NH_VA
        assert command.asid == domain_of(board).asid
        assert command.leaf
        assert (command.tg, command.num, command.scale) != (1, 0, 0), "reserved without a level"
        first, count = command.pages
        pages.extend(range(first, first + count))
    return pages


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 512, 513, 1000, 2025, 2048, 0x12345])
def test_a_range_is_invalidated_exactly_by_a_few_commands(board, count):
    commands = domain_of(board).invalidate_commands(0xABC0_0000, count << 12)
    assert covered(board, commands) == list(range(0xABC00, 0xABC00 + count))
    assert len(commands) <= -(-count.bit_length() // 5) + 1


def test_a_large_range_is_forgotten(board):
    sgt, port, device = board.buffer(64), board.port(DISPLAY), board.device("lcdif")
    dma_map_sgtable(device, sgt, DmaDirection.TO_DEVICE)
    iova = Iova(int(sgt.dma_address[0]))
    other = board.buffer(1)
    dma_map_sgtable(device, other, DmaDirection.TO_DEVICE)
    port.read(iova, sgt.size)
    domain_of(board).unmap(iova, 0)
    for page in range(64):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            port.read(Iova(iova + page * 4096), 1)
    port.read(Iova(int(other.dma_address[0])), 1)


# --- domains ----------------------------------------------------------------------------


def test_domains_of_another_iommu_are_refused(board):
    foreign = type(board.smmu_driver)(board.device("smmu"))
    foreign._probed = board.smmu_driver._probed
    domain = domain_of(board)
    with pytest.raises(KernelError, match="-EINVAL: the domain is not one of 2b400000.iommu"):
        foreign.invalidate_all(domain)


def test_identifiers_are_used_again_lowest_first(board):
    driver = board.smmu_driver
    kinds = domain_of(board).kind
    one, two = driver.domain_alloc(kinds), driver.domain_alloc(kinds)
    assert isinstance(one, SmmuDomain) and isinstance(two, SmmuDomain)
    assert (one.asid, two.asid, one.vmid) == (4, 5, 0)
    for domain in (two, one):
        domain.release()
        driver.domain_free(domain)
    again = driver.domain_alloc(kinds)
    assert isinstance(again, SmmuDomain) and again.asid == 4


def test_removal_turns_it_off_and_gives_its_memory_back(board):
    driver = board.smmu_driver
    blocks = dict(driver._memory.blocks)
    assert blocks
    before = board.kernel.memory.pages.free_frames
    driver.remove()
    assert register(board, "CR0") == 0
    assert driver._memory.blocks == {}
    pages = sum(1 << (count - 1).bit_length() for count in blocks.values())
    assert board.kernel.memory.pages.free_frames == before + pages
    address = max(blocks)
    assert board.port(DISPLAY).span(Iova(address), 4, False).address == address, "bypass again"
    assert board.kernel.iommu.ops == {}
    count = len(board.log())
    driver.invalidate_all(domain_of(board))
    assert len(board.log()) == count, "its queue is memory of others by now"
