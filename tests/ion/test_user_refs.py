"""Bugs 7, 11 and 40: references that user space leaves behind, takes from the kernel, or uses too late."""

from __future__ import annotations

import gc
import weakref
from errno import EINVAL, EOVERFLOW

import pytest

from heaps.ion.alloc import ion_alloc
from heaps.ion.client import ion_client_create, ion_client_destroy
from heaps.ion.handle import ion_handle_get, ion_handle_get_by_id, ion_handle_put
from heaps.ion.ids import HandleIds
from heaps.ion.kernel_map import ion_map_kernel, ion_unmap_kernel
from heaps.ion.user_refs import UINT_MAX
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.task import Task
from soc.kernel.uapi.ion import ION_IOC_MAP, ION_IOC_SHARE, IonFdData
from tests.ion.bench import CONTIG, PAGE, SYSTEM, IonBench, ion_bench, refused

HANDLE = "handle 1 of ion client 100-0 (ion buffer 1 (4096 bytes of system))"


# --- 7: N imports, fewer frees ------------------------------------------------------


def test_imports_that_were_not_freed_are_told_when_a_live_program_closes_its_client(noisy: IonBench) -> None:
    app = noisy.app
    fd = app.share(app.alloc())
    for _ in range(2):
        app.import_fd(fd)
    app.free(1)
    app.process.close(app.fd)
    assert noisy.kernel.log.warnings == [
        f"ion_client_destroy: {HANDLE} was allocated or imported 2 times more than freed"
    ]


def test_they_are_a_line_and_no_warning_when_the_program_has_ended(bench: IonBench) -> None:
    bench.app.import_fd(bench.app.share(bench.app.alloc()))
    bench.app.process.exit()
    entry = bench.kernel.log.entries[-1]
    text = f"ion_client_destroy: {HANDLE} was allocated or imported 2 times more than freed"
    assert (entry.level, entry.text) == ("info", text)


def test_an_allocation_that_is_given_back_by_closing_is_ordinary(bench: IonBench) -> None:
    bench.app.alloc()
    lines = len(bench.kernel.log.entries)
    bench.app.process.close(bench.app.fd)
    assert len(bench.kernel.log.entries) == lines


def test_a_reference_of_the_kernels_to_a_handle_that_is_destroyed_warns(noisy: IonBench) -> None:
    noisy.app.alloc()
    kept = ion_handle_get_by_id(noisy.app.client, 1)
    noisy.app.process.exit()
    assert noisy.kernel.log.warnings == [
        f"ion_client_destroy: {HANDLE} is destroyed, and kernel code has 1 references to it"
    ]
    with pytest.raises(UseAfterFree):
        ion_handle_put(kept)


def test_a_drivers_own_reference_is_in_order_and_a_second_is_not(noisy: IonBench) -> None:
    client = ion_client_create(noisy.device, "driver")
    ion_alloc(client, PAGE, 0, SYSTEM, 0)
    ion_handle_get(ion_alloc(client, PAGE, 0, SYSTEM, 0))
    ion_client_destroy(client)
    (warning,) = noisy.kernel.log.warnings
    assert warning.startswith("ion_client_destroy: handle 2 of ion client driver-0")


# --- 11: FREE more often than references --------------------------------------------


def kernel_maps(bench: IonBench) -> tuple:
    """A driver's asynchronous job: it has found the handle by its number and maps it."""
    bench.app.alloc()
    handle = ion_handle_get_by_id(bench.app.client, 1)
    return handle, ion_map_kernel(bench.app.client, handle)


def test_unhardened_a_free_too_many_takes_the_kernels_reference(noisy: IonBench) -> None:
    handle, _ = kernel_maps(noisy)
    noisy.app.free(1)
    assert noisy.kernel.log.warnings == []
    noisy.app.free(1)
    assert noisy.kernel.log.warnings == [
        f"user_ion_free_nolock: User does not have access! app (pid 100) frees {HANDLE}"
    ]
    assert (handle.kref, handle.kmap_cnt, handle.buffer.vaddr) == (0, 0, None), "gone under the driver"
    with pytest.raises(UseAfterFree):
        ion_handle_put(handle)


def test_hardened_the_free_too_many_warns_and_changes_nothing(tmp_path) -> None:
    bench = IonBench(tmp_path, user_ref_count=True)
    handle, mapping = kernel_maps(bench)
    bench.app.free(1)
    bench.app.free(1)
    assert bench.kernel.log.warnings == [
        f"user_ion_free_nolock: User does not have access! app (pid 100) frees {HANDLE}"
    ]
    assert (handle.kref, handle.kmap_cnt, handle.buffer.vaddr) == (1, 1, mapping)
    ion_unmap_kernel(bench.app.client, handle)
    ion_handle_put(handle)
    refused(EINVAL, bench.app.free, 1)
    bench.close()


