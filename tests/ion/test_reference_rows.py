"""SEMANTICS 3.4: who holds what for how long."""

from __future__ import annotations

from errno import EINVAL, EIO, ENODEV

import pytest

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import ion_client_create, ion_client_destroy
from heaps.ion.handle import ion_handle_get_by_id, ion_handle_put, ion_handle_validate
from heaps.ion.kernel_map import ion_map_kernel, ion_unmap_kernel
from heaps.ion.share import ion_import_dma_buf, ion_share_dma_buf, ion_share_dma_buf_fd
from soc.dmabuf import dma_buf_put
from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.fs.file import UseAfterFree
from tests.ion.bench import CONTIG, PAGE, SYSTEM, IonApp, IonBench, refused
from tests.ion.simple_heap import add


def test_importing_what_one_has_is_the_same_number_and_a_reference_more(app: IonApp) -> None:
    number = app.alloc()
    fd = app.share(number)
    assert [app.import_fd(fd) for _ in range(3)] == [number] * 3
    assert app.handle(number).kref == 4
    assert app.buffer(number).handle_count == 1


def test_n_imports_and_an_alloc_need_n_and_one_frees(app: IonApp) -> None:
    """Row 4 of the checklist."""
    number = app.alloc()
    fd = app.share(number)
    for _ in range(3):
        app.import_fd(fd)
    app.process.close(fd)
    for left in (3, 2, 1):
        app.free(number)
        assert app.handle(number).kref == left
    app.free(number)
    buffer = "ion buffer 1 (4096 bytes of system)"
    why = f"ion client 100-0 has no handle 1; it was {buffer}, freed by app (pid 100)"
    assert refused(EINVAL, app.free, number) == why


def test_another_client_has_a_handle_of_its_own(bench: IonBench, app: IonApp) -> None:
    other = bench.open("other")
    other.alloc()
    fd = app.share(app.alloc())
    imported = other.import_fd(other.receive(app, fd))
    assert imported == 2
    assert other.buffer(2) is app.buffer(1)
    buffer = app.buffer(1)
    assert (buffer.handle_count, buffer.kref) == (2, 3), "two handles and a dma-buf"
    app.free(1)
    assert (buffer.handle_count, buffer.task_comm) == (1, ""), "it has a client to ask"


def test_a_free_at_zero_lets_go_of_everything(bench: IonBench, app: IonApp) -> None:
    fd = app.share(app.alloc(CONTIG))
    buffer = app.buffer(1)
    app.free(1)
    assert (buffer.handle_count, buffer.kref) == (0, 1)
    assert (buffer.task_comm, buffer.pid) == ("app", 100)
    app.process.close(fd)
    assert buffer.kref == 0
    assert bench.device.buffers == []


def test_a_shared_buffer_outlives_its_handle_and_its_fd(bench: IonBench, app: IonApp) -> None:
    fd = app.share(app.alloc())
    address = app.process.mmap(fd, PAGE)
    app.process.store(address, b"still here")
    app.free(1)
    app.process.close(fd)
    assert app.process.load(address, 10) == b"still here"
    assert len(bench.device.buffers) == 1
    app.process.munmap(address, PAGE)
    assert bench.device.buffers == []


def test_closing_dev_ion_destroys_all_handles_whatever_their_counts(noisy: IonBench) -> None:
    """Row 28 of the checklist; buffers survive as dma-bufs."""
    app = noisy.app
    fd = app.share(app.alloc())
    app.import_fd(fd)
    app.alloc()
    kept = app.buffer(1)
    app.process.close(app.fd)
    assert noisy.device.buffers == [kept]
    assert (kept.handle_count, kept.kref) == (0, 1)
    app.process.close(fd)
    assert noisy.device.buffers == []


def test_a_forked_file_closes_with_its_last_owner(bench: IonBench, app: IonApp) -> None:
    app.alloc()
    child = app.process.fork()
    app.process.close(app.fd)
    assert len(bench.device.clients) == 1
    child.exit()
    assert bench.device.clients == bench.device.buffers == []


# --- kernel code -----------------------------------------------------------------


