"""What makes an STE ILLEGAL (C_BAD_STE) and a CD (C_BAD_CD). Source: ARM IHI 0070, 5.2.2 and 5.4.2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.smmuv3.identification import FEATURES
from devices.smmuv3.spec import ContextDescriptor, StreamTableEntry
from soc.mmu.vmsa import Granule
from tests.devices.smmuv3_bench import CONTEXTS, STREAM, TABLES, Bench, context_descriptor, stage2_entry

S = STREAM << 32


def name(item: object) -> str:
    """Cases are called by what is wrong with them."""
    return item if isinstance(item, str) else ""


# --- STE ---------------------------------------------------------------------

STAGE1 = StreamTableEntry(valid=True, config=5, s1_context_ptr=CONTEXTS)
STAGE2 = StreamTableEntry.parse([*stage2_entry(), 0, 0, 0, 0])
NESTED = replace(STAGE2, config=7, s1_context_ptr=CONTEXTS)
NO_STALLS = replace(FEATURES, stall_model=1)

BAD_ENTRIES = [
    (StreamTableEntry(), "V is 0"),
    (replace(STAGE1, valid=False), "V is 0"),
    (replace(STAGE1, s1_cd_max=17), "S1CDMax 17 is beyond SSIDSIZE 16"),
    (replace(STAGE1, s1_context_ptr=1 << 40), "S1ContextPtr 0x10000000000 is out of range"),
    (replace(NESTED, s1_context_ptr=1 << 40), "S1ContextPtr 0x10000000000 is out of range"),
    (replace(STAGE2, s2_aa64=False), "S2AA64 selects a table format that is not implemented"),
    (replace(STAGE2, s2_endi=True), "S2ENDI without big-endian tables"),
    (replace(STAGE2, s2_tg=3), "S2TG 3 is no granule"),
    (replace(STAGE2, s2_ttb=1 << 40), "S2TTB 0x10000000000 is out of range"),
    (replace(STAGE2, s2_ps=0, s2_ttb=1 << 32), "S2TTB 0x100000000 is out of range"),
    (replace(STAGE2, s2_t0sz=23), "S2T0SZ 23 is not in 24..39"),
    (replace(STAGE2, s2_t0sz=40), "S2T0SZ 40 is not in 24..39"),
    (replace(STAGE2, s2_sl0=3), "S2SL0 3 is reserved"),
    (replace(STAGE2, s2_sl0=2, s2_t0sz=24), "S2SL0 2 is reserved"),
    (replace(STAGE2, s2_sl0=0), "S2SL0 0 does not fit S2T0SZ 25"),
    (replace(STAGE2, s2_t0sz=34), "S2SL0 1 does not fit S2T0SZ 34"),
    (replace(NESTED, s2_tg=3), "S2TG 3 is no granule"),
]

GOOD_ENTRIES = [
    StreamTableEntry(valid=True, config=0, s2_tg=3),
    StreamTableEntry(valid=True, config=3, s1_cd_max=31),
    StreamTableEntry(valid=True, config=4, s1_cd_max=31, s2_tg=3, eats=2),
    replace(STAGE1, s2_tg=3, s2_endi=True, eats=3, strw=1),
    replace(STAGE1, s1_cd_max=16, s1_fmt=2),
    replace(STAGE1, s1_stalld=True),
    replace(STAGE2, s1_cd_max=31, s1_context_ptr=1 << 50),
    replace(STAGE2, s2_s=True, s2_ha=True, s2_hd=True),
    replace(STAGE2, s2_t0sz=24),
    replace(STAGE2, s2_t0sz=33),
    replace(STAGE2, s2_sl0=0, s2_t0sz=30),
    replace(STAGE2, s2_tg=2, s2_sl0=1, s2_t0sz=25),
    replace(STAGE2, s2_tg=1, s2_sl0=1, s2_t0sz=25),
    replace(NESTED, s2_ps=7, s2_ttb=(1 << 40) - 16),
]

OTHER_IMPLEMENTATIONS = [
    (STAGE1, replace(FEATURES, s1p=False), "stage 1 is not implemented"),
    (NESTED, replace(FEATURES, s2p=False), "stage 2 is not implemented"),
    (replace(STAGE1, s1_stalld=True), NO_STALLS, "S1STALLD where stalls cannot be configured"),
    (replace(STAGE2, s2_s=True), NO_STALLS, "S2S without stalls"),
    (STAGE2, replace(FEATURES, stall_model=2), "S2S must be 1"),
    (replace(STAGE2, s2_ha=True), replace(FEATURES, httu=0), "S2HA or S2HD without hardware update"),
    (replace(STAGE2, s2_hd=True), replace(FEATURES, httu=1), "S2HA or S2HD without hardware update"),
    (STAGE2, replace(FEATURES, ttendian=3), "S2ENDI without little-endian tables"),
    (replace(STAGE1, s2_vmid=256), replace(FEATURES, vmid16=False), "S2VMID is beyond 8 bits"),
    (replace(STAGE1, s1_cd_max=1, s1_fmt=1), replace(FEATURES, cd2l=False), "S1Fmt asks for two levels"),
    (replace(STAGE1, strw=1), replace(FEATURES, hyp=True), "STRW is reserved"),
    (STAGE2, replace(FEATURES, granules=frozenset({Granule.K64})), "S2TG 0 is no granule"),
    (
        replace(STAGE1, eats=2),
        replace(FEATURES, ats=True),
        "EATS asks for split-stage ATS without both stages, or with S2S",
    ),
    (replace(NESTED, eats=1, s2_s=True), replace(FEATURES, ats=True), "EATS with S2S"),
]


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start()
    bench.dram.banks[0].close()


@pytest.mark.parametrize(("entry", "why"), BAD_ENTRIES, ids=name)
def test_an_illegal_entry_is_c_bad_ste(bench, entry, why):
    assert entry.problem(FEATURES) == why
    bench.put(CONTEXTS, *context_descriptor())
    bench.stream(*entry.build())
    assert bench.fault(TABLES) == [(0x04 | S, 0, 0, 0)]


@pytest.mark.parametrize("entry", GOOD_ENTRIES, ids=range(len(GOOD_ENTRIES)))
def test_what_is_ignored_or_in_range_is_legal(bench, entry):
    assert entry.problem(FEATURES) is None
    bench.stream(*entry.build())
    if entry.passes and entry.config != 4:
        (record,) = bench.fault(TABLES)
        assert record[0] & 0xFF != 0x04


@pytest.mark.parametrize(
    ("entry", "features", "why"),
    OTHER_IMPLEMENTATIONS,
    ids=name,
)
def test_entries_on_implementations_that_have_less(entry, features, why):
    assert entry.problem(FEATURES) is None
    assert entry.problem(features) == why


# --- CD ----------------------------------------------------------------------

CD = ContextDescriptor.parse([*context_descriptor(), 0, 0, 0, 0])
BOTH = replace(CD, epd1=False, t1sz=25, tg1=2, ttb1=TABLES)

BAD_CONTEXTS = [
    (replace(CD, valid=False), "V is 0"),
    (replace(CD, aa64=False), "AA64 selects a table format that is not implemented"),
    (replace(CD, endi=True), "ENDI without big-endian tables"),
    (replace(CD, tg0=3), "TG0 is no granule"),
    (replace(CD, t0sz=15), "T0SZ 15 is not in 16..39"),
    (replace(CD, t0sz=40), "T0SZ 40 is not in 16..39"),
    (replace(CD, ttb0=1 << 40), "TTB0 0x10000000000 is out of range"),
    (replace(CD, ips=0, ttb0=1 << 32), "TTB0 0x100000000 is out of range"),
    (replace(BOTH, tg1=0), "TG1 is no granule"),
    (replace(BOTH, t1sz=15), "T1SZ 15 is not in 16..39"),
    (replace(BOTH, ttb1=1 << 40), "TTB1 0x10000000000 is out of range"),
]

GOOD_CONTEXTS = [
    BOTH,
    replace(CD, tg0=1),
    replace(CD, tg0=2),
    replace(CD, ha=True, hd=True),
    replace(CD, hd=True),
    replace(CD, stall=True, abort=False, record=False),
    replace(CD, epd0=True, endi=True, tg0=3, t0sz=0, ttb0=1 << 50),
    replace(CD, tg1=0, t1sz=0, ttb1=1 << 50),
]


@pytest.mark.parametrize(("context", "why"), BAD_CONTEXTS, ids=name)
def test_an_illegal_context_is_c_bad_cd(bench, context, why):
    assert context.problem(FEATURES) == why
    bench.stage1(context.build())
    assert bench.fault(0) == [(0x0A | S, 0, 0, 0)]


@pytest.mark.parametrize("context", GOOD_CONTEXTS, ids=range(len(GOOD_CONTEXTS)))
def test_contexts_that_are_legal(context):
    assert context.problem(FEATURES) is None


def test_a_stream_that_forbids_stalls_makes_a_stalling_context_illegal(bench):
    assert replace(CD, stall=True).problem(FEATURES, stall_disabled=True) == "S although the STE has S1STALLD"
    bench.stage1(replace(CD, stall=True).build())
    bench.stream(1 | 5 << 1 | CONTEXTS + 64 * STREAM, 1 << 27)
    assert bench.fault(0) == [(0x0A | S, 0, 0, 0)]


@pytest.mark.parametrize(
    ("context", "features", "why"),
    [
        (replace(CD, abort=False), replace(FEATURES, term_model=True), "A must be 1"),
        (replace(CD, stall=True), NO_STALLS, "S without stalls"),
        (CD, replace(FEATURES, stall_model=2), "S must be 1"),
        (CD, replace(FEATURES, ttendian=3), "ENDI without little-endian tables"),
        (replace(CD, ha=True), replace(FEATURES, httu=0), "HA or HD without hardware update"),
        (replace(CD, hd=True), replace(FEATURES, httu=1), "HA or HD without hardware update"),
        (replace(CD, asid=256), replace(FEATURES, asid16=False), "ASID is beyond 8 bits"),
    ],
    ids=name,
)
def test_contexts_on_implementations_that_have_less(context, features, why):
    assert context.problem(FEATURES) is None
    assert context.problem(features) == why
