"""Every command of the queue: its exact words, whether it is legal, what range it names.

Words are written out from ARM IHI 0070, chapter 4.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.smmuv3.identification import FEATURES
from devices.smmuv3.spec import Command, Features, Opcode
from soc.mmu.vmsa import Granule
from tests.devices.smmuv3_bench import (
    CMDQ_CONS,
    CMDQ_PROD,
    GERROR,
    GERRORN,
    Bench,
)

O = Opcode  # noqa: E741
STREAM, VMID, ASID = 0x1234_5678, 0xABCD, 0xEF01
WHO, WHOSE = STREAM << 32, ASID << 48 | VMID << 32
RANGE = {"num": 0x1F, "scale": 0x15, "ttl": 2, "tg": 3, "leaf": True}
RANGE_LOW, RANGE_HIGH = 0x1F << 12 | 0x15 << 20, 1 | 2 << 8 | 3 << 10
VA = 0xFFFF_8765_4321_0000

COMMANDS_AND_WORDS = [
    (Command(O.PREFETCH_CONFIG, stream=STREAM), (0x01 | WHO, 0)),
    (
        Command(O.PREFETCH_CONFIG, stream=STREAM, substream_valid=True, substream=0xFEDCB),
        (0x01 | WHO | 1 << 11 | 0xFEDCB << 12, 0),
    ),
    (
        Command(O.PREFETCH_ADDR, stream=STREAM, address=VA, prefetch_size=9, prefetch_stride=21),
        (0x02 | WHO, VA | 9 | 21 << 5),
    ),
    (Command(O.CFGI_STE, stream=STREAM), (0x03 | WHO, 1)),
    (Command(O.CFGI_STE, stream=STREAM, leaf=False), (0x03 | WHO, 0)),
    (Command(O.CFGI_STE_RANGE, stream=STREAM, range_log2=7), (0x04 | WHO, 7)),
    (Command(O.CFGI_ALL), (0x04, 31)),
    (Command(O.CFGI_CD, stream=STREAM, substream=5), (0x05 | WHO | 5 << 12, 1)),
    (Command(O.CFGI_CD_ALL, stream=STREAM), (0x06 | WHO, 0)),
    (Command(O.CFGI_VMS_PIDM, vmid=VMID), (0x07 | VMID << 32, 0)),
    (Command(O.TLBI_NH_ALL, vmid=VMID), (0x10 | VMID << 32, 0)),
    (Command(O.TLBI_NH_ASID, vmid=VMID, asid=ASID), (0x11 | WHOSE, 0)),
    (Command(O.TLBI_NH_VA, vmid=VMID, asid=ASID, address=VA), (0x12 | WHOSE, VA | 1)),
    (
        Command(O.TLBI_NH_VA, vmid=VMID, asid=ASID, address=VA, **RANGE),
        (0x12 | WHOSE | RANGE_LOW, VA | RANGE_HIGH),
    ),
    (Command(O.TLBI_NH_VAA, vmid=VMID, address=VA, leaf=False), (0x13 | VMID << 32, VA)),
    (Command(O.TLBI_EL3_ALL), (0x18, 0)),
    (Command(O.TLBI_EL3_VA, address=VA), (0x1A, VA | 1)),
    (Command(O.TLBI_EL2_ALL), (0x20, 0)),
    (Command(O.TLBI_EL2_ASID, asid=ASID), (0x21 | ASID << 48, 0)),
    (Command(O.TLBI_EL2_VA, asid=ASID, address=VA), (0x22 | ASID << 48, VA | 1)),
    (Command(O.TLBI_EL2_VAA, address=VA), (0x23, VA | 1)),
    (Command(O.TLBI_S12_VMALL, vmid=VMID), (0x28 | VMID << 32, 0)),
    (
        Command(O.TLBI_S2_IPA, vmid=VMID, address=0xF_FEDC_BA98_7000, **RANGE),
        (0x2A | VMID << 32 | RANGE_LOW, 0xF_FEDC_BA98_7000 | RANGE_HIGH),
    ),
    (Command(O.TLBI_NSNH_ALL), (0x30, 0)),
    (Command(O.ATC_INV, stream=STREAM), (0x40 | WHO, 0)),
    (Command(O.PRI_RESP, stream=STREAM), (0x41 | WHO, 0)),
    (Command(O.RESUME, stream=STREAM, retry=True, stag=0xBEEF), (0x44 | WHO | 1 << 12, 0xBEEF)),
    (Command(O.RESUME, stream=STREAM, abort=True, stag=3), (0x44 | WHO | 1 << 13, 3)),
    (Command(O.STALL_TERM, stream=STREAM), (0x45 | WHO, 0)),
    (Command(O.SYNC), (0x46, 0)),
    (
        Command(
            O.SYNC,
            signal=1,
            msi_shareability=3,
            msi_attributes=15,
            msi_data=0xCAFE_F00D,
            msi_address=0xF_8765_4320,
        ),
        (0x46 | 1 << 12 | 3 << 22 | 15 << 24 | 0xCAFE_F00D << 32, 0xF_8765_4320),
    ),
]


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start(commands_log2=2)
    bench.dram.banks[0].close()


@pytest.mark.parametrize(("command", "words"), COMMANDS_AND_WORDS, ids=lambda item: "")
def test_exact_words(command, words):
    assert tuple(command.build()) == words
    assert Command.parse(words) == command


def test_bits_of_no_field_are_ignored():
    every = (1 << 128) - 1
    for opcode in Opcode:
        command = Command.parse([(every & ~0xFF | opcode) & (1 << 64) - 1, every >> 64])
        assert Command.parse(command.build()) == command
    assert Command.parse([0xFF | 1 << 10, every >> 64]) == Command(0xFF)


# --- which are legal ---------------------------------------------------------

LEGAL = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x28, 0x2A, 0x30, 0x44, 0x45, 0x46}


def legal_opcodes(bench: Bench) -> set[int]:
    legal = set()
    for opcode in range(256):
        bench.queue(opcode)
        if bench.get(GERROR) == bench.get(GERRORN):
            legal.add(opcode)
            continue
        bench.set(CMDQ_PROD, bench.get(CMDQ_CONS) & 0xF_FFFF)
        bench.set(GERRORN, bench.get(GERROR))
    return legal


def test_exactly_the_opcodes_of_what_is_implemented_are_legal(bench):
    """Not those of EL2, EL3, secure state, VMS, ATS and PRI."""
    assert legal_opcodes(bench) == LEGAL


@pytest.mark.parametrize(
    ("features", "difference"),
    [
        (replace(FEATURES, s1p=False), {0x05, 0x06, 0x10, 0x11, 0x12, 0x13}),
        (replace(FEATURES, s2p=False), {0x28, 0x2A}),
        (replace(FEATURES, stall_model=1), {0x44, 0x45}),
        (replace(FEATURES, hyp=True), {0x20, 0x21, 0x22, 0x23}),
        (replace(FEATURES, ats=True), {0x40}),
        (replace(FEATURES, ats=True, pri=True), {0x40, 0x41}),
    ],
    ids=["no stage 1", "no stage 2", "no stalls", "EL2", "ATS", "PRI"],
)
def test_legality_follows_the_features(features: Features, difference: set[int]):
    legal = {opcode for opcode in range(256) if not Command(opcode).illegal(features)}
    assert legal ^ LEGAL == difference


@pytest.mark.parametrize("opcode", [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x44, 0x45])
def test_the_non_secure_queue_cannot_name_secure_streams(bench, opcode):
    bench.queue(opcode | 1 << 10)
    assert bench.get(CMDQ_CONS) == 0 | 1 << 24


@pytest.mark.parametrize("opcode", [0x12, 0x13, 0x2A])
@pytest.mark.parametrize(
    ("low", "high", "legal"),
    [
        (0, 1 << 10, False),
        (0, 2 << 10, False),
        (0, 3 << 10, False),
        (0, 2 << 10 | 1 << 8, False),
        (0, 1 << 10 | 1 << 8, True),
        (0, 3 << 10 | 3 << 8, True),
        (1 << 12, 1 << 10, True),
        (1 << 20, 1 << 10, True),
        (1 << 20, 2 << 10 | 1 << 8, True),
        (1 << 12 | 1 << 20, 0, True),
    ],
)
def test_a_granule_without_range_or_level_is_reserved(bench, opcode, low, high, legal):
    bench.queue(opcode | low, high)
    assert bench.get(CMDQ_CONS) == (1 if legal else 1 << 24)


@pytest.mark.parametrize(
    ("fields", "pages", "granule", "level"),
    [
        ({}, (0x12345, 1), None, None),
        ({"num": 5, "scale": 3}, (0x12345, 1), None, None),
        ({"tg": 1, "num": 5, "scale": 3}, (0x12345, 48), Granule.K4, None),
        ({"tg": 2, "num": 0, "scale": 1, "ttl": 1}, (0x12345, 8), Granule.K16, None),
        ({"tg": 2, "ttl": 2}, (0x12345, 4), Granule.K16, 2),
        ({"tg": 3, "num": 31, "scale": 31, "ttl": 3}, (0x12345, 32 << 31 + 4), Granule.K64, 3),
    ],
)
def test_ranges_of_addresses(fields, pages, granule, level):
    command = Command(O.TLBI_NH_VA, address=0x1234_5000, **fields)
    assert (command.pages, command.granule, command.level) == (pages, granule, level)


def test_ranges_of_streams_are_aligned_to_their_size():
    assert Command(O.CFGI_STE_RANGE, stream=0x1234, range_log2=3).streams == range(0x1230, 0x1240)
    assert Command(O.CFGI_ALL, stream=0x1234).streams == range(1 << 32)
