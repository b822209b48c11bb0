"""Two runs of one scenario are the same run, down to every byte of memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from soc.address import PAGE_SIZE, PhysAddr
from soc.memory.dram import Bank
from soc.scenario.kernel import KernelSession
from soc.scenario.rig import Rig
from soc.scenario.run import run_scenario
from soc.scenario.spec import KernelRun
from tests.scenario.writing import load

POOL, POOL_USED = PhysAddr(0xB000_0000), 3 * 12288


def memory_hash(bank: Bank) -> str:
    """All of a bank's pages that are not zero, with their places; holes of the memfd are not read."""
    digest = xxhash.xxh3_128()
    end = 0
    while end < bank.size:
        try:
            start = os.lseek(bank.fd, end, os.SEEK_DATA)
        except OSError:  # no data after this
            break
        end = os.lseek(bank.fd, start, os.SEEK_HOLE)
        pages = bank.pages[start // PAGE_SIZE : -(-end // PAGE_SIZE)]
        used = np.flatnonzero(pages.any(axis=1))
        digest.update((used + start // PAGE_SIZE).data)
        digest.update(pages[used].data)
    return digest.hexdigest()


def fingerprint(folder: Path, pattern: str = "bars") -> tuple[Any, ...]:
    """Frames at both engines, the pool at every new picture, DRAM and log at the end."""
    picture = f"{{width: 64, height: 48, format: XRGB8888, pattern: {pattern}}}"
    scenario = load(folder, picture=picture)
    assert isinstance(scenario.software, KernelRun)
    pools: list[str] = []
    rig = Rig(scenario, lambda shown: pools.append(pool_hash(rig)))
    try:
        outcome = KernelSession(rig, scenario.software).run()
        frames = [
            (record.started, record.ended, record.digest, record.size)
            for engine in (rig.camera, rig.display)
            for record in engine.frames.records
        ]
        memory = [memory_hash(bank) for bank in rig.machine.dram.banks]
        return frames, pools, memory, outcome.kernel_log, rig.machine.clock.now
    finally:
        rig.close()


def pool_hash(rig: Rig) -> str:
    pool = rig.machine.dram.view(POOL, POOL_USED)
    return xxhash.xxh3_128(pool.tobytes()).hexdigest()


def test_two_runs_leave_the_same_frames_memory_and_log(tmp_path: Path) -> None:
    first, second = fingerprint(tmp_path), fingerprint(tmp_path)
    assert first == second
    assert len(set(first[1])) == 5


def test_another_pattern_is_another_run(tmp_path: Path) -> None:
    first, second = fingerprint(tmp_path), fingerprint(tmp_path, "checker")
    assert first[0] != second[0] and first[1] != second[1]


def test_two_runs_give_the_same_report(tmp_path: Path) -> None:
    kernel = "{heap: fb_pool, buffers: 3, bugs: [display-unmaps-at-flip]}"
    first, second = (run_scenario(load(tmp_path, kernel=kernel)).result for _ in range(2))
    assert first.as_json() == second.as_json()
    assert first == second
    assert first.faults
