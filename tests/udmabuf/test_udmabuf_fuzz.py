"""Any list of any ranges of any fds: the errno that plain rules give, or a buffer; no page stays pinned."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EBADFD, EFAULT, EINVAL, ENOMEM, ENOTTY
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soc.kernel.errors import KernelError
from soc.kernel.fs.memfd import MemFile
from soc.kernel.process import Process
from soc.kernel.uapi.ioctl import _IOC
from soc.kernel.uapi.memfd import F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_WRITE
from tests.conftest import CountFuzz
from tests.dma_heap.bench import PAGE, HeapBench
from tests.udmabuf.sealed import DEVICE, create_list, memfd

PAGES = 8
FDS = {
    0: F_SEAL_SHRINK,
    1: F_SEAL_SHRINK | F_SEAL_GROW,
    2: F_SEAL_SHRINK | F_SEAL_WRITE,
    3: F_SEAL_FUTURE_WRITE,
}
"""memfds of 8 pages with these seals; 4 is a heap, 5 is closed."""
EDGES = [0, 1, PAGE, 2 * PAGE, PAGES * PAGE, (PAGES + 1) * PAGE, 64 << 20, 1 << 32, (1 << 64) - PAGE]
GOOD = st.tuples(
    st.sampled_from([0, 1]),
    st.integers(0, 4).map(lambda pages: pages * PAGE),
    st.integers(1, 4).map(lambda pages: pages * PAGE),
)
ITEMS = st.tuples(
    st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5]),
    st.one_of(st.sampled_from(EDGES), st.integers(0, PAGES).map(lambda pages: pages * PAGE)),
    st.one_of(st.sampled_from(EDGES), st.integers(1, PAGES).map(lambda pages: pages * PAGE)),
)
Item = tuple[int, int, int]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HeapBench, Process]]:
    bench = HeapBench(Path(tmp_path_factory.mktemp("board")))
    app = bench.kernel.process("app")
    for number, seals in FDS.items():
        assert memfd(app, PAGES, seals) == number
    assert app.open("/dev/dma_heap/system") == 4
    yield bench, app
    assert bench.problems() == []
    bench.close()


def pins(bench: HeapBench, app: Process) -> int:
    """How often pages of the memfds are pinned."""
    movable, total = bench.kernel.memory.pages.movable, 0
    for number in FDS:
        file = app.files.file(number).private
        assert isinstance(file, MemFile)
        total += int(movable.pins(file.populate(0, PAGES)).sum())
    return total


def expected(items: list[Item]) -> int:
    """The errno, by the rules one after the other; 0 for a buffer."""
    pages = 0
    for _, offset, size in items:
        if offset % PAGE or size % PAGE:
            return EINVAL
        pages += size // PAGE
        if pages > (64 << 20) // PAGE:
            return EINVAL
    if not pages:
        return EINVAL
    for fd, offset, size in items:
        if fd not in FDS:
            return EBADFD
        if not FDS[fd] & F_SEAL_SHRINK or FDS[fd] & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
            return EINVAL
        if not size or offset + size > PAGES * PAGE:
            return EINVAL
    return 0


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.one_of(st.lists(GOOD, max_size=5), st.lists(ITEMS, max_size=5)))
def test_any_list(fuzzed: tuple[HeapBench, Process], count_fuzz: CountFuzz, items: list[Item]) -> None:
    bench, app = fuzzed
    assert pins(bench, app) == 0
    before = bench.baseline()
    errno = 0
    try:
        fd = create_list(app, items)
    except KernelError as error:
        errno = error.errno
    else:
        assert app.fstat(fd).st_size == sum(size for _, _, size in items)
        assert pins(bench, app) == sum(size for _, _, size in items) // PAGE
        app.close(fd)
    assert errno == expected(items)
    assert pins(bench, app) == 0
    assert bench.baseline() == before
    count_fuzz("udmabuf lists", buffers=int(not errno))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cmd=st.one_of(
        st.builds(
            _IOC, st.integers(0, 3), st.sampled_from("uvH"), st.integers(0x40, 0x45), st.integers(0, 64)
        ),
        st.integers(0, 0xFFFF_FFFF),
    ),
    data=st.binary(max_size=64),
)
def test_any_number_and_any_bytes(
    fuzzed: tuple[HeapBench, Process], count_fuzz: CountFuzz, cmd: int, data: bytes
) -> None:
    bench, app = fuzzed
    before = bench.baseline()
    device = app.open(DEVICE)
    try:
        app.close(app.ioctl(device, cmd, bytearray(data)))
    except KernelError as error:
        assert error.errno in (ENOTTY, EFAULT, EINVAL, EBADFD, ENOMEM), str(error)
    app.close(device)
    assert bench.baseline() == before
    count_fuzz("udmabuf ioctls")
