"""What a sync may be told, in the words of Linux, and the silent twin of each."""

from __future__ import annotations

import pytest

from tests.kernel.dma_debug_bench import BOTH, FROM, IOVA, TO, Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_sync_of_what_was_never_mapped(bench):
    for sync in (bench.debug.sync_single_for_cpu, bench.debug.sync_single_for_device):
        sync(bench.camera, 0x1000, 64, FROM)
    text = "device driver tries to sync DMA memory it has not allocated"
    assert bench.said() == [f"{text} [device address=0x0000000000001000] [size=64 bytes]"] * 2


def test_sync_beyond_the_end(bench):
    bench.mapped()
    bench.debug.sync_single_for_cpu(bench.camera, IOVA + 1024, 1024, FROM)
    assert bench.said() == [
        "device driver syncs DMA memory outside allocated range [device address=0x00000000ffff0400]"
        " [allocation size=1536 bytes] [sync offset+size=2048]"
    ]


def test_sync_just_after_the_end_is_of_nothing(bench):
    bench.mapped()
    bench.debug.sync_single_for_cpu(bench.camera, IOVA + 1536, 64, FROM)
    assert bench.said()[0].startswith("device driver tries to sync DMA memory it has not allocated")


@pytest.mark.parametrize(("mapped_with", "synced_with"), [(FROM, TO), (TO, FROM), (FROM, BOTH), (TO, BOTH)])
@pytest.mark.parametrize("to_cpu", [True, False])
def test_sync_with_different_direction(bench, mapped_with, synced_with, to_cpu):
    bench.mapped(direction=mapped_with)
    debug = bench.debug
    sync = debug.sync_single_for_cpu if to_cpu else debug.sync_single_for_device
    sync(bench.camera, IOVA, 1536, synced_with)
    facts = (
        "[device address=0x00000000ffff0000] [size=1536 bytes]"
        f" [mapped with DMA_{mapped_with.name}] [synced with DMA_{synced_with.name}]"
    )
    expected = [f"device driver syncs DMA memory with different direction {facts}"]
    if to_cpu and mapped_with is TO:
        expected.append(f"device driver syncs device read-only DMA memory for cpu {facts}")
    if not to_cpu and mapped_with is FROM:
        expected.append(f"device driver syncs device write-only DMA memory to device {facts}")
    assert bench.said() == expected


@pytest.mark.parametrize("synced_with", [TO, FROM, BOTH])
def test_a_bidirectional_mapping_may_be_synced_any_way(bench, synced_with):
    bench.mapped(direction=BOTH)
    bench.debug.sync_single_for_cpu(bench.camera, IOVA, 1536, synced_with)
    bench.debug.sync_single_for_device(bench.camera, IOVA, 1536, synced_with)
    assert bench.said() == []


def test_sync_of_a_list_with_different_count(bench):
    sgt = bench.scattered(7)
    bench.debug.map_sg(bench.camera, sgt, FROM)
    bench.debug.sync_sg_for_device(bench.camera, sgt, FROM, nents=1)
    assert bench.said() == [
        "device driver syncs DMA sg list with different entry count [map count=7] [sync count=1]"
    ]


def test_sync_of_a_list_that_has_grown(bench):
    sgt = bench.scattered(3, iova=None)
    bench.debug.map_sg(bench.camera, sgt, FROM)
    last = int(sgt.starts[2])
    sgt.dma_length[2] = 8192
    bench.debug.sync_sg_for_cpu(bench.camera, sgt, FROM)
    assert bench.said() == [
        f"device driver syncs DMA memory outside allocated range [device address={last:#018x}]"
        " [allocation size=4096 bytes] [sync offset+size=8192]"
    ]


def test_sync_of_a_list_that_is_not_mapped(bench):
    sgt = bench.scattered(2)
    bench.debug.sync_sg_for_cpu(bench.camera, sgt, FROM)
    assert bench.said() == [
        "device driver tries to sync DMA memory it has not allocated"
        " [device address=0x00000000ffff0000] [size=8192 bytes]"
    ]


def test_of_a_list_only_the_first_wrong_segment_is_told(bench):
    sgt = bench.scattered(3, iova=None)
    bench.debug.map_sg(bench.camera, sgt, FROM)
    sgt.dma_length[2] = 64
    bench.debug.sync_sg_for_cpu(bench.camera, sgt, TO)
    assert bench.said() == [
        "device driver syncs DMA memory with different direction"
        f" [device address={int(sgt.starts[0]):#018x}] [size=4096 bytes]"
        " [mapped with DMA_FROM_DEVICE] [synced with DMA_TO_DEVICE]"
    ]
