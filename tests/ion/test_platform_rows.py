"""SEMANTICS 3.7: heaps from the device tree, and what a probe undoes when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import sizeof
from errno import EINVAL

import pytest

from heaps.catalogue import DRIVERS
from heaps.ion.hi6220 import Hi6220IonDriver
from heaps.ion.platform import IonRegions
from heaps.ion.printed import PrintedVexpressIonDriver
from heaps.ion.vexpress import vexpress_ion_client_create
from soc.cli import main
from soc.kernel.device import Device
from soc.kernel.dma import of_reserved_mem_device_init
from soc.kernel.errors import EPROBE_DEFER, KernelBug, KernelError
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.uapi.ion import ION_IOC_HEAP_QUERY, IonHeapData, IonHeapQuery
from tests.ion.bench import KIB, MIB, IonApp, placed, refused
from tests.ion.boards import FIVE, VEXPRESS_ION, IonBoard


@pytest.fixture
def boards(tmp_path) -> Iterator:
    """Makes boards, and ends them."""
    made: list[IonBoard] = []

    def make(*args, **options) -> IonBoard:
        made.append(IonBoard(tmp_path, *args, **options))
        return made[-1]

    yield make
    for board in made:
        board.close()


def heaps_of(board: IonBoard) -> dict[str, tuple[int, int]]:
    """What a program is told: name -> (type, id), in the order of the answer."""
    app = IonApp(board.kernel.process("app"))
    room = placed(app.process, bytes(8 * sizeof(IonHeapData)))
    query = IonHeapQuery(cnt=8, heaps=room)
    app.ioctl(ION_IOC_HEAP_QUERY, query)
    entries = (IonHeapData * 8).from_buffer_copy(app.process.load(room, 8 * sizeof(IonHeapData)))
    app.process.exit()
    return {entry.name.decode(): (entry.type, entry.heap_id) for entry in entries[: query.cnt]}


def test_the_board_that_comes_with_it_is_accepted_without_a_word(capsys) -> None:
    assert main(["check", str(VEXPRESS_ION)]) == 0
    assert capsys.readouterr().err == ""


def test_vexpress_has_five_heaps_whose_ids_are_types(boards) -> None:
    board = boards(drivers=DRIVERS)
    assert board.boot() is None
    assert heaps_of(board) == {
        "dma": (4, 4),
        "chunk": (3, 3),
        "carveout": (2, 2),
        "system_contig": (1, 1),
        "system": (0, 0),
    }
    assert board.driver.name == "ion-vexpress"
    assert board.kernel.log.warnings == []


def test_carveout_and_chunk_have_their_regions_and_dma_its_area(boards) -> None:
    board = boards()
    board.boot()
    carveout, chunk, dma = (board.driver.idev.heap(name).priv for name in ("carveout", "chunk", "dma"))
    assert (carveout.base, carveout.size) == (0x8200_0000, MIB)
    assert (chunk.base, chunk.size, chunk.chunk_size) == (0x8210_0000, MIB, 16 * KIB)
    assert dma.device.cma_area.name == "linux,cma@81000000"
    assert [heap.align for heap in board.driver.data] == [4096] * 5
    assert "platform carveout: assigned reserved memory node carveout@82000000" in board.log()


def test_hi6220_has_other_ids(boards) -> None:
    """A table's ids are its own: 1 is one run of pages, and 4 the area."""
    heaps = "".join(
        f"  heap{n}: {{compatible: [{c}]}}\n"
        for n, c in enumerate(['"hisilicon,sys_user"', '"hisilicon,sys_contig"', '"hisilicon,cma"'])
    )
    board = boards(heaps, '"hisilicon,hi6220-ion"', drivers=DRIVERS)
    assert board.boot() is None
    assert heaps_of(board) == {"cma": (4, 4), "sys_contig": (1, 1), "sys_user": (0, 0)}
    assert isinstance(board.driver, Hi6220IonDriver)


def test_a_disabled_child_is_no_heap(boards) -> None:
    board = boards(FIVE.replace("linux,ion-heap-dma,", "linux,ion-heap-dma, status: disabled,"))
    board.boot()
    assert "dma" not in heaps_of(board)


FAILURES = {
    "no children": ("", "-EINVAL: /ion has no heaps"),
    "no enabled children": (
        "  system: {compatible: linux,ion-heap-system, status: disabled}\n",
        "-EINVAL: /ion has no heaps",
    ),
    "a child that no row is for": (
        "  system: {compatible: linux,ion-heap-system}\n  odd: {compatible: linux,ion-heap-custom}\n",
        "-ENODEV: /ion/odd is no heap that the driver knows: ['linux,ion-heap-custom']",
    ),
    "a carveout without a region": (
        "  carveout: {compatible: linux,ion-heap-carveout}\n",
        "-ENODEV: /ion/carveout has no memory-region 0",
    ),
    "a region of no kind": (
        "  chunk: {compatible: linux,ion-heap-chunk, memory-region: [*plain]}\n",
        "-EINVAL: /reserved-memory/plain@82300000 cannot be given to a device",
    ),
}


@pytest.mark.parametrize(("heaps", "why"), FAILURES.values(), ids=FAILURES)
def test_a_probe_that_fails_leaves_nothing(boards, heaps: str, why: str) -> None:
    board = boards(heaps)
    assert board.boot() == why
    assert board.kernel.devfs.list("/dev") == []
    assert board.kernel.views.list("/sys/kernel/debug/ion") == []
    assert board.kernel.subsystem(IonRegions).heaps == {}
    refused(EPROBE_DEFER, vexpress_ion_client_create, board.kernel, "driver")
    assert board.kernel.log.warnings == []


