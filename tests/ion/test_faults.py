"""Every allocation, fd and copy of every call fails once: nothing may be left, nothing may be lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from errno import EFAULT, EMFILE, ENOMEM, EPERM

import pytest

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import ion_client_create, ion_client_destroy
from heaps.ion.kernel_map import ion_map_kernel, ion_unmap_kernel
from heaps.ion.share import ion_import_dma_buf, ion_share_dma_buf
from soc.dmabuf import dma_buf_begin_cpu_access, dma_buf_put
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi.ion import ION_IOC_HEAP_QUERY, IonHeapQuery
from tests.ion.bench import (
    CACHED,
    CARVEOUT,
    CHUNK,
    CONTIG,
    DMA,
    KIB,
    PAGE,
    SYSTEM,
    IonApp,
    IonBench,
    ion_bench,
    placed,
)

ERRNOS = (ENOMEM, EMFILE, EFAULT, EPERM)


@dataclass
class Scene:
    """A program with handle 1, its dma-buf, and a driver's client."""

    bench: IonBench
    user_ref_count: bool = False

    def __post_init__(self) -> None:
        self.app: IonApp = self.bench.app
        self.number = self.app.alloc(SYSTEM, 4 * PAGE, 0, CACHED)
        self.fd = self.app.share(self.number)
        self.other = self.bench.open("other")
        self.there = self.other.receive(self.app, self.fd)
        self.room = placed(self.app.process, bytes(5 * 52))
        self.driver = ion_client_create(self.bench.device, "driver")
        self.handle = ion_alloc(self.driver, PAGE, 0, CONTIG, 0)

    def state(self) -> tuple[object, ...]:
        """Everything that is counted."""
        device = self.bench.device
        handles = [
            (client.display_name, handle.id, handle.kref, handle.user_ref_count, handle.kmap_cnt)
            for client in device.clients
            for handle in client.handles.values()
        ]
        buffers = [
            (buffer.number, buffer.kref, buffer.handle_count, buffer.kmap_cnt, len(buffer.vmas))
            for buffer in device.buffers
        ]
        processes = self.bench.kernel.processes.values()
        fds = [(process.pid, process.files.open_fds(), process.files._reserved) for process in processes]
        files = [(file.ino, file.f_count) for file in self.bench.kernel.files.live()]
        vmas = [len(process.mm.vmas) for process in processes]
        views = self.bench.kernel.views.list("/sys/kernel/debug/ion")
        pools = [heap.priv.live for heap in device.heaps]
        return (handles, buffers, str(fds), files, vmas, views, pools)


def share_and_drop(scene: Scene) -> None:
    dmabuf = ion_share_dma_buf(scene.driver, scene.handle)
    dma_buf_put(dmabuf, dmabuf.exporter)


def import_to_driver(scene: Scene) -> None:
    ion_free(scene.driver, ion_import_dma_buf(scene.driver, scene.app.dmabuf(scene.fd)))


CALLS: dict[str, Callable[[Scene], object]] = {
    "open": lambda scene: IonApp(scene.other.process),
    "ALLOC system": lambda scene: scene.app.alloc(SYSTEM, 100 * KIB),
    "ALLOC system by faults": lambda scene: scene.app.alloc(SYSTEM, PAGE, 0, CACHED),
    "ALLOC contig": lambda scene: scene.app.alloc(CONTIG, 12 * KIB),
    "ALLOC carveout": lambda scene: scene.app.alloc(CARVEOUT, 12 * KIB),
    "ALLOC chunk": lambda scene: scene.app.alloc(CHUNK, 40 * KIB),
    "ALLOC dma": lambda scene: scene.app.alloc(DMA, 12 * KIB),
    "SHARE": lambda scene: scene.app.share(scene.number),
    "IMPORT known": lambda scene: scene.app.import_fd(scene.fd),
    "IMPORT new": lambda scene: scene.other.import_fd(scene.there),
    "FREE": lambda scene: scene.app.free(scene.number),
    "SYNC": lambda scene: scene.app.sync(scene.fd),
    "HEAP_QUERY": lambda scene: scene.app.ioctl(ION_IOC_HEAP_QUERY, IonHeapQuery(cnt=5, heaps=scene.room)),
    "mmap": lambda scene: scene.app.process.mmap(scene.fd, 4 * PAGE),
    "SYNC_START": lambda scene: dma_buf_begin_cpu_access(scene.app.dmabuf(scene.fd), DmaDirection.TO_DEVICE),
    "ion_client_create": lambda scene: ion_client_create(scene.bench.device, "driver"),
    "ion_alloc": lambda scene: ion_alloc(scene.driver, PAGE, 0, SYSTEM, 0),
    "ion_map_kernel": lambda scene: ion_map_kernel(scene.driver, scene.handle),
    "ion_share_dma_buf": share_and_drop,
    "ion_import_dma_buf": import_to_driver,
}
KEPT_AFTER_COPY_OUT = {"SHARE", "IMPORT known", "IMPORT new"}
"""Linux leaves the new fd, or the reference, and the program does not know."""
NOT_TOLD = {"mmap"}
"""A mapping that ION cannot remember works all the same."""