def test_ion_free_of_another_clients_handle_is_a_bug(noisy: IonBench) -> None:
    mine, other = (ion_client_create(noisy.device, name) for name in ("mine", "other"))
    handle = ion_alloc(mine, PAGE, 0, SYSTEM, 0)
    with pytest.raises(KernelBug, match="ion_free: ion client other-0 frees handle 1 of ion client mine-0"):
        ion_free(other, handle)
    assert noisy.kernel.log.warnings == [
        "kernel BUG: ion_free: ion client other-0 frees handle 1 of ion client mine-0 "
        "(ion buffer 1 (4096 bytes of system))"
    ]


def test_ion_free_of_a_handle_that_is_not_valid_warns(noisy: IonBench) -> None:
    client = ion_client_create(noisy.device, "driver")
    handle = ion_alloc(client, PAGE, 0, SYSTEM, 0)
    ion_free(client, handle)
    ion_free(client, handle)
    assert noisy.kernel.log.warnings == [
        "ion_free: invalid handle passed to free: handle 1 of ion client driver-0 "
        "(ion buffer 1 (4096 bytes of system))"
    ]


def test_ion_share_dma_buf_of_a_handle_that_is_not_valid_warns_and_is_einval(noisy: IonBench) -> None:
    client = ion_client_create(noisy.device, "driver")
    handle = ion_alloc(client, PAGE, 0, SYSTEM, 0)
    ion_free(client, handle)
    refused(EINVAL, ion_share_dma_buf, client, handle)
    assert len(noisy.kernel.log.warnings) == 1
    assert noisy.kernel.log.warnings[0].startswith("ion_share_dma_buf: invalid handle passed to share")


def test_a_dma_buf_holds_the_buffer_from_share_to_release(bench: IonBench) -> None:
    client = ion_client_create(bench.device, "driver")
    handle = ion_alloc(client, PAGE, 0, SYSTEM, 0)
    dmabuf = ion_share_dma_buf(client, handle)
    buffer = handle.buffer
    assert buffer.kref == 2
    ion_free(client, handle)
    assert ion_import_dma_buf(client, dmabuf).buffer is buffer
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert buffer.kref == 1


def test_a_driver_shares_into_the_running_program(bench: IonBench, app: IonApp) -> None:
    client = ion_client_create(bench.device, "driver")
    handle = ion_alloc(client, PAGE, 0, SYSTEM, 0)
    with bench.kernel.sched.running(app.process):
        fd = ion_share_dma_buf_fd(client, handle)
    assert fd in app.process.files.cloexec
    assert app.dmabuf(fd).priv is handle.buffer


def test_a_client_needs_a_name(bench: IonBench) -> None:
    assert refused(EINVAL, ion_client_create, bench.device, None) == "an ion client needs a name"
    assert bench.kernel.log.entries[-1].text == "ion_client_create: Name cannot be null"


def test_a_client_destroyed_twice_is_trapped(noisy: IonBench) -> None:
    client = ion_client_create(noisy.device, "driver")
    ion_client_destroy(client)
    with pytest.raises(UseAfterFree, match="ion_client_destroy: ion client driver-0 used after its release"):
        ion_client_destroy(client)


def test_a_handle_put_after_its_end_is_trapped(noisy: IonBench) -> None:
    handle = noisy.app.handle(noisy.app.alloc())
    noisy.app.free(1)
    with pytest.raises(UseAfterFree, match="ion_handle_put: handle 1 of ion client 100-0"):
        ion_handle_put(handle)


def test_a_look_up_holds_a_reference(app: IonApp) -> None:
    app.alloc()
    handle = ion_handle_get_by_id(app.client, 1)
    app.free(1)
    assert handle.kref == 1
    with app.client.lock:
        assert ion_handle_validate(app.client, handle)
    ion_handle_put(handle)
    assert app.client.handles == {}


def test_validating_without_the_clients_lock_warns(noisy: IonBench) -> None:
    handle = noisy.app.handle(noisy.app.alloc())
    assert ion_handle_validate(noisy.app.client, handle)
    assert noisy.kernel.log.warnings == ["ion_handle_validate: client->lock of ion client 100-0 is not held"]


# --- kernel mappings -----------------------------------------------------------------