def test_a_carveout_of_a_region_of_another_kind_has_no_bytes(boards) -> None:
    board = boards("  carveout: {compatible: linux,ion-heap-carveout, memory-region: [*pool]}\n")
    assert board.boot() is None
    (heap,) = board.driver.heaps
    assert (heap.priv.base, heap.priv.size) == (0, 0)


def test_an_ion_region_is_for_ion_heaps_only(boards) -> None:
    board = boards()
    board.boot()
    device = Device(board.kernel, board.machine.tree.find("/ion/carveout"))
    refused(EINVAL, of_reserved_mem_device_init, device)


def test_the_upstream_bug_puts_the_size_of_a_region_into_its_base(boards) -> None:
    board = boards()
    board.config.size_lands_in_base = True
    assert board.boot() is None
    heap = board.driver.idev.heap("carveout")
    assert (heap.priv.base, heap.priv.size) == (MIB, 0)
    assert (
        "rmem_ion_device_init: heap carveout: base 0x100000 size 0x0, the region is "
        "/reserved-memory/carveout@82000000 [0x82000000 - 0x820fffff]"
    ) in board.log()
    app = IonApp(board.kernel.process("app"))
    refused(12, app.alloc, 1 << 2)


@pytest.mark.parametrize("nth", range(1, 17))
def test_a_probe_undoes_all_whatever_fails(boards, nth: int) -> None:
    board = boards()
    free = board.kernel.memory.pages.free_frames
    board.kernel.faults.fail_nth(nth)
    why = board.boot()
    failed = board.kernel.faults.failed
    assert (why is None) == (failed is None) == (nth == 16), "15 places can fail"
    board.kernel.faults.fail_nth(0)
    if why is None:
        board.kernel.shutdown()
    assert board.kernel.devfs.list("/dev") == []
    assert board.kernel.views.list("/sys/kernel/debug/ion") == []
    assert board.kernel.memory.pages.free_frames == free
    assert board.kernel.memory.shrinkers.shrink(1) == 0
    assert board.kernel.log.warnings == []


def test_remove_gives_all_back_and_the_board_can_probe_again(boards) -> None:
    board = boards()
    for _ in range(2):
        assert board.boot() is None
        app = IonApp(board.kernel.process("app"))
        app.alloc(31, MIB)
        app.process.exit()
        board.kernel.shutdown()
        assert board.kernel.devfs.list("/dev") == []
        refused(EPROBE_DEFER, vexpress_ion_client_create, board.kernel, "late")
    assert board.kernel.log.warnings == []


# --- the way for other drivers ----------------------------------------------------------


def test_a_client_before_the_probe_has_to_be_asked_for_again(boards) -> None:
    board = boards()
    why = refused(EPROBE_DEFER, vexpress_ion_client_create, board.kernel, "dmabuf-test-client")
    assert why == "ion-vexpress is not probed, so dmabuf-test-client has to wait"
    board.boot()
    client = vexpress_ion_client_create(board.kernel, "dmabuf-test-client")
    assert (client.name, client.device) == ("dmabuf-test-client", board.driver.idev)


# --- the driver as it is printed -----------------------------------------------------------

STRICT = "ion-vexpress ion: strict: the printed driver"
SIZES = f"{STRICT} allocates 1 struct ion_heap for 1 pointers to one"


def test_the_printed_driver_works_where_nothing_fails_and_is_told_off_all_the_same(boards) -> None:
    board = boards("  system: {compatible: linux,ion-heap-system}\n", drivers=[PrintedVexpressIonDriver])
    assert board.boot() is None
    assert heaps_of(board) == {"system": (0, 0)}
    assert board.kernel.log.warnings == [SIZES]
    board.kernel.shutdown()
    dangling = f"{STRICT} leaves g_idev pointing to the ion device it destroyed"
    assert board.kernel.log.warnings == [SIZES, dangling]
    with pytest.raises(UseAfterFree):
        vexpress_ion_client_create(board.kernel, "late")


def test_the_printed_driver_adds_the_error_of_a_heap_as_a_heap(boards) -> None:
    board = boards("  system: {compatible: linux,ion-heap-system}\n", drivers=[PrintedVexpressIonDriver])
    board.kernel.faults.fail_nth(7)
    with pytest.raises(KernelBug, match=r"paging request, heap is ERR_PTR\(-EINVAL\)"):
        board.boot()
    assert board.kernel.faults.failed == "kmalloc of ion_system_heap"
    assert board.kernel.log.warnings == [
        SIZES,
        f"{STRICT} tests the array for errors, not heaps[0] (system), which is ERR_PTR(-EINVAL)",
        "kernel BUG: ion_device_add_heap: unable to handle kernel paging request, heap is ERR_PTR(-EINVAL)",
    ]


def test_the_printed_driver_leaves_its_device_behind(boards) -> None:
    board = boards("", drivers=[PrintedVexpressIonDriver])
    assert board.boot() == "-EINVAL: /ion has no heaps"
    assert board.kernel.log.warnings == [
        f"{STRICT} leaves the ion device and g_idev behind when its probe fails"
    ]
    assert board.kernel.devfs.list("/dev") == ["/dev/ion"]
    with pytest.raises(KernelError):
        IonApp(board.kernel.process("app")).alloc(1)
