"""The vector walker against the one-address-at-a-time reading of the architecture, one stage."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.vmsa import Granule, Regime
from soc.mmu.walk import FaultKind, Walker
from tests.mmu import reference
from tests.mmu.machine import BASE, TABLE, Memory, assert_same, expected, install, leaf_bits

TABLES = 10
OUTPUTS = (0x1000, 0x4000_0000, 0x4005_0000, 0x8000_5000, 0xF_FFFF_F000, 0x1234_5678_9000, 0xFFFF_FFFF_F000)


@st.composite
def regimes(draw, stages=(1, 2)):
    """Any regime whose first table, concatenated or not, fits into one slot."""
    chosen, granule = draw(st.sampled_from(stages)), draw(st.sampled_from(list(Granule)))
    regime = Regime(
        table=PhysAddr(BASE),
        t0sz=draw(st.integers(16, 39)),
        output_bits=draw(st.sampled_from([32, 36, 40, 48])),
        access_flag_fault=draw(st.booleans()),
        granule=granule,
        stage=chosen,
        high=chosen == 1 and draw(st.booleans()),
        hierarchical=draw(st.booleans()),
        update_access=draw(st.booleans()),
        update_dirty=draw(st.booleans()),
        write_no_execute=draw(st.booleans()),
    )
    if chosen == 2:
        usual = reference.first_level(regime)
        concatenated = replace(regime, start_level=min(3, usual + draw(st.integers(0, 1))))
        if concatenated.start_level_fits and 8 << concatenated.first_entries_bits <= TABLE:
            regime = concatenated
    return regime


def fill(memory: Memory, regime: Regime, random: Random, free: list[int]) -> int:
    """Leaves at random levels around a page, and rubbish; gives the page."""
    bits = 52 - regime.t0sz
    page = sum(random.choice((0, 1, 2, 255, 511)) << shift for shift in (27, 18, 9, 0)) % (1 << bits)
    for step in range(random.randint(1, 12)):
        level = random.choice([3, 3, 3, 2, 2, 1])
        level = max(level, reference.first_level(regime))
        size = 1 << (reference.LOWEST_BIT[int(regime.granule)][level] - 12)
        at = (page + step * size * random.choice((0, 1, 1))) % (1 << bits)
        leaf = random.choice(OUTPUTS) + random.randrange(4) * size * 4096 | leaf_bits(random)
        leaf |= 3 if level == 3 or random.random() < 0.03 else 1
        if random.random() < 0.1:
            leaf = random.choice((random.getrandbits(64), random.getrandbits(64) & ~1, 0))
        if len(free) >= 3:
            where = install(memory, regime, at, leaf, level, random, free)
            for beside in range(1, random.choice((1, 2, 40))):
                memory.store(where + 8 * beside, leaf + beside * size * 4096 & (1 << 64) - 1)
    return max(0, page - random.randrange(4)) + regime.first_page


@settings(max_examples=400, deadline=None)
@given(regimes(), st.integers(0, 1 << 32), st.booleans(), st.booleans(), st.data())
def test_the_walk_equals_the_reference(count_fuzz, regime, seed, write, privileged, data):
    random, memory = Random(seed), Memory(TABLES)
    page = fill(memory, regime, random, [BASE + TABLE * slot for slot in range(1, TABLES)])
    memory.holes = {
        random.randrange(BASE >> 12, BASE + TABLE * TABLES >> 12) for _ in range(random.choice((0, 0, 9)))
    }
    memory.locked = {
        random.randrange(BASE >> 12, BASE + TABLE * TABLES >> 12) for _ in range(random.choice((0, 9)))
    }
    misaligned = (
        random.randrange(8 << min(9, regime.first_entries_bits)) & ~0xF & (8 << regime.first_entries_bits) - 1
    )
    regime = replace(regime, table=PhysAddr(regime.table | misaligned))
    count = data.draw(st.one_of(st.integers(1, 8), st.integers(1, 1100)))
    other = memory.copy()
    found = Walker(regime, memory.read_table, BusError, memory.write_table).walk(
        page, count, write, privileged
    )
    results = [
        reference.walk(other, regime, page + at << 12 & (1 << 64) - 1, write, privileged)
        if page + at < 1 << 52
        else reference.Result("translation", regime.stage)
        for at in range(count)
    ]
    wanted = expected(results)
    if regime.stage == 2:
        wanted.ipa[:] = (page + np.arange(count)) << 12
    assert_same(found, wanted)
    assert (memory.words == other.words).all()
    for result in results:
        if not result.fault:
            event(f"stage {regime.stage} granule {regime.granule.name} size {result.size:#x}")
    for kind in set(found.faults.tolist()):
        event(FaultKind(kind).name)
    event(f"written {bool(memory.writes)}")
    count_fuzz("page table walks", pages=count)
