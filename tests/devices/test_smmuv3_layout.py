"""STE, CD and first-level descriptors: where each field lies, and what it means.

Positions are written out from ARM IHI 0070, 5.1 to 5.4.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.smmuv3.identification import FEATURES
from devices.smmuv3.spec import (
    ContextDescriptor,
    Features,
    L1ContextDescriptor,
    L1StreamTableDescriptor,
    S1Format,
    StreamTableEntry,
)
from devices.smmuv3.spec.layout import Structure
from soc.mmu.vmsa import Granule
from tests.devices.smmuv3_bench import (
    CONTEXTS,
    TABLES,
    context_descriptor,
    stage2_entry,
)

# name: (lowest bit, width, bits of the address below the field)
STE_FIELDS = {
    "valid": (0, 1, 0),
    "config": (1, 3, 0),
    "s1_fmt": (4, 2, 0),
    "s1_context_ptr": (6, 50, 6),
    "s1_cd_max": (59, 5, 0),
    "s1_dss": (64, 2, 0),
    "s1_cir": (66, 2, 0),
    "s1_cor": (68, 2, 0),
    "s1_csh": (70, 2, 0),
    "dre": (76, 1, 0),
    "cont": (77, 4, 0),
    "dcp": (81, 1, 0),
    "ppar": (82, 1, 0),
    "mev": (83, 1, 0),
    "sw_reserved": (84, 4, 0),
    "s2_fwb": (89, 1, 0),
    "s1_stalld": (91, 1, 0),
    "eats": (92, 2, 0),
    "strw": (94, 2, 0),
    "mem_attr": (96, 4, 0),
    "mt_cfg": (100, 1, 0),
    "alloc_cfg": (101, 4, 0),
    "sh_cfg": (108, 2, 0),
    "ns_cfg": (110, 2, 0),
    "priv_cfg": (112, 2, 0),
    "inst_cfg": (114, 2, 0),
    "s2_vmid": (128, 16, 0),
    "s2_t0sz": (160, 6, 0),
    "s2_sl0": (166, 2, 0),
    "s2_ir0": (168, 2, 0),
    "s2_or0": (170, 2, 0),
    "s2_sh0": (172, 2, 0),
    "s2_tg": (174, 2, 0),
    "s2_ps": (176, 3, 0),
    "s2_aa64": (179, 1, 0),
    "s2_endi": (180, 1, 0),
    "s2_affd": (181, 1, 0),
    "s2_ptw": (182, 1, 0),
    "s2_hd": (183, 1, 0),
    "s2_ha": (184, 1, 0),
    "s2_s": (185, 1, 0),
    "s2_r": (186, 1, 0),
    "s2_ttb": (196, 48, 4),
}

CD_FIELDS = {
    "t0sz": (0, 6, 0),
    "tg0": (6, 2, 0),
    "ir0": (8, 2, 0),
    "or0": (10, 2, 0),
    "sh0": (12, 2, 0),
    "epd0": (14, 1, 0),
    "endi": (15, 1, 0),
    "t1sz": (16, 6, 0),
    "tg1": (22, 2, 0),
    "ir1": (24, 2, 0),
    "or1": (26, 2, 0),
    "sh1": (28, 2, 0),
    "epd1": (30, 1, 0),
    "valid": (31, 1, 0),
    "ips": (32, 3, 0),
    "affd": (35, 1, 0),
    "wxn": (36, 1, 0),
    "uwxn": (37, 1, 0),
    "tbi0": (38, 1, 0),
    "tbi1": (39, 1, 0),
    "pan": (40, 1, 0),
    "aa64": (41, 1, 0),
    "hd": (42, 1, 0),
    "ha": (43, 1, 0),
    "stall": (44, 1, 0),
    "record": (45, 1, 0),
    "abort": (46, 1, 0),
    "aset": (47, 1, 0),
    "asid": (48, 16, 0),
    "had0": (65, 1, 0),
    "ttb0": (68, 48, 4),
    "had1": (129, 1, 0),
    "ttb1": (132, 48, 4),
    "mair": (192, 64, 0),
    "amair": (256, 64, 0),
}

LAYOUTS = [
    (StreamTableEntry, 8, STE_FIELDS),
    (ContextDescriptor, 8, CD_FIELDS),
    (L1StreamTableDescriptor, 1, {"span": (0, 5, 0), "l2_ptr": (6, 50, 6)}),
    (L1ContextDescriptor, 1, {"valid": (0, 1, 0), "l2_ptr": (12, 44, 12)}),
]


@pytest.mark.parametrize(("structure", "words", "layout"), LAYOUTS, ids=str)
def test_every_field_lies_where_the_specification_puts_it(structure, words, layout):
    assert {item.name for item in fields(structure)} == set(layout)
    for name, (low, width, shift) in layout.items():
        ones = (1 << width) - 1
        value = structure(**{name: bool(ones) if width == 1 else ones << shift})
        expected = [(ones << low) >> (64 * word) & (1 << 64) - 1 for word in range(words)]
        assert value.build() == expected, name
        assert structure.parse(expected) == value, name


@pytest.mark.parametrize(("structure", "words"), [(item[0], item[1]) for item in LAYOUTS], ids=str)
@given(data=st.data())
def test_any_words_parse_and_what_was_parsed_is_built_again(structure, words, data):
    read = data.draw(st.lists(st.integers(0, (1 << 64) - 1), min_size=words, max_size=words))
    once: Structure = structure.parse(read)
    assert structure.parse(once.build()) == once


def test_a_number_that_does_not_fit_its_field_is_refused():
    with pytest.raises(ValueError, match="0x40 does not fit bits 165:160"):
        StreamTableEntry(s2_t0sz=64).build()
    with pytest.raises(ValueError, match="0x1008 does not fit bits 115:68"):
        ContextDescriptor(ttb0=0x1008).build()


CD = ContextDescriptor.parse([*context_descriptor(), 0, 0, 0, 0])
BOTH = replace(CD, epd1=False, t1sz=25, tg1=2, ttb1=TABLES)
STAGE2 = StreamTableEntry.parse([*stage2_entry(), 0, 0, 0, 0])
NESTED = replace(STAGE2, config=7, s1_context_ptr=CONTEXTS)


# --- what they mean ----------------------------------------------------------


def test_regimes_say_how_to_walk():
    low = replace(BOTH, ips=7, had0=True, affd=True, wxn=True).regime(FEATURES)
    assert (low.table, low.t0sz, low.output_bits, low.granule) == (TABLES, 25, 40, Granule.K4)
    assert (low.high, low.hierarchical, low.access_flag_fault, low.write_no_execute) == (
        False,
        False,
        False,
        True,
    )
    high = replace(BOTH, tg1=3, t1sz=30, ips=0, had0=True, ha=True, hd=True).regime(FEATURES, high=True)
    assert (high.t0sz, high.output_bits, high.granule) == (30, 32, Granule.K64)
    assert (high.high, high.hierarchical, high.update_access, high.update_dirty) == (True, True, True, True)
    assert not replace(BOTH, hd=True).regime(FEATURES).update_dirty, "HD without HA is off"
    second = replace(NESTED, s2_tg=2, s2_sl0=1, s2_affd=True, s2_ptw=True).stage2_regime(FEATURES)
    assert (second.stage, second.granule, second.start_level) == (2, Granule.K16, 2)
    assert (second.access_flag_fault, second.protected_walk) == (False, True)
    assert STAGE2.stage2_regime(FEATURES).start_level == 1


@pytest.mark.parametrize(
    ("span", "split", "entries"),
    [(0, 8, None), (1, 8, 1), (9, 8, 256), (10, 8, None), (11, 10, 1024), (12, 10, None), (31, 10, None)],
)
def test_spans_of_level_2_stream_tables(span, split, entries):
    table = L1StreamTableDescriptor(span=span, l2_ptr=0x8000_FFC0).table(split)
    if entries is None:
        assert table is None
    else:
        assert table == (0x8000_FFC0 & ~(64 * entries - 1), entries)


def test_overrides_replace_what_comes_in():
    for code, seen in ((0, None), (1, None), (2, False), (3, True)):
        entry = StreamTableEntry(priv_cfg=code, inst_cfg=code)
        for incoming in (False, True):
            expected = incoming if seen is None else seen
            assert entry.privileged(incoming) == expected
            assert entry.instruction(incoming, write=False) == expected
            assert not entry.instruction(incoming, write=True)


def test_features_are_what_the_registers_say():
    assert Features(
        s1p=True, s2p=True, ttf=2, httu=2, hyp=False, ats=False, asid16=True, msi=True, sev=True, pri=False,
        vmid16=True, cd2l=True, ttendian=2, stall_model=0, term_model=False, st_level=1, sid_size=16,
        ssid_size=16, had=True, ril=True, stt=False, oas=40, vax=0, granules=frozenset(Granule),
    ) == FEATURES  # fmt: skip
    assert [S1Format(value).leaf_bits for value in (0, 1, 2)] == [0, 6, 10]
