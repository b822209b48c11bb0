"""The report at the end of a run: a line for everything that is still somebody's, and none without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.dmabuf import dma_buf_begin_cpu_access
from soc.dmabuf.fence import DmaFence, dma_fence_context_alloc, dma_fence_put, dma_fence_signal
from soc.dmabuf.sanitizer.final import final_report, held_at_end
from soc.kernel.remains import Remains
from soc.kernel.scatterlist import DmaDirection
from tests.bugs.bench import PAGE, Bench, alloc, clean_bench, noisy_bench
from tests.bugs.cards import GPU, Card, create_dumb
from tests.bugs.ion_app import CARVEOUT, IonApp


@pytest.fixture
def bench() -> Iterator[Bench]:
    with noisy_bench() as bench:
        yield bench


def test_nothing_is_left_after_boot() -> None:
    with clean_bench() as bench:
        assert final_report(bench.kernel) == held_at_end(bench.kernel) == []


def test_files_and_buffers_are_listed_with_who_holds_them(bench: Bench) -> None:
    app = bench.process()
    memfd = app.memfd_create("scratch")
    fd = alloc(app)
    assert held_at_end(bench.kernel) == [
        f"dma-buf 3 'system' (16384 bytes): held by fd {fd} of app (pid 100)",
        f"memfd 1 'scratch': held by fd {memfd} of app (pid 100)",
    ]


def test_a_bracket_that_was_not_ended_names_who_began_it(bench: Bench) -> None:
    app = bench.process()
    dmabuf = bench.dmabuf(app, alloc(app))
    with bench.kernel.sched.running(app):
        dma_buf_begin_cpu_access(dmabuf, DmaDirection.FROM_DEVICE)
    assert f"{dmabuf}: app (pid 100) began CPU access and did not end it" in held_at_end(bench.kernel)


def test_a_fence_that_nobody_signalled_is_listed_and_one_that_has_is_not(bench: Bench) -> None:
    first, second = (
        DmaFence(bench.kernel, "gpu", "ring", dma_fence_context_alloc(bench.kernel), 7) for _ in range(2)
    )
    dma_fence_signal(first)
    assert held_at_end(bench.kernel) == [
        f"{second} was never signalled: driver gpu, timeline ring, seqno 7, to be signalled by nobody known"
    ]
    assert final_report(bench.kernel, bench.before)[1:] == ["fences: 0 before, 2 now"]
    for fence in (first, second):
        dma_fence_put(fence)


def test_memory_that_a_released_buffer_forgot_is_listed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = bench.process()
    fd = alloc(app)
    memory = bench.dmabuf(app, fd).priv.memory
    monkeypatch.setattr(memory, "give_back", lambda: None)
    app.close(fd)
    assert held_at_end(bench.kernel) == [
        "dma-buf 2 of heap system is gone, and its memory was not given back: 4 pages"
    ]


def test_what_happened_on_the_way_comes_after_what_is_left(bench: Bench) -> None:
    app = bench.process()
    alloc(app)
    app.exit()
    assert final_report(bench.kernel, bench.before) == [
        "app (pid 100) ends with fd 1 open: dma-buf 2 'system'"
    ]


def test_a_late_access_is_told_even_if_nobody_gets_the_page(bench: Bench) -> None:
    app = bench.process()
    fd = alloc(app)
    frame = int(bench.dmabuf(app, fd).priv.memory.frames()[0])
    app.close(fd)
    bench.kernel.cpu.read(frame << 12, 8)
    assert final_report(bench.kernel) == [
        f"use after free: cpu read 8 bytes on a freed page of dma-buf 2 of heap system, at {frame << 12:#x}"
    ]


def test_layers_above_add_what_is_theirs(bench: Bench) -> None:
    card, app = Card(bench, "camera", GPU), bench.process()
    create_dumb(app, card.open(app))
    assert "gem object 1 of card0: held by handles" in held_at_end(bench.kernel)


def test_who_adds_again_is_asked_once(bench: Bench) -> None:
    remains = bench.kernel.subsystem(Remains)
    remains.add("frames", lambda: ["one"])
    remains.add("frames", lambda: ["another"])
    assert remains.lines() == ["another"]


def test_ion_lists_handles_orphans_and_what_waits_to_be_freed() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        app.share(app.alloc())
        app.free(1)
        app.alloc(CARVEOUT, 2 * PAGE)
        app.alloc(CARVEOUT)
        app.free(2)
        assert bench.kernel.subsystem(Remains).lines() == [
            "handle 1 of ion client 100-0 (ion buffer 2 (8192 bytes of carveout)): "
            "1 references, 1 of user space",
            "ion buffer 1 (4096 bytes of system) is an orphan with 1 references; "
            "the last handle was of app (pid 100)",
            "heap carveout (id 2) has not freed 1 buffers, 4096 bytes, which nobody has any more",
        ]
        assert not any("has not freed" in line for line in held_at_end(bench.kernel)), "its thread did"
