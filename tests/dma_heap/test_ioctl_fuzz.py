"""Row 25 of SEMANTICS 9: any ioctl number, any bytes on a heap's fd: an errno or a buffer, never a leak."""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import EFAULT, EINVAL, EMFILE, ENOMEM
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soc.kernel.errors import KernelError
from soc.kernel.uapi.dma_heap import DmaHeapAllocationData
from soc.kernel.uapi.ioctl import _IOC, _IOC_READ, _IOC_WRITE
from tests.conftest import CountFuzz
from tests.dma_heap.bench import CMA, PAGE, HeapBench

EXPECTED = {EINVAL, EFAULT, ENOMEM, EMFILE}
LENGTHS = [0, 1, PAGE, PAGE + 1, 5 * PAGE, 3 << 20, 1 << 40, (1 << 64) - PAGE, (1 << 64) - 1]
GOOD = st.builds(
    DmaHeapAllocationData,
    st.integers(1, 1 << 20),
    st.just(0),
    st.sampled_from([0, 1, 2, 3, 0x80000, 0x80002]),
    st.just(0),
)
ANY = st.builds(
    DmaHeapAllocationData,
    st.one_of(st.sampled_from(LENGTHS), st.integers(0, (1 << 64) - 1)),
    st.sampled_from([0, 0, 0, 1, 0xFFFF_FFFF]),
    st.one_of(st.sampled_from([0, 2, 0x80002]), st.integers(0, 0xFFFF_FFFF)),
    st.sampled_from([0, 0, 0, 1, 1 << 40]),
)
MAGICS = st.sampled_from(["H", "I", "\0", "\xff"])
NR_0 = st.builds(_IOC, st.integers(0, 3), MAGICS, st.just(0), st.integers(0, 256))
COMMANDS = st.one_of(
    NR_0,
    NR_0,
    NR_0,
    st.builds(_IOC, st.integers(0, 3), MAGICS, st.integers(0, 255), st.integers(0, 256)),
    st.integers(0, 0xFFFF_FFFF),
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeapBench]:
    bench = HeapBench(Path(tmp_path_factory.mktemp("board")))
    yield bench
    bench.close()


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    heap=st.sampled_from(["system", CMA, "negotiated"]),
    cmd=COMMANDS,
    data=st.one_of(GOOD, ANY),
    noise=st.binary(max_size=232),
    place=st.sampled_from([*["memory"] * 6, "null", "nowhere"]),
)
def test_any_number_and_any_argument(
    bench: HeapBench,
    count_fuzz: CountFuzz,
    heap: str,
    cmd: int,
    data: DmaHeapAllocationData,
    noise: bytes,
    place: str,
) -> None:
    before = bench.baseline()
    app = bench.kernel.process("fuzz", limit=4)
    fd = app.open(f"/dev/dma_heap/{heap}", os.O_RDONLY)
    arg = bytearray(bytes(data) + noise)
    where = {"memory": arg, "null": None, "nowhere": 0x10}[place]
    done = 0
    try:
        assert app.ioctl(fd, cmd, where) == 0
        done = 1
    except KernelError as error:
        assert error.errno in EXPECTED, str(error)
        assert app.files.open_fds() == [fd], "a failure leaves no fd"
    if done:
        _check_result(cmd, arg, app.files.open_fds(), place)
    app.exit()
    assert bench.baseline() == before
    assert bench.problems() == []
    count_fuzz("dma-heap ioctls", buffers=done)


@pytest.mark.parametrize("direction", range(4), ids=["none", "write", "read", "write and read"])
def test_every_size_of_the_structure_in_every_direction(bench: HeapBench, direction: int) -> None:
    """It works as soon as a byte of the length is read, and tells the fd as soon as that has room."""
    app = bench.kernel.process("sizes")
    heap = app.open("/dev/dma_heap/system")
    before = bench.baseline()
    for size in range(257):
        arg = bytearray(bytes(DmaHeapAllocationData(0x1001, 0, os.O_RDWR)).ljust(256, b"\xa5"))
        cmd = _IOC(direction, "H", 0, size)
        if size and direction & _IOC_WRITE:
            app.ioctl(heap, cmd, arg)
            assert arg[8] == (1 if direction & _IOC_READ and size > 8 else 0)
            assert app.fstat(1).st_size == (0x2000 if size > 1 else 0x1000)
            app.close(1)
        else:
            with pytest.raises(KernelError) as error:
                app.ioctl(heap, cmd, arg)
            assert error.value.errno == EINVAL
        zeroed = max(size - 24, 0) if direction == _IOC_READ else 0
        assert bytes(arg[24:]) == bytes(zeroed) + b"\xa5" * (232 - zeroed), "nothing else is touched"
        assert bench.baseline() == before


def _check_result(cmd: int, arg: bytearray, fds: list[int], place: str) -> None:
    """It can only have worked with nr 0 and a length that was read; one buffer is there, and told or not."""
    direction, size = cmd >> 30, cmd >> 16 & 0x3FFF
    assert (cmd & 0xFF, direction & _IOC_WRITE, place) == (0, _IOC_WRITE, "memory")
    assert len(fds) == 2
    told = int.from_bytes(arg[8:12], "little") if size >= 12 else None
    if told is not None and size <= len(arg):
        assert told == (fds[1] if direction & _IOC_READ else 0)