def test_a_kernel_mapping_is_the_same_for_all_and_counted_by_handle_and_buffer(bench: IonBench) -> None:
    mapped: list[str] = []

    def map_kernel(heap, buffer):
        mapped.append("map")
        return real(heap, buffer)

    simple = add(bench.device, 9, "simple", unmap_kernel=lambda heap, buffer: mapped.append("unmap"))
    real = simple.heap.ops.map_kernel
    object.__setattr__(simple.heap.ops, "map_kernel", map_kernel)
    one, two = (ion_client_create(bench.device, name) for name in ("one", "two"))
    first = ion_alloc(one, PAGE, 0, 1 << 9, 0)
    second = ion_import_dma_buf(two, dmabuf := ion_share_dma_buf(one, first))
    dma_buf_put(dmabuf, dmabuf.exporter)
    mappings = [ion_map_kernel(one, first), ion_map_kernel(one, first), ion_map_kernel(two, second)]
    assert mappings[0] is mappings[1] is mappings[2]
    assert (first.kmap_cnt, second.kmap_cnt, first.buffer.kmap_cnt) == (2, 1, 2)
    ion_unmap_kernel(one, first)
    ion_unmap_kernel(two, second)
    assert mapped == ["map"], "the heap is asked at 0 -> 1 only"
    ion_unmap_kernel(one, first)
    assert mapped == ["map", "unmap"]
    ion_client_destroy(two)
    ion_client_destroy(one)


def test_an_unmap_too_many_warns_and_is_ignored(noisy: IonBench) -> None:
    client = ion_client_create(noisy.device, "driver")
    handle = ion_alloc(client, PAGE, 0, SYSTEM, 0)
    ion_map_kernel(client, handle).write(b"kernel")
    ion_unmap_kernel(client, handle)
    ion_unmap_kernel(client, handle)
    assert (handle.kmap_cnt, handle.buffer.kmap_cnt) == (0, 0)
    assert noisy.kernel.log.warnings == [
        "ion_handle_kmap_put: Double unmap detected! handle 1 of ion client driver-0 "
        "(ion buffer 1 (4096 bytes of system))"
    ]


def test_what_map_kernel_refuses(tmp_path) -> None:
    bench = IonBench(tmp_path)
    client = ion_client_create(bench.device, "driver")

    def failing(heap, buffer):
        raise KernelError(EIO, "no")

    for number, (errno, op) in enumerate(
        [
            (ENODEV, None),
            (EIO, failing),
            (EINVAL, lambda heap, buffer: None),
            (EINVAL, lambda heap, buffer: None),
        ],
        6,
    ):
        add(bench.device, number, f"heap {number}", map_kernel=op)
        handle = ion_alloc(client, PAGE, 0, 1 << number, 0)
        refused(errno, ion_map_kernel, client, handle)
        assert (handle.kmap_cnt, handle.buffer.kmap_cnt) == (0, 0)
    assert bench.kernel.log.warnings == ["heap->ops->map_kernel should return ERR_PTR on error"], "once"
    ion_free(client, handle)
    refused(EINVAL, ion_map_kernel, client, handle)
    bench.close()


def test_a_destroyed_handle_takes_its_kernel_mappings_with_it(bench: IonBench) -> None:
    client = ion_client_create(bench.device, "driver")
    handle = ion_alloc(client, PAGE, 0, CONTIG, 0)
    for _ in range(3):
        ion_map_kernel(client, handle)
    ion_free(client, handle)
    assert (handle.kmap_cnt, handle.buffer.kmap_cnt, handle.buffer.vaddr) == (0, 0, None)


def test_a_buffer_destroyed_while_it_is_mapped_warns_and_is_unmapped(noisy: IonBench) -> None:
    app = noisy.app
    fd = app.share(app.alloc(CONTIG))
    dmabuf = app.dmabuf(fd)
    dmabuf.ops.begin_cpu_access(dmabuf, None)
    app.free(1)
    app.process.close(fd)
    assert noisy.kernel.log.warnings == [
        "ion_buffer_destroy: ion buffer 1 (4096 bytes of contig) is still mapped by the kernel, kmap_cnt 1"
    ]
    assert dmabuf.priv.vaddr is None
