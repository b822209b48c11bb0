"""What is counted, what a leak looks like, and the remarks on lost file descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from soc.kernel.counters import Counters
from soc.kernel.fs.fd_audit import GROWTH
from tests.process.files import PAGE, Driver, MemoryKernel, app, memory_kernel


@pytest.fixture
def kernel() -> Iterator[MemoryKernel]:
    with memory_kernel() as kernel:
        yield kernel


def test_changes_name_each_count_that_differs() -> None:
    counters, values = Counters(), {"a": 1, "b": 0}
    counters.add("pages", lambda: values["a"])
    counters.add("files", lambda: values)
    before = counters.snapshot()
    assert before == {"pages": 1, "files a": 1}
    values |= {"a": 3, "b": 2}
    assert counters.changes(before) == [
        "files a: 1 before, 3 now",
        "files b: 0 before, 2 now",
        "pages: 1 before, 3 now",
    ]
    values |= {"a": 1, "b": 0}
    assert counters.changes(before) == []
    with pytest.raises(ValueError, match="'pages' is counted already"):
        counters.add("pages", lambda: 0)


def test_a_kernel_counts_files_fds_mappings_and_processes(kernel: MemoryKernel) -> None:
    Driver(kernel)
    before = kernel.counters.snapshot()
    process = app(kernel)
    process.mmap(process.open("/dev/test"), PAGE)
    assert kernel.counters.changes(before) == [
        "fds: 0 before, 1 now",
        "open files test: 0 before, 1 now",
        "processes: 0 before, 1 now",
        "user mappings: 0 before, 1 now",
    ]
    process.exit()
    assert kernel.counters.changes(before) == []


def test_fds_left_open_at_the_end_are_remarked(kernel: MemoryKernel) -> None:
    Driver(kernel)
    tidy, careless = app(kernel), kernel.process("server")
    tidy.close(tidy.open("/dev/test"))
    careless.open("/dev/test")
    tidy.exit()
    careless.exit()
    assert kernel.fd_audit.remarks == ["server (pid 101) ends with fd 0 open: test 2 'test'"]
    assert kernel.log.warnings == []


def test_what_exec_passes_on_for_want_of_cloexec_is_remarked(kernel: MemoryKernel) -> None:
    Driver(kernel)
    process = app(kernel)
    process.open("/dev/test", os.O_RDWR | os.O_CLOEXEC)
    process.open("/dev/test")
    process.exec()
    assert kernel.fd_audit.remarks == ["app (pid 100) passes fd 1 on by exec: test 2 'test'"]


@pytest.mark.parametrize("leaks", [True, False])
def test_growth_over_many_frames_is_remarked_once(kernel: MemoryKernel, leaks: bool) -> None:
    Driver(kernel)
    process = app(kernel)
    for _ in range(1000):
        fd = process.open("/dev/test")
        if not leaks:
            process.close(fd)
        kernel.fd_audit.mark(process.files)
        if leaks and len(process.files.open_fds()) == 1000:
            break
    grown = (
        f"app (pid 100) has had more fds after each of the last {GROWTH} rounds: "
        f"{GROWTH + 1} of its {GROWTH + 1} are test 'test'"
    )
    assert kernel.fd_audit.remarks == ([grown] if leaks else [])
