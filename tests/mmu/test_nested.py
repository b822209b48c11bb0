"""Two stages: the vector walker against the reference, and the rules of stage 2 under stage 1."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.leaves import Permission
from soc.mmu.nested import NestedWalker
from soc.mmu.vmsa import Regime
from soc.mmu.walk import FaultKind
from tests.mmu import reference
from tests.mmu.machine import BASE, TABLE, Memory, assert_same, expected, install, leaf_bits
from tests.mmu.test_walk import regimes

TABLES = 24
STAGE1_SLOTS = 8
GAP = 0x3000_0000
"""Stage-1 tables lie at BASE; stage 1 knows them at BASE - GAP."""


def fill_stage1(memory: Memory, regime: Regime, random: Random) -> int:
    """Leaves to a few intermediate pages, in a row and not; gives the first input page."""
    free = [BASE + TABLE * slot for slot in range(1, STAGE1_SLOTS)]
    pages = 1 << (52 - regime.t0sz)
    page = random.choice((0, 1, 511, 0x3FFFF)) % pages
    for step in range(random.randint(1, 6)):
        level = max(random.choice([3, 3, 3, 2]), reference.first_level(regime))
        size = 1 << (reference.LOWEST_BIT[int(regime.granule)][level] - 12)
        leaf = random.choice((0x2_0000_0000, 0x2_0001_0000, 0x5000_0000)) | leaf_bits(random) | 1 << 10
        leaf |= 3 if level == 3 else 1
        if len(free) < 3:
            break
        where = install(memory, regime, (page + step * size) % pages, leaf, level, random, free, at=GAP)
        for beside in range(random.choice((1, 2, 40))):
            output = random.choice((beside, beside, random.randrange(32))) * size * 4096
            memory.store(where + 8 * beside, (leaf + output) & (1 << 64) - 1)
    return page + regime.first_page


def fill_stage2(memory: Memory, regime: Regime, random: Random) -> None:
    """The stage-1 tables by pages or blocks, some missing or forbidden; the output pages likewise."""
    free = [BASE + TABLE * slot for slot in range(STAGE1_SLOTS + 1, TABLES)]
    lowest = reference.LOWEST_BIT[int(regime.granule)]
    usual = 3 << 6 | 1 << 10 | 0xF << 2
    first = reference.first_level(regime)
    page_bits = lowest[3] - 12
    for page in range(BASE - GAP >> 12, (BASE - GAP + TABLE * STAGE1_SLOTS >> 12), 1 << page_bits):
        attributes = usual if random.random() < 0.97 else leaf_bits(random)
        if len(free) < 4:
            break
        install(memory, regime, page, (page << 12) + GAP | attributes | 3, 3, random, free)
    for start in (0x2_0000_0000, 0x5000_0000):
        level = max(random.choice((3, 2)), first)
        for index in range(32):
            attributes = random.choice((usual, usual, usual, leaf_bits(random)))
            attributes |= 3 if level == 3 else 1
            output = (random.choice((0x8000_0000, 0x9_0000_0000)) >> lowest[level]) + index << lowest[level]
            page = (start >> 12) + (index << (lowest[level] - 12))
            if len(free) >= 5 and page < 1 << (52 - regime.t0sz):
                install(memory, regime, page, output | attributes, level, random, free)


wide = regimes((2,)).map(
    lambda regime: regime if regime.t0sz <= 30 else replace(regime, t0sz=30, start_level=None)
)


@settings(max_examples=250, deadline=None)
@given(
    regimes((1,)),
    wide,
    st.integers(0, 1 << 32),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 150),
)
def test_the_nested_walk_equals_the_reference(
    count_fuzz, stage1, stage2, seed, protected, write, privileged, count
):
    random, memory = Random(seed), Memory(TABLES)
    stage1 = replace(stage1, table=PhysAddr(BASE - GAP), output_bits=random.choice((36, 40)))
    stage2 = replace(
        stage2, table=PhysAddr(BASE + TABLE * STAGE1_SLOTS), output_bits=40, protected_walk=protected
    )
    page = fill_stage1(memory, stage1, random)
    fill_stage2(memory, stage2, random)
    memory.holes = {
        random.randrange(BASE >> 12, BASE + TABLE * TABLES >> 12) for _ in range(random.choice((0, 0, 9)))
    }
    memory.locked = {
        random.randrange(BASE >> 12, BASE + TABLE * TABLES >> 12) for _ in range(random.choice((0, 9)))
    }
    other = memory.copy()
    found = NestedWalker(stage1, stage2, memory.read_table, BusError, memory.write_table).walk(
        page, count, write, privileged
    )
    results = [
        reference.nested(other, stage1, stage2, page + at << 12, write, privileged)
        if page + at < 1 << 52
        else reference.Result("translation")
        for at in range(count)
    ]
    # two pages of one output: whether the other privilege finds it dirty already depends on who came first
    other_write = Permission.WRITE if privileged else Permission.PRIV_WRITE
    assert_same(found, expected(results), ignore=other_write if write and stage2.dirty_state else 0)
    assert (memory.words == other.words).all()
    for kind, stage, table in set(
        zip(found.faults.tolist(), found.stage.tolist(), found.table.tolist(), strict=True)
    ):
        event(f"{FaultKind(kind).name} stage {stage} table {table}")
    event(f"written {bool(memory.writes)}")
    count_fuzz("nested walks", pages=count)
