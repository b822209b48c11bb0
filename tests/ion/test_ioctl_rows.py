"""SEMANTICS 3.2: the ioctls of /dev/ion, row by row, down to the bytes."""

from __future__ import annotations

import os
from errno import EBADF, EFAULT, EINVAL, EMFILE, ENOTTY

import pytest

from heaps.ion.handle import ion_handle_get_by_id
from soc.dmabuf import DmaBufOps, dma_buf_export, dma_buf_fd
from soc.kernel.errors import KernelError
from soc.kernel.uapi.ioctl import _IOC, _IOWR
from soc.kernel.uapi.ion import (
    ION_IOC_ALLOC,
    ION_IOC_CUSTOM,
    ION_IOC_FREE,
    ION_IOC_HEAP_QUERY,
    ION_IOC_IMPORT,
    ION_IOC_MAP,
    ION_IOC_SHARE,
    ION_IOC_SYNC,
    IonFdData,
    IonHeapQuery,
)
from tests.ion.bench import ALL, CHUNK, DMA, PAGE, SYSTEM, IonApp, IonBench, ion_bench, placed, refused

NUMBERS = {
    "ALLOC": (ION_IOC_ALLOC, 0xC020_4900),
    "FREE": (ION_IOC_FREE, 0xC004_4901),
    "MAP": (ION_IOC_MAP, 0xC008_4902),
    "SHARE": (ION_IOC_SHARE, 0xC008_4904),
    "IMPORT": (ION_IOC_IMPORT, 0xC008_4905),
    "CUSTOM": (ION_IOC_CUSTOM, 0xC010_4906),
    "SYNC": (ION_IOC_SYNC, 0xC008_4907),
    "HEAP_QUERY": (ION_IOC_HEAP_QUERY, 0xC018_4908),
}