def test_hardened_all_references_of_user_space_are_one_of_the_kref(tmp_path) -> None:
    with ion_bench(tmp_path, user_ref_count=True) as bench:
        app = bench.app
        fd = app.share(app.alloc())
        assert [app.import_fd(fd) for _ in range(3)] == [1, 1, 1]
        handle = app.handle(1)
        assert (handle.kref, handle.user_ref_count) == (1, 4)
        for left in (3, 2, 1):
            app.free(1)
            assert (handle.kref, handle.user_ref_count) == (1, left)
        app.free(1)
        assert (handle.kref, app.client.handles) == (0, {})


def test_hardened_a_count_that_is_full_is_eoverflow_and_stays_full(tmp_path) -> None:
    with ion_bench(tmp_path, user_ref_count=True) as bench:
        app = bench.app
        fd = app.share(app.alloc())
        handle = app.handle(1)
        handle.user_ref_count = UINT_MAX
        why = refused(EOVERFLOW, app.import_fd, fd)
        assert why == f"user space has 4294967295 references to {HANDLE}"
        assert (handle.kref, handle.user_ref_count) == (1, UINT_MAX)
        handle.user_ref_count = 1
        app.free(1)
        assert app.client.handles == {}


def test_hardened_closing_knows_whose_references_are_left(tmp_path) -> None:
    bench = IonBench(tmp_path, user_ref_count=True)
    app = bench.app
    app.import_fd(app.share(app.alloc()))
    ion_handle_get_by_id(app.client, 1)
    app.process.close(app.fd)
    assert bench.kernel.log.warnings == [
        f"ion_client_destroy: {HANDLE} is destroyed, and kernel code has 1 references to it",
        f"ion_client_destroy: {HANDLE} was allocated or imported 2 times more than freed",
    ]
    bench.close()


# --- 40: a number that names something else by now ------------------------------------


def test_the_lowest_number_comes_again_with_the_next_generation(bench: IonBench) -> None:
    app = bench.app
    assert [app.alloc() for _ in range(3)] == [1, 2, 3]
    app.free(2)
    app.free(1)
    assert [(app.alloc(), app.handle(number).generation) for number in (1, 2)] == [(1, 2), (2, 2)]
    assert (app.alloc(), app.handle(4).generation) == (4, 1)


@pytest.mark.parametrize("call", ["FREE", "SHARE", "MAP"])
def test_a_number_that_another_task_has_recycled_is_told_when_it_is_used(noisy: IonBench, call: str) -> None:
    app = noisy.app
    child = app.process.fork("child")
    app.alloc()
    app.free(1)
    noisy.app.process, parent = child, app.process
    app.alloc(CONTIG)
    app.process = parent
    if call == "FREE":
        app.free(1)
    else:
        app.ioctl({"SHARE": ION_IOC_SHARE, "MAP": ION_IOC_MAP}[call], IonFdData(1))
    assert noisy.kernel.log.warnings == [
        "app (pid 100) uses a stale handle: handle 1 of ion client 100-0 now names "
        "ion buffer 2 (4096 bytes of contig), was ion buffer 1 (4096 bytes of system)"
    ]


def test_a_number_of_ones_own_is_never_stale(bench: IonBench) -> None:
    app = bench.app
    for _ in range(3):
        app.share(app.alloc())
        app.free(1)
        app.process.close(1)


def test_a_number_that_was_never_told_is_learnt_at_its_first_use(bench: IonBench) -> None:
    app = bench.app
    app.alloc()
    child = app.process.fork("child")
    app.process, parent = child, app.process
    app.share(1)
    app.free(1)
    app.process = parent


def test_a_number_that_names_nothing_says_what_it_named(bench: IonBench) -> None:
    bench.app.alloc(CONTIG, 2 * PAGE)
    bench.app.free(1)
    why = refused(EINVAL, bench.app.share, 1)
    assert why == (
        "ion client 100-0 has no handle 1; it was ion buffer 1 (8192 bytes of contig), freed by app (pid 100)"
    )


def test_who_was_told_a_number_is_not_kept_by_it(bench: IonBench) -> None:
    handle = ion_alloc(client := ion_client_create(bench.device, "driver"), PAGE, 0, SYSTEM, 0)
    ids, task = HandleIds(), Task(bench.kernel, 7, "told")
    ids.told(task, handle)
    handle.generation += 1
    assert ids.stale(Task(bench.kernel, 7, "the same"), handle) == str(handle.buffer)
    assert ids.stale(Task(bench.kernel, 8, "another"), handle) is None
    gone = weakref.ref(task)
    del task
    gc.collect()
    assert gone() is None
    ion_client_destroy(client)
