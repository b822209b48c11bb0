"""Rows 7, 9, 10, 11 and 40: handles of ION that are lost, freed twice, taken away, or mistaken for others.

What the driver does right in mainline is planted wrong in the platform's own ioctl (ION_IOC_CUSTOM).
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL

import pytest

from heaps.ion.abi import IonConfig
from heaps.ion.client import IonClient
from heaps.ion.export import ION_DMA_BUF_OPS
from heaps.ion.handle import IonHandle, ion_handle_get_by_id, ion_handle_put
from heaps.ion.kernel_map import ion_map_kernel, ion_unmap_kernel
from soc.dmabuf import dma_buf_export, dma_buf_fd
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.kernel import Kernel
from soc.kernel.sched.interleaver import SeededInterleaver
from tests.bugs.bench import Bench, clean_bench, errno_of, noisy_bench
from tests.bugs.ion_app import CARVEOUT, IonApp, ion_device

HANDLE = "handle 1 of ion client 100-0 (ion buffer 1 (4096 bytes of system))"
BETWEEN = "vendor: between lookup and use"


def two_threads(bench: Bench, app: IonApp, seed: int, *calls: Callable[[], object]) -> list:
    """What calls of two threads of a program end with, interleaved as `seed` says: values or exceptions."""
    with SeededInterleaver(bench.kernel.sched, seed, rate=0.9):
        threads = [bench.kernel.sched.spawn(app.process, errno_of, call) for call in calls]
        bench.kernel.sched.run()
    return [thread.error or thread.value for thread in threads]


# --- 7: imported more often than freed ------------------------------------------------------------


def test_row_07_planted_three_references_and_one_free() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        fd = app.share(app.alloc())
        assert [app.import_fd(fd), app.import_fd(fd)] == [1, 1], "the same handle each time"
        app.free(1)
        assert f"{HANDLE}: 2 references, 2 of user space" in bench.left()
        app.process.close(app.fd)
        assert bench.warned() == [
            f"ion_client_destroy: {HANDLE} was allocated or imported 2 times more than freed"
        ]


def test_row_07_clean_a_free_for_each_import() -> None:
    with clean_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        fd = app.share(app.alloc())
        app.import_fd(fd)
        app.process.close(fd)
        for _ in range(2):
            app.free(1)
        app.process.close(app.fd)


# --- 9: two FREEs of one handle -------------------------------------------------------------------


def unlocked_free(client: IonClient, cmd: int, number: int) -> int:
    """FREE as it was before it held the client's lock from look-up to put."""
    handle = ion_handle_get_by_id(client, number)
    client.device.kernel.sched.preempt(BETWEEN)
    ion_handle_put(handle)
    ion_handle_put(handle)
    return 0


def test_row_09_planted_without_the_lock_both_put_and_the_second_puts_a_dead_handle() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        ion_device(bench).custom_ioctl = unlocked_free
        app.alloc()
        ended = two_threads(bench, app, 1, *[lambda: app.custom(0, 1)] * 2)
        assert [type(error) for error in ended if error] == [UseAfterFree]
        assert bench.warned() == [f"ion_handle_put: {HANDLE} used after its release"]


def test_row_09_clean_whatever_the_interleaving_the_second_is_einval() -> None:
    with clean_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        for seed in range(40):
            number = app.alloc()
            ended = two_threads(bench, app, seed, *[lambda: app.free(1)] * 2)
            assert (number, sorted(ended)) == (1, [0, EINVAL])
        app.process.close(app.fd)


# --- 10: a FREE between look-up and use -----------------------------------------------------------


def careless_share(client: IonClient, cmd: int, number: int) -> int:
    """SHARE that keeps nothing but a pointer to the buffer."""
    handle = client.ids.find(number)
    assert handle is not None
    kernel, buffer = client.device.kernel, handle.buffer
    kernel.sched.preempt(BETWEEN)
    buffer.get()
    dmabuf = dma_buf_export(kernel, buffer, ION_DMA_BUF_OPS, buffer.size, 2, "ion")
    return dma_buf_fd(client.task, dmabuf)


def free_at(bench: Bench, app: IonApp, where: str) -> list[int]:
    """Another thread frees handle 1 when the running one comes to `where`; what its FREEs return."""
    freed: list[int] = []

    def preempt(place: str) -> None:
        if place == where:
            freed.append(errno_of(app.free, 1))

    bench.kernel.sched.on_preempt = preempt
    return freed


