"""SMMUv3 translation by stage 2 alone and by both stages: whose fault it is, what commands drop."""

from __future__ import annotations

import pytest

from devices.smmuv3.spec import EventId, EventRecord, FaultClass, Opcode
from soc.address import Iova, PhysAddr
from tests.devices.translation_bench import (
    AF,
    CONTEXTS,
    DATA,
    DBM,
    HA,
    HD,
    NESTED,
    NOT_GLOBAL,
    NOWHERE,
    PAGE,
    RAM,
    READ_ONLY,
    RECORD,
    S2_AFFD,
    S2_HA,
    S2_HD,
    S2_PAGE,
    S2_READ,
    S2_RECORD,
    S2_STALL,
    S2_WRITE,
    STAGE2,
    STALL,
    STREAM,
    TABLES,
    VMID,
    TranslationBench,
    context,
    entry,
)

IOVA, IPA = 0x12_3456_7000, 0x23_4567_8000
S2_TABLES = TABLES + 0x8000
SHIFT = 0x4000_0000
"""The guest sees its memory this much higher than it is."""


@pytest.fixture
def bench():
    bench = TranslationBench()
    yield bench
    bench.close()


def stage2(bench: TranslationBench, flip2: int = 0) -> None:
    bench.stream(entry(STAGE2, s2ttb=S2_TABLES, flip2=flip2))


def nested(bench: TranslationBench, flip: int = 0, flip2: int = 0) -> None:
    """Both stages; stage 2 shows the guest the contexts and tables at SHIFT, page by page."""
    bench.stream(entry(NESTED, CONTEXTS + SHIFT, S2_TABLES, flip2=flip2))
    bench.put(CONTEXTS, *context(TABLES + SHIFT, flip=flip))
    for page in (CONTEXTS, *range(TABLES, TABLES + 0x4_0000, 0x1000)):
        bench.map(S2_TABLES, page + SHIFT, page, S2_PAGE)


def guest_map(bench: TranslationBench, iova: int, ipa: int, attributes: int = PAGE, level: int = 3) -> int:
    return bench.map(TABLES, iova, ipa, attributes, level, SHIFT)


# --- stage 2 alone ----------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "write", "event"),
    [
        (0, False, EventId.F_TRANSLATION),
        (S2_PAGE & ~AF, False, EventId.F_ACCESS),
        (S2_PAGE | 1 << 41, False, EventId.F_ADDR_SIZE),
        (S2_PAGE & ~S2_WRITE, True, EventId.F_PERMISSION),
        (S2_PAGE & ~S2_READ, False, EventId.F_PERMISSION),
    ],
    ids=["unmapped", "access flag", "address size", "read only", "write only"],
)
@pytest.mark.parametrize(
    ("flip2", "record", "stall"), [(0, True, False), (S2_STALL, True, True), (S2_RECORD, False, False)]
)
def test_each_fault_of_stage_2(bench, attributes, write, event, flip2, record, stall):
    stage2(bench, flip2)
    bench.map(S2_TABLES, IPA, DATA, S2_PAGE)
    bench.map(S2_TABLES, IPA + 0x1000, 0 if not attributes else DATA, attributes)
    refusal = bench.refusal(IPA + 0xFF0, size=0x20, write=write, privileged=True)
    at = IPA + 0x1000
    assert refusal.report == EventRecord(
        event, STREAM, Iova(at), write, privileged=True, stage2=True, kind=FaultClass.IN, ipa=at
    )
    assert (refusal.record, refusal.stall, refusal.discard) == (record, stall, False)


def test_both_privileges_are_one_to_stage_2(bench):
    stage2(bench)
    bench.map(S2_TABLES, IPA, DATA, S2_PAGE & ~S2_WRITE)
    for privileged in (False, True):
        assert bench.access(IPA, privileged=privileged) == [(DATA, 4)]
        assert bench.event(IPA, write=True, privileged=privileged) is EventId.F_PERMISSION


def test_addresses_beyond_stage_2(bench):
    """Above S2T0SZ it is stage 2's fault, above the intermediate address size nobody's configuration."""
    stage2(bench, S2_RECORD)
    refusal = bench.refusal(1 << 39)
    assert (refusal.event, refusal.report.stage2, refusal.record) == (EventId.F_TRANSLATION, True, False)
    refusal = bench.refusal(1 << 40)
    assert (refusal.event, refusal.report.stage2, refusal.record) == (EventId.F_ADDR_SIZE, False, True)
    assert bench.fault((1 << 40) - 8, size=16).iova == (1 << 40) - 8, "the first failing address"


def test_an_access_flag_that_stage_2_does_not_check(bench):
    stage2(bench, S2_AFFD)
    bench.map(S2_TABLES, IPA, DATA, S2_PAGE & ~AF)
    assert bench.access(IPA) == [(DATA, 4)]


def test_hardware_update_by_stage_2(bench):
    stage2(bench, S2_HA | S2_HD)
    descriptor = bench.map(S2_TABLES, IPA, DATA, (S2_PAGE | DBM) & ~(AF | S2_WRITE))
    assert bench.access(IPA) == [(DATA, 4)]
    assert bench.word(descriptor) & (AF | S2_WRITE) == AF
    assert bench.access(IPA, write=True) == [(DATA, 4)]
    assert bench.word(descriptor) & (AF | S2_WRITE) == AF | S2_WRITE


