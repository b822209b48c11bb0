"""Bugs 9 and 10: other tasks at the scheduling points of FREE, MAP and SHARE; wrong drivers as controls."""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL

import pytest

from heaps.ion.handle import (
    IonHandle,
    ion_handle_get_by_id,
    ion_handle_put,
    ion_handle_put_nolock,
    ion_handle_validate,
)
from heaps.ion.share import ion_share_dma_buf_fd
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.process import Process
from soc.kernel.sched.interleaver import SeededInterleaver
from soc.kernel.uapi.ion import ION_IOC_FREE, ION_IOC_MAP, ION_IOC_SHARE, IonFdData, IonHandleData
from tests.ion.bench import PAGE, SYSTEM, IonApp, IonBench, ion_bench, refused

BETWEEN = "ion: between lookup and use of a handle"


def tasks(bench: IonBench, count: int) -> list[Process]:
    """The program and `count` - 1 forks of it, which share its client."""
    return [bench.app.process, *(bench.app.process.fork(f"task {n}") for n in range(1, count))]


def attempt(call: Callable[[], object]) -> int:
    """0 or the errno."""
    try:
        call()
    except KernelError as error:
        return error.errno
    return 0


def free(task: Process, fd: int) -> int:
    return attempt(lambda: task.ioctl(fd, ION_IOC_FREE, IonHandleData(1)))


def share(task: Process, fd: int, call: int = ION_IOC_SHARE) -> int:
    return attempt(lambda: task.ioctl(fd, call, IonFdData(1)))


@pytest.mark.parametrize("seed", range(40))
def test_of_two_tasks_that_free_one_handle_the_second_is_einval(tmp_path, seed: int) -> None:
    with ion_bench(tmp_path) as bench:
        bench.app.alloc()
        with SeededInterleaver(bench.kernel.sched, seed):
            threads = [bench.kernel.sched.spawn(task, free, task, bench.app.fd) for task in tasks(bench, 2)]
            bench.kernel.sched.run()
        assert sorted(thread.value for thread in threads) == [0, EINVAL]
        assert bench.device.buffers == []


def unlocked_free(app: IonApp) -> None:
    """FREE before it held the client's lock: look up, drop, put."""
    handle = ion_handle_get_by_id(app.client, 1)
    app.client.device.kernel.sched.preempt(BETWEEN)
    with app.client.lock:
        ion_handle_put_nolock(handle)
    ion_handle_put(handle)


def test_the_control_two_unlocked_frees_meet_and_the_model_traps_the_dead_handle(tmp_path) -> None:
    outcomes = set()
    for seed in range(10):
        (folder := tmp_path / str(seed)).mkdir()
        bench = IonBench(folder)
        bench.app.alloc()
        with SeededInterleaver(bench.kernel.sched, seed, rate=0.9):
            threads = [bench.kernel.sched.spawn(task, unlocked_free, bench.app) for task in tasks(bench, 2)]
            bench.kernel.sched.run_ready()
        errors = [type(thread.error) for thread in threads if thread.error]
        outcomes.update(errors)
        assert (UseAfterFree in errors) == any(
            "used after its release" in w for w in bench.kernel.log.warnings
        )
        bench.close()
    assert UseAfterFree in outcomes


@pytest.mark.parametrize("call", [ION_IOC_SHARE, ION_IOC_MAP], ids=["SHARE", "MAP"])
def test_a_free_between_look_up_and_use_leaves_a_good_dma_buf(bench: IonBench, call: int) -> None:
    app, other = bench.app, bench.app.process.fork("other")
    app.alloc()
    freed = []

    def preempt(place: str) -> None:
        if place == BETWEEN:
            freed.append(free(other, app.fd))

    bench.kernel.sched.on_preempt = preempt
    data = IonFdData(1)
    app.ioctl(call, data)
    bench.kernel.sched.on_preempt = None
    assert freed == [0]
    assert app.client.handles == {}, "it went when the call was done with it"
    address = app.process.mmap(data.fd, PAGE)
    app.process.store(address, b"alive")
    refused(EINVAL, app.free, 1)


def careless_share(app: IonApp) -> int:
    """SHARE that looks the handle up, and keeps nothing but the pointer."""
    handle: IonHandle | None
    with app.client.lock:
        handle = app.client.ids.find(1)
    assert handle is not None
    app.client.device.kernel.sched.preempt(BETWEEN)
    return ion_share_dma_buf_fd(app.client, handle)


def test_the_control_a_share_without_a_reference_finds_its_handle_gone(noisy: IonBench) -> None:
    app, other = noisy.app, noisy.app.process.fork("other")
    app.alloc()
    noisy.kernel.sched.on_preempt = lambda place: place == BETWEEN and free(other, app.fd)
    with noisy.kernel.sched.running(app.process):
        refused(EINVAL, careless_share, app)
    assert [warning.split(":")[0] for warning in noisy.kernel.log.warnings] == ["ion_share_dma_buf"]


def test_the_control_with_the_number_given_again_shares_somebody_elses_buffer(noisy: IonBench) -> None:
    """The generation tells: the number is right, the handle is another one."""
    app, other = noisy.app, noisy.app.process.fork("other")
    app.alloc()
    kept = app.handle(1)

    def preempt(place: str) -> None:
        if place == BETWEEN and app.client.ids.find(1) is kept:
            free(other, app.fd)
            IonApp.alloc(app, SYSTEM, 2 * PAGE)

    noisy.kernel.sched.on_preempt = preempt
    with noisy.kernel.sched.running(app.process):
        refused(EINVAL, careless_share, app)
    assert (kept.id, kept.generation) == (1, 1)
    assert (app.handle(1).id, app.handle(1).generation) == (1, 2)


def test_a_free_between_alloc_and_its_answer_does_not_disturb_the_answer(bench: IonBench) -> None:
    app, other = bench.app, bench.app.process.fork("other")
    freed = []

    def preempt(place: str) -> None:
        if place == "copy_to_user" and not freed:
            freed.append(free(other, app.fd))

    bench.kernel.sched.on_preempt = preempt
    assert app.alloc() == 1
    bench.kernel.sched.on_preempt = None
    assert freed == [0]
    assert bench.device.buffers == []


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_interleaving_counts_end_where_they_began(tmp_path, seed: int) -> None:
    with ion_bench(tmp_path) as bench:
        before = bench.baseline()
        app = bench.app
        number = app.alloc()
        fd = app.share(number)
        calls = [
            lambda task: free(task, app.fd),
            lambda task: share(task, app.fd),
            lambda task: share(task, app.fd, ION_IOC_MAP),
            lambda task: attempt(lambda: task.ioctl(app.fd, 0xC008_4905, IonFdData(fd=fd))),
        ]
        with SeededInterleaver(bench.kernel.sched, seed):
            threads = [
                bench.kernel.sched.spawn(task, call, task)
                for task, call in zip(tasks(bench, 4), calls, strict=True)
            ]
            bench.kernel.sched.run()
        freed, shared, mapped, imported = (thread.value for thread in threads)
        assert (freed, imported) == (0, 0)
        assert {shared, mapped} <= {0, EINVAL}
        handle = app.client.ids.find(1)
        assert handle is not None, "the import came before or after the free"
        assert handle.kref == 1
        with app.client.lock:
            assert ion_handle_validate(app.client, handle)
        for process in list(bench.kernel.processes.values()):
            process.exit()
        assert bench.baseline() == before