def test_row_10_planted_a_pointer_that_is_not_a_reference() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        ion_device(bench).custom_ioctl = careless_share
        app.alloc()
        freed = free_at(bench, app, BETWEEN)
        with pytest.raises(UseAfterFree):
            app.custom(0, 1)
        assert freed == [0]
        assert bench.warned() == [
            "ion_buffer_get: ion buffer 1 (4096 bytes of system) used after its release"
        ]


@pytest.mark.parametrize("call", ["share", "map"])
def test_row_10_clean_the_look_up_holds_the_handle(call: str) -> None:
    with clean_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        app.alloc()
        freed = free_at(bench, app, "ion: between lookup and use of a handle")
        fd = getattr(app, call)(1)
        assert freed == [0]
        address = app.process.mmap(fd, 4096)
        app.process.store(address, b"alive")
        app.process.munmap(address, 4096)
        app.process.close(fd)
        app.process.close(app.fd)


# --- 11: user space takes the kernel's references -------------------------------------------------


class Job:
    """A driver's job: cmd 1 looks a handle up and maps it, 2 ends that."""

    def __init__(self) -> None:
        self.handle: IonHandle | None = None

    def __call__(self, client: IonClient, cmd: int, number: int) -> int:
        if cmd == 1:
            self.handle = ion_handle_get_by_id(client, number)
            ion_map_kernel(client, self.handle)
        elif self.handle is not None:
            ion_unmap_kernel(client, self.handle)
            ion_handle_put(self.handle)
        return 0


def harden(kernel: Kernel) -> None:
    kernel.subsystem(IonConfig).user_ref_count = True


ACCESS = f"user_ion_free_nolock: User does not have access! app (pid 100) frees {HANDLE}"


def test_row_11_planted_a_free_too_many_unmaps_the_buffer_under_the_driver() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        ion_device(bench).custom_ioctl = Job()
        app.custom(1, app.alloc())
        app.free(1)
        app.free(1)
        assert bench.warned() == [ACCESS]
        with pytest.raises(UseAfterFree):
            app.custom(2, 1)
        assert bench.warned() == [
            f"ion_handle_kmap_put: Double unmap detected! {HANDLE}",
            f"ion_handle_put: {HANDLE} used after its release",
        ]


def test_row_11_planted_and_hardened_it_is_told_and_the_driver_keeps_its_mapping() -> None:
    with noisy_bench("vexpress-ion", configure=harden) as bench:
        app = IonApp(bench.process())
        ion_device(bench).custom_ioctl = Job()
        app.custom(1, app.alloc())
        app.free(1)
        app.free(1)
        assert bench.warned() == [ACCESS]
        assert f"{HANDLE}: 1 references, 0 of user space, mapped 1 times for the kernel" in bench.left()
        app.custom(2, 1)
        assert bench.warned() == []


@pytest.mark.parametrize("configure", [None, harden], ids=["mainline", "hardened"])
def test_row_11_clean_the_driver_outlives_the_programs_reference(configure: Callable | None) -> None:
    with clean_bench("vexpress-ion", configure=configure) as bench:
        app = IonApp(bench.process())
        ion_device(bench).custom_ioctl = Job()
        app.custom(1, app.alloc())
        app.free(1)
        app.custom(2, 1)
        app.process.close(app.fd)


# --- 40: a number that names another buffer by now ------------------------------------------------


def test_row_40_planted_the_number_of_a_freed_handle_names_another_buffer() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        app.alloc()
        theirs = IonApp(app.process.fork("codec"), app.fd)
        theirs.share(1)
        app.free(1)
        assert app.alloc(CARVEOUT) == 1
        theirs.share(1)
        assert bench.warned() == [
            "codec (pid 101) uses a stale handle: handle 1 of ion client 100-0 now names "
            "ion buffer 2 (4096 bytes of carveout), was ion buffer 1 (4096 bytes of system)"
        ]


def test_row_40_clean_who_is_told_of_the_new_number_may_use_it() -> None:
    with clean_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        for mask in (1, CARVEOUT) * 20:
            assert app.alloc(mask) == 1
            app.process.close(app.share(1))
            app.free(1)
        app.process.close(app.fd)