def test_an_abort_of_a_stage_2_walk(bench):
    stage2(bench)
    bench.put(S2_TABLES + 8 * (IPA >> 30), NOWHERE | 3)
    assert bench.fault(IPA) == EventRecord(
        EventId.F_WALK_EABT,
        STREAM,
        Iova(IPA),
        stage2=True,
        kind=FaultClass.IN,
        fetch=PhysAddr(NOWHERE + 8 * (IPA >> 21 & 511)),
    )


# --- both stages ------------------------------------------------------------


def test_both_stages_translate(bench):
    nested(bench)
    for at in (0, 0x1000):
        guest_map(bench, IOVA + at, IPA + at)
        bench.map(S2_TABLES, IPA + at, DATA + 0x5000 - at, S2_PAGE)
    assert bench.access(IOVA + 8, 0x1000) == [(DATA + 0x5008, 0xFF8), (DATA + 0x4000, 8)]
    assert bench.peek(IOVA) == [(DATA + 0x5000, 4)]


def test_a_fault_of_stage_1_is_the_guests(bench):
    nested(bench, flip=STALL, flip2=S2_RECORD)
    refusal = bench.refusal(IOVA)
    assert refusal.report == EventRecord(EventId.F_TRANSLATION, STREAM, Iova(IOVA))
    assert (refusal.record, refusal.stall) == (True, True)


def test_a_fault_on_the_guests_output(bench):
    nested(bench, flip=STALL | RECORD)
    guest_map(bench, IOVA, IPA)
    refusal = bench.refusal(IOVA + 8)
    assert refusal.report == EventRecord(
        EventId.F_TRANSLATION, STREAM, Iova(IOVA + 8), stage2=True, kind=FaultClass.IN, ipa=IPA
    )
    assert (refusal.record, refusal.stall) == (True, False)


@pytest.mark.parametrize(
    ("attributes", "event"),
    [
        (0, EventId.F_TRANSLATION),
        (S2_PAGE & ~AF, EventId.F_ACCESS),
        (S2_PAGE & ~S2_READ, EventId.F_PERMISSION),
    ],
)
def test_a_fault_on_the_guests_tables(bench, attributes, event):
    nested(bench, flip2=S2_STALL)
    descriptor = guest_map(bench, IOVA, IPA)
    table = descriptor & ~0xFFF
    bench.map(S2_TABLES, table + SHIFT, table if attributes else 0, attributes)
    refusal = bench.refusal(IOVA)
    assert refusal.report == EventRecord(
        event,
        STREAM,
        Iova(IOVA),
        stage2=True,
        kind=FaultClass.TTD,
        ipa=table + SHIFT,
        table_read=event is EventId.F_PERMISSION,
    )
    assert (refusal.record, refusal.stall) == (True, True)


def test_aborts_of_both_kinds_of_walk(bench):
    nested(bench)
    descriptor = guest_map(bench, IOVA, IPA)
    table = descriptor & ~0xFFF
    bench.put(bench.map(S2_TABLES, table + SHIFT, table, S2_PAGE), NOWHERE | S2_PAGE)
    report = bench.fault(IOVA)
    assert (report.event, report.stage2, report.kind) == (EventId.F_WALK_EABT, False, FaultClass.TTD)
    assert report.fetch == NOWHERE + (descriptor & 0xFFF)
    bench.map(S2_TABLES, table + SHIFT, table, S2_PAGE)
    bench.put(S2_TABLES + 8 * (IPA >> 30), NOWHERE | 3)
    report = bench.fault(IOVA)
    assert (report.event, report.stage2, report.kind) == (EventId.F_WALK_EABT, True, FaultClass.IN)
    assert report.fetch == NOWHERE + 8 * (IPA >> 21 & 511)


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "stage"),
    [(READ_ONLY, 0, 1), (0, S2_WRITE, 2), (READ_ONLY, S2_WRITE, 1)],
    ids=["stage 1", "stage 2", "both"],
)
def test_which_stage_forbids_a_write(bench, first, second, stage, stale):
    """Also from the cached entry, when the guest's table has changed meanwhile."""
    nested(bench)
    descriptor = guest_map(bench, IOVA, IPA, PAGE | first)
    bench.map(S2_TABLES, IPA, DATA, S2_PAGE ^ second)
    bench.access(IOVA)
    if stale:
        bench.put(descriptor, IPA | PAGE ^ READ_ONLY ^ first)
    report = bench.fault(IOVA, write=True)
    assert (report.event, report.stage2, report.kind) == (EventId.F_PERMISSION, stage == 2, FaultClass.IN)
    assert report.ipa == (IPA if stage == 2 else 0)


