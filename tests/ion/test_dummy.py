"""ion-dummy: heaps without a device tree."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EEXIST, EINVAL, ENODEV

import pytest

from heaps.ion.dummy import IonDummy, ion_dummy_exit, ion_dummy_init
from soc.kernel.kernel import Kernel
from tests.ion.bench import CHUNK_SIZE, KIB, MIB, IonApp, refused
from tests.ion.boards import IonBoard


@pytest.fixture
def board(tmp_path) -> Iterator[IonBoard]:
    """A board whose ION node no driver is for."""
    board = IonBoard(tmp_path, drivers=(), modules=(ion_dummy_init,))
    yield board
    board.close()


def pages(kernel: Kernel) -> tuple[int, list[int]]:
    return kernel.memory.pages.free_frames, kernel.memory.pages.free_blocks()


def test_its_heaps(board: IonBoard) -> None:
    board.boot()
    idev = board.kernel.subsystem(IonDummy).idev
    assert [(heap.id, heap.type, heap.name) for heap in idev.heaps] == [
        (4, 4, "ion_dma_heap"),
        (3, 3, "chunk"),
        (2, 2, "carveout"),
        (1, 1, "system contig"),
        (0, 0, "system"),
    ]
    assert (idev.heap("carveout").priv.size, idev.heap("chunk").priv.size) == (4 * MIB, 4 * MIB)
    assert idev.heap("chunk").priv.chunk_size == CHUNK_SIZE


@pytest.mark.parametrize("mask", [1, 2, 4, 8, 16])
def test_each_serves_and_all_goes_back(board: IonBoard, mask: int) -> None:
    before = pages(board.kernel)
    board.boot()
    app = IonApp(board.kernel.process("app"))
    address = app.process.mmap(app.share(app.alloc(mask, 100 * KIB)), 100 * KIB)
    app.process.store(address, b"data")
    app.process.exit()
    ion_dummy_exit(board.kernel)
    assert pages(board.kernel) == before
    assert board.kernel.devfs.list("/dev") == []
    assert board.kernel.log.warnings == []


def test_two_ion_devices_are_eexist(board: IonBoard) -> None:
    board.boot()
    refused(EEXIST, ion_dummy_init, board.kernel)
    assert board.log()[-1] == "ion: failed to register misc device"


def test_a_region_without_memory_is_left_out(board: IonBoard) -> None:
    kernel = board.kernel
    kept = []
    while (frame := kernel.memory.pages.alloc(10)) is not None:
        kept.append(frame)
    kernel.memory.pages.free(kept.pop(), 10)
    board.boot()
    assert "ion_dummy: Could not allocate chunk" in board.log()
    app = IonApp(kernel.process("app"))
    assert app.alloc(4) == 1
    refused(ENODEV, app.alloc, 8)


@pytest.mark.parametrize("nth", range(2, 7))
def test_a_heap_that_cannot_be_made_takes_the_others_with_it(board: IonBoard, nth: int) -> None:
    before = pages(board.kernel)
    board.kernel.faults.fail_nth(nth)
    refused(EINVAL, board.boot)
    assert pages(board.kernel) == before
    assert board.kernel.devfs.list("/dev") == []
    assert board.kernel.log.warnings == []