@pytest.mark.parametrize("hardened", [False, True], ids=["4.9", "user_ref_count"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails_changes_nothing(tmp_path, name: str, hardened: bool) -> None:
    nth = places = 0
    while nth <= places:
        (folder := tmp_path / str(nth)).mkdir()
        with ion_bench(folder, user_ref_count=hardened) as bench:
            scene = Scene(bench)
            before, faults = scene.state(), bench.kernel.faults
            faults.fail_nth(nth)
            errno = None
            try:
                CALLS[name](scene)
            except KernelError as error:
                errno = error.errno
            failed = faults.failed
            places = places or faults.count
            faults.fail_nth(0)
            bench.settle()
            assert (failed is None) == (nth == 0)
            if errno is not None:
                assert errno in ERRNOS and failed is not None
                if not (name in KEPT_AFTER_COPY_OUT and failed == "user copy of copy_to_user"):
                    assert scene.state() == before, failed
            elif failed is not None:
                assert name in NOT_TOLD or retried(name), failed
            ion_client_destroy(scene.driver)
        nth += 1
    assert places, "every call passes some place"


def retried(name: str) -> bool:
    """A heap that frees later is asked twice, and then it worked; large orders may fail for smaller ones."""
    return name.startswith(("ALLOC system", "ALLOC carveout", "ALLOC chunk", "ion_alloc"))


def life(bench: IonBench) -> None:
    """All a program and a driver do with ION; a step that fails is skipped."""
    steps: list[Callable[[], object]] = []
    app, kernel = bench.app, bench.kernel
    found: dict[str, object] = {}

    def step(name: str, call: Callable[[], object]) -> None:
        def run() -> None:
            found[name] = call()

        steps.append(run)

    for mask in (SYSTEM, CONTIG, CARVEOUT, CHUNK, DMA):
        step(f"handle {mask}", lambda mask=mask: app.alloc(mask, 20 * KIB))
        step(f"fd {mask}", lambda mask=mask: app.share(found[f"handle {mask}"]))
        step(f"import {mask}", lambda mask=mask: app.import_fd(found[f"fd {mask}"]))
        step(f"map {mask}", lambda mask=mask: app.process.mmap(found[f"fd {mask}"], 20 * KIB))
        step(f"child {mask}", lambda: app.process.fork("child"))
        step(f"free {mask}", lambda mask=mask: app.free(found[f"handle {mask}"]))
    step("client", lambda: ion_client_create(bench.device, "driver"))
    step("handle", lambda: ion_alloc(found["client"], 20 * KIB, 0, CARVEOUT, CACHED))
    step("vaddr", lambda: ion_map_kernel(found["client"], found["handle"]))
    step("unmap", lambda: found["vaddr"] and ion_unmap_kernel(found["client"], found["handle"]))
    step("dmabuf", lambda: ion_share_dma_buf(found["client"], found["handle"]))
    step("put", lambda: dma_buf_put(found["dmabuf"], found["dmabuf"].exporter))
    for run in steps:
        try:
            run()
        except (KernelError, KeyError):
            continue
    kernel.faults.fail_nth(0)
    for process in list(kernel.processes.values()):
        process.exit()
    if "client" in found:
        ion_client_destroy(found["client"])


def test_a_life_in_which_one_thing_fails_ends_where_it_began(tmp_path) -> None:
    with ion_bench(tmp_path) as bench:
        life(bench)
        before = bench.baseline()
        nth = 1
        while True:
            bench.app = bench.open("app")
            bench.kernel.faults.fail_nth(nth)
            seen: list[int] = []
            bench.kernel.faults.observers = [lambda site, what, seen=seen: seen.append(1)]
            life(bench)
            bench.kernel.faults.observers = []
            assert bench.baseline() == before, nth
            assert bench.device.clients == []
            if nth > len(seen):
                break
            nth += 1
        assert nth > 80, "so many places"