def test_hardware_update_by_both_stages(bench):
    nested(bench, HA | HD, S2_HA | S2_HD)
    descriptor = guest_map(bench, IOVA, IPA, (PAGE | READ_ONLY | DBM) & ~AF)
    second = bench.map(S2_TABLES, IPA, DATA, (S2_PAGE | DBM) & ~S2_WRITE)
    bench.access(IOVA)
    assert (bench.word(descriptor) & (AF | READ_ONLY), bench.word(second) & S2_WRITE) == (AF | READ_ONLY, 0)
    assert bench.access(IOVA, write=True) == [(DATA, 4)]
    assert (bench.word(descriptor) & READ_ONLY, bench.word(second) & S2_WRITE) == (0, S2_WRITE)


# --- what commands drop -----------------------------------------------------

OTHER_VM = 6


@pytest.mark.parametrize(
    ("opcode", "fields", "gone"),
    [
        (Opcode.TLBI_NH_ALL, {"vmid": VMID}, {"both"}),
        (Opcode.TLBI_NH_ASID, {"vmid": VMID, "asid": 1}, {"both"}),
        (Opcode.TLBI_NH_VA, {"vmid": VMID, "asid": 1, "address": IOVA}, {"both"}),
        (Opcode.TLBI_NH_VA, {"vmid": VMID, "asid": 1, "address": IPA}, set()),
        (Opcode.TLBI_NH_VAA, {"vmid": VMID, "address": IOVA}, {"both"}),
        (Opcode.TLBI_S2_IPA, {"vmid": VMID, "address": IPA}, {"stage 2"}),
        (Opcode.TLBI_S2_IPA, {"vmid": VMID, "address": IPA - 0x4000, "tg": 1, "num": 4}, {"stage 2"}),
        (Opcode.TLBI_S2_IPA, {"vmid": VMID, "address": IPA - 0x4000, "tg": 1, "num": 3}, set()),
        (Opcode.TLBI_S2_IPA, {"vmid": VMID, "address": IOVA}, set()),
        (Opcode.TLBI_S2_IPA, {"vmid": VMID + 1, "address": IPA}, {"other vm"}),
        (Opcode.TLBI_S12_VMALL, {"vmid": VMID}, {"both", "stage 2"}),
        (Opcode.TLBI_S12_VMALL, {"vmid": VMID + 1}, {"other vm"}),
        (Opcode.TLBI_NH_ALL, {"vmid": VMID + 1}, set()),
        (Opcode.TLBI_NSNH_ALL, {}, {"both", "stage 2", "other vm"}),
    ],
    ids=lambda value: None if isinstance(value, set) else str(value),
)
def test_which_entries_a_command_drops(bench, opcode, fields, gone):
    """An entry of both stages outlives an invalidation by IPA, as it does not know its IPA."""
    nested(bench)
    guest_map(bench, IOVA, IPA)
    descriptor = bench.map(S2_TABLES, IPA, DATA, S2_PAGE)
    bench.stream(entry(STAGE2, s2ttb=S2_TABLES), 4)
    bench.stream(entry(STAGE2, s2ttb=S2_TABLES, vmid=VMID + 1), OTHER_VM)
    users = {"both": (STREAM, IOVA), "stage 2": (4, IPA), "other vm": (OTHER_VM, IPA)}
    for stream, at in users.values():
        assert bench.access(at, stream=stream) == [(DATA, 4)]
    bench.put(descriptor, 0)
    for stream, at in users.values():
        assert bench.access(at, stream=stream) == [(DATA, 4)], "stale, but nobody has said so"
    bench.tlbi(opcode, **fields)
    dropped = set()
    for name, (stream, at) in users.items():
        if bench.translation.peek(bench.tables, stream, Iova(at), 4) is None:
            assert bench.event(at, stream=stream) is EventId.F_TRANSLATION
            dropped.add(name)
    assert dropped == gone


def test_any_address_of_a_guests_block_drops_all_of_it(bench):
    nested(bench)
    block = 0x1_0000_0000
    descriptor = guest_map(bench, 0x20_0000, block, PAGE, level=2)
    bench.map(S2_TABLES, block, RAM & -0x4000_0000, S2_PAGE, level=1)
    assert bench.access(0x20_0000, 0x2000) == [(RAM & -0x4000_0000, 0x2000)]
    bench.put(descriptor, 0)
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=0x3F_F000)
    assert bench.peek(0x20_0000) is None
    assert bench.peek(0x20_1000) is None


def test_global_entries_of_one_guest_are_not_anothers(bench):
    nested(bench)
    guest_map(bench, IOVA, IPA, PAGE & ~NOT_GLOBAL)
    bench.map(S2_TABLES, IPA, DATA, S2_PAGE)
    bench.access(IOVA)
    bench.put(CONTEXTS + 64, *context(RAM + 0x20_0000 + SHIFT, asid=2))
    bench.stream(entry(NESTED, CONTEXTS + 64 + SHIFT, S2_TABLES), 4)
    bench.stream(entry(NESTED, CONTEXTS + 64 + SHIFT, S2_TABLES, vmid=VMID + 1), OTHER_VM)
    assert bench.access(IOVA, stream=4) == [(DATA, 4)], "another ASID of the same guest"
    assert bench.fault(IOVA, stream=OTHER_VM).kind is FaultClass.TTD
