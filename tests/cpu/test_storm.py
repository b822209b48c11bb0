"""The same abort over and over ends the run instead of the user's patience."""

from __future__ import annotations

from soc.cpu.storm import LIMIT, FaultStorm


def test_the_same_abort_again_and_again_is_a_storm() -> None:
    storm = FaultStorm()
    assert [storm.raging(0x80000000, 0x1234) for _ in range(LIMIT)] == [False] * (LIMIT - 1) + [True]


def test_aborts_that_go_on_are_none() -> None:
    """Demand paging walks through memory; another place or address begins anew."""
    storm = FaultStorm()
    assert not any(storm.raging(0x80000000, page << 12) for page in range(3 * LIMIT))
    assert not any(storm.raging(pc, 0) for _ in range(LIMIT) for pc in (0x80000000, 0x80000004))


def test_a_reset_begins_anew() -> None:
    storm = FaultStorm()
    for _ in range(LIMIT - 1):
        storm.raging(1, 1)
    storm.reset()
    assert not storm.raging(1, 1)