@pytest.mark.parametrize(("number", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_each_number_is_answered_and_faults_on_null(app: IonApp, number: int, expected: int) -> None:
    assert number == expected
    refused(EFAULT, app.ioctl, number, None)


def data(text: str) -> bytearray:
    return bytearray.fromhex(text)


def test_alloc_takes_and_gives_these_bytes(app: IonApp) -> None:
    arg = data("8813000000000000 0010000000000000 01000000 00000000 eeeeeeee eeeeeeee")
    assert app.ioctl(ION_IOC_ALLOC, arg) == 0
    assert arg == data("8813000000000000 0010000000000000 01000000 00000000 01000000 eeeeeeee")
    assert app.buffer(1).size == 2 * PAGE, "5000 bytes are two pages"


def test_share_and_map_take_a_handle_and_give_an_fd(app: IonApp) -> None:
    app.alloc()
    shared, mapped = data("01000000 eeeeeeee"), data("01000000 eeeeeeee")
    app.ioctl(ION_IOC_SHARE, shared)
    app.ioctl(ION_IOC_MAP, mapped)
    assert (shared, mapped) == (data("01000000 01000000"), data("01000000 02000000"))


def test_import_takes_an_fd_and_gives_a_handle(bench: IonBench, app: IonApp) -> None:
    fd = app.share(app.alloc())
    other = bench.open("other")
    other.alloc()
    arg = bytearray(b"\xee" * 4 + other.receive(app, fd).to_bytes(4, "little"))
    other.ioctl(ION_IOC_IMPORT, arg)
    assert arg == data("02000000 01000000")


@pytest.mark.parametrize("call", ["FREE", "SYNC"])
def test_free_and_sync_give_nothing_back(app: IonApp, call: str) -> None:
    fd = app.share(app.alloc())
    arg = data("01000000") if call == "FREE" else bytearray(b"\xee" * 4 + fd.to_bytes(4, "little"))
    before = bytes(arg)
    address = placed(app.process, before)
    app.process.mm.find(address).flags &= ~2  # read-only, so that a copy back would fault
    app.ioctl(NUMBERS[call][0], address)
    assert app.process.load(address, len(before)) == before


def test_custom_passes_cmd_and_arg_and_returns_what_the_driver_says(tmp_path) -> None:
    seen = []

    def custom(client, cmd, arg):
        seen.append((str(client), cmd, arg))
        if cmd == 9:
            raise KernelError(EBADF, "the driver says no")
        return 77

    with ion_bench(tmp_path, custom_ioctl=custom) as bench:
        arg = data("05000000 eeeeeeee 8877665544332211")
        before = bytes(arg)
        assert bench.app.ioctl(ION_IOC_CUSTOM, arg) == 77
        assert arg == before
        assert seen == [("ion client 100-0", 5, 0x1122334455667788)]
        assert refused(EBADF, bench.app.ioctl, ION_IOC_CUSTOM, data("09" + 15 * "00")) == "the driver says no"


def test_custom_without_a_driver_is_enotty(app: IonApp) -> None:
    why = refused(ENOTTY, app.ioctl, ION_IOC_CUSTOM, bytearray(16))
    assert why == "the platform has no custom ioctls"


def test_heap_query_counts_then_lists_the_highest_id_first(app: IonApp) -> None:
    count = data("00000000" + 20 * "00")
    app.ioctl(ION_IOC_HEAP_QUERY, count)
    assert count == data("05000000" + 20 * "00")
    room = placed(app.process, bytes(3 * 52))
    query = IonHeapQuery(cnt=3, heaps=room)
    app.ioctl(ION_IOC_HEAP_QUERY, query)
    assert query.cnt == 3
    entries = app.process.load(room, 3 * 52)
    assert entries[:52] == b"dma".ljust(32, b"\0") + bytes([4, 0, 0, 0, 4, 0, 0, 0]) + bytes(12)
    assert [entries[at : at + 52].split(b"\0")[0] for at in (52, 104)] == [b"chunk", b"carveout"]


def test_heap_query_with_more_room_than_heaps_says_how_many_there_are(app: IonApp) -> None:
    room = placed(app.process, b"\xee" * 9 * 52)
    query = IonHeapQuery(cnt=9, heaps=room)
    app.ioctl(ION_IOC_HEAP_QUERY, query)
    entries = app.process.load(room, 9 * 52)
    assert query.cnt == 5
    assert entries[5 * 52 :] == b"\xee" * 4 * 52


def test_heap_query_with_a_pointer_and_no_room_is_einval(app: IonApp) -> None:
    refused(EINVAL, app.ioctl, ION_IOC_HEAP_QUERY, IonHeapQuery(cnt=0, heaps=0x1000))
    refused(EFAULT, app.ioctl, ION_IOC_HEAP_QUERY, IonHeapQuery(cnt=1, heaps=0x1000))


@pytest.mark.parametrize("field", ["reserved0", "reserved1", "reserved2"])
def test_heap_query_with_something_reserved_warns_once_and_is_einval(noisy: IonBench, field: str) -> None:
    for _ in range(2):
        refused(EINVAL, noisy.app.ioctl, ION_IOC_HEAP_QUERY, IonHeapQuery(**{field: 1}))
    assert noisy.kernel.log.warnings == ["ion: ION_IOC_HEAP_QUERY with reserved fields in use"]


def test_an_argument_of_more_than_32_bytes_is_einval_before_anything_else(app: IonApp) -> None:
    why = refused(EINVAL, app.ioctl, _IOC(3, "I", 0, 33), None)
    assert why == "0xc0214900 (_IOWR('I', 0, 33 bytes), a variant of ION_IOC_ALLOC): no argument has 33 bytes"


@pytest.mark.parametrize("number", [3, 9, 0xF0])
def test_an_unknown_number_is_enotty_after_the_copy_in(app: IonApp, number: int) -> None:
    unknown = _IOWR("I", number, IonFdData)
    refused(EFAULT, app.ioctl, unknown, None)
    refused(ENOTTY, app.ioctl, unknown, bytearray(8))
    refused(ENOTTY, app.ioctl, _IOC(0, "I", number, 0), None)


@pytest.mark.parametrize("call", [ION_IOC_FREE, ION_IOC_MAP, ION_IOC_SHARE], ids=["FREE", "MAP", "SHARE"])
@pytest.mark.parametrize("number", [0, 1, -1, 2**31 - 1])
def test_an_unknown_handle_is_einval(app: IonApp, call: int, number: int) -> None:
    arg = bytearray(number.to_bytes(4, "little", signed=True) + bytes(4))[: 4 if call == ION_IOC_FREE else 8]
    assert refused(EINVAL, app.ioctl, call, arg) == f"ion client 100-0 has no handle {number}"


@pytest.mark.parametrize("call", [ION_IOC_IMPORT, ION_IOC_SYNC], ids=["IMPORT", "SYNC"])
def test_an_fd_that_is_no_ion_buffer(bench: IonBench, app: IonApp, call: int) -> None:
    foreign = dma_buf_export(
        bench.kernel, object(), DmaBufOps(lambda *a: None, lambda *a: None, lambda b: None), PAGE, os.O_RDWR
    )
    fd = dma_buf_fd(app.process, foreign)
    assert refused(EBADF, app.ioctl, call, IonFdData(fd=99)) == "app (pid 100) has no open fd 99"
    assert "not a dma-buf" in refused(EINVAL, app.ioctl, call, IonFdData(fd=app.fd))
    assert refused(EINVAL, app.ioctl, call, IonFdData(fd=fd)) == f"{foreign} is not ION's"
    verb = "import" if call == ION_IOC_IMPORT else "sync"
    assert bench.kernel.log.entries[-1].text == f"ion: can not {verb} dmabuf from another exporter: {foreign}"
    assert foreign.file.held_by() == f"fd {fd} of app (pid 100)", "no reference stays"


def test_two_shares_are_two_dma_bufs_of_one_buffer(app: IonApp) -> None:
    """Row 3 of the checklist: two inodes."""
    number = app.alloc(CHUNK, 3 * PAGE)
    fds = [app.share(number), app.share(number)]
    stats = [app.process.fstat(fd) for fd in fds]
    assert stats[0].st_ino != stats[1].st_ino
    first, second = (app.dmabuf(fd) for fd in fds)
    assert first.priv is second.priv is app.buffer(number)
    assert (first.exp_name, first.size, first.file.flags) == ("ion", 3 * PAGE, os.O_RDWR)
    assert app.process.files.cloexec == set(fds)


def test_a_share_without_a_free_fd_is_emfile_and_puts_the_dma_buf(bench: IonBench) -> None:
    app = IonApp(bench.kernel.process("small", limit=1))
    number = app.alloc()
    arg = IonFdData(number)
    refused(EMFILE, app.ioctl, ION_IOC_SHARE, arg)
    assert arg.fd == -EMFILE, "copied out all the same"
    assert app.buffer(number).kref == 1


def test_an_alloc_that_cannot_be_answered_is_taken_back(bench: IonBench, app: IonApp) -> None:
    before = bench.baseline()
    address = placed(
        app.process, bytes.fromhex("0010000000000000 0000000000000000 1f000000 00000000") + bytes(8)
    )
    app.process.mm.find(address).flags &= ~2
    refused(EFAULT, app.ioctl, ION_IOC_ALLOC, address)
    assert app.client.handles == {}
    assert bench.baseline() == before


def test_what_is_left_in_an_argument_by_a_failed_import(app: IonApp) -> None:
    arg = IonFdData(handle=7, fd=99)
    refused(EBADF, app.ioctl, ION_IOC_IMPORT, arg)
    assert (arg.handle, arg.fd) == (7, 99)


def test_the_masks_of_old_headers_mean_ids_not_types(bench: IonBench, app: IonApp) -> None:
    """Row 37: the buffer says which heap it really came from."""
    assert app.buffer(app.alloc(ALL)).heap_id == 4
    assert app.buffer(app.alloc(SYSTEM | DMA)).heap.name == "dma"
    dmabuf = app.dmabuf(app.share(1))
    assert dmabuf.priv.heap_id == 4, "an importer sees it, too"
    handle = ion_handle_get_by_id(app.client, 1)
    assert handle.kref == 2
    app.free(1)
    assert handle.kref == 1
