"""SEMANTICS 3.2, the ion-test row: /dev/ion-test moves bytes as a device, and as kernel code."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EBADF, EFAULT, EINVAL, ENOTTY

import pytest

from heaps.ion.ion_test import ion_test_exit, ion_test_init
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.uapi.ioctl import _IOC
from soc.kernel.uapi.ion_test import (
    ION_IOC_TEST_DMA_MAPPING,
    ION_IOC_TEST_KERNEL_MAPPING,
    ION_IOC_TEST_SET_FD,
    IonTestRwData,
)
from soc.memory.cache.incoherence import Kind
from tests.ion.bench import CHUNK, NEEDS_SYNC, PAGE, SYSTEM, IonBench, refused

MAPPINGS = {"DMA": ION_IOC_TEST_DMA_MAPPING, "KERNEL": ION_IOC_TEST_KERNEL_MAPPING}
MINUS_ONE = (1 << 64) - 1
TEXT = bytes(range(256)) * 24


class Trial:
    """A program with an ION buffer of five pages set in /dev/ion-test."""

    def __init__(self, bench: IonBench, flags: int = 0) -> None:
        bench.kernel.generation = Generation.V4_9
        ion_test_init(bench.kernel)
        self.bench = bench
        self.process = bench.app.process
        self.fd = self.process.open("/dev/ion-test")
        self.buffer = bench.app.share(bench.app.alloc(CHUNK | SYSTEM, 5 * PAGE, 0, flags))
        self.address = self.process.mmap(self.buffer, 5 * PAGE)
        self.room = self.process.mmap(None, len(TEXT))
        self.set(self.buffer)

    def set(self, fd: int) -> int:
        return self.process.ioctl(self.fd, ION_IOC_TEST_SET_FD, fd)

    def move(self, mapping: str, offset: int, size: int, write: int) -> None:
        data = IonTestRwData(self.room, offset, size, write)
        self.process.ioctl(self.fd, MAPPINGS[mapping], data)


@pytest.fixture
def trial(bench: IonBench) -> Iterator[Trial]:
    yield Trial(bench)
    ion_test_exit(bench.kernel)


def test_the_numbers() -> None:
    assert (ION_IOC_TEST_SET_FD, *MAPPINGS.values()) == (0x49F0, 0x4020_49F1, 0x4020_49F2)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(
    ("offset", "size"), [(0, 1), (100, 5000), (PAGE, PAGE), (3 * PAGE - 1, 2), (5 * PAGE, 0)]
)
def test_bytes_go_in_and_out(trial: Trial, mapping: str, offset: int, size: int) -> None:
    trial.process.store(trial.room, TEXT[:size] or b"x")
    trial.move(mapping, offset, size, write=1)
    before = trial.process.load(trial.address, 5 * PAGE)
    assert before == (bytes(offset) + TEXT[:size]).ljust(5 * PAGE, b"\0")
    trial.process.store(trial.room, bytes(len(TEXT)))
    trial.move(mapping, offset, size, write=0)
    assert trial.process.load(trial.room, size) == TEXT[:size]
    assert trial.bench.app.buffer(1).kmap_cnt == 0
    assert trial.bench.app.dmabuf(trial.buffer).attachments == []


BEYOND = pytest.mark.parametrize(
    ("offset", "size"), [(0, 5 * PAGE + 1), (5 * PAGE, 1), (5 * PAGE + 1, 0), (1, 2**64 - 1)]
)


@BEYOND
def test_kernel_code_is_refused_beyond_the_end(trial: Trial, offset: int, size: int) -> None:
    refused(EINVAL, trial.move, "KERNEL", offset, size, 1)
    assert trial.process.load(trial.address, 5 * PAGE) == bytes(5 * PAGE)


def test_the_device_moves_what_there_is(trial: Trial) -> None:
    """Nobody checks: it stops where the table ends, which for a chunk heap is behind the buffer."""
    trial.process.store(trial.room, TEXT)
    trial.move("DMA", 8 * PAGE - 100, 2**63, write=1)
    table = trial.bench.app.buffer(1).table
    assert table.size == 8 * PAGE
    last = KernelMapping(trial.bench.kernel, table.frames()[-1:], "test", cached=False)
    assert last.read(PAGE - 100).tobytes() == TEXT[:100]
    trial.move("DMA", 8 * PAGE, 1, write=1)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_a_pointer_to_nowhere_is_efault_and_all_is_put_back(trial: Trial, mapping: str) -> None:
    trial.room = 0x1000
    for write in (0, 1):
        refused(EFAULT, trial.move, mapping, 0, PAGE, write)
    assert trial.bench.app.buffer(1).kmap_cnt == 0
    assert trial.bench.app.dmabuf(trial.buffer).attachments == []


def test_set_fd_takes_a_reference_and_minus_one_puts_it(trial: Trial) -> None:
    dmabuf = trial.bench.app.dmabuf(trial.buffer)
    assert "importer ion-test of app (pid 100)" in dmabuf.file.held_by()
    count = dmabuf.file.f_count
    trial.set(trial.buffer)
    assert dmabuf.file.f_count == count
    trial.set(MINUS_ONE)
    assert dmabuf.file.f_count == count - 1
    for mapping in MAPPINGS:
        assert refused(EINVAL, trial.move, mapping, 0, 1, 1) == "/dev/ion-test: no dma-buf is set"


def test_what_it_refuses(trial: Trial) -> None:
    refused(EBADF, trial.set, 99)
    refused(EINVAL, trial.set, trial.fd)
    refused(EFAULT, trial.process.ioctl, trial.fd, ION_IOC_TEST_DMA_MAPPING, None)
    refused(ENOTTY, trial.process.ioctl, trial.fd, _IOC(0, "I", 0xF3, 0), 0)
    refused(EINVAL, trial.process.ioctl, trial.fd, _IOC(1, "I", 0xF1, 33), 0)


def test_closing_puts_the_buffer(bench: IonBench) -> None:
    trial = Trial(bench)
    trial.process.munmap(trial.address, 5 * PAGE)
    trial.process.close(trial.buffer)
    bench.app.free(1)
    assert len(bench.device.buffers) == 1
    trial.process.close(trial.fd)
    assert bench.device.buffers == []


def test_the_device_does_not_see_the_cpus_cache(bench: IonBench) -> None:
    trial = Trial(bench, NEEDS_SYNC)
    trial.process.store(trial.address, b"dirty")
    trial.move("DMA", 0, 5, write=0)
    assert trial.process.load(trial.room, 5) == bytes(5)
    assert [incident.kind for incident in bench.kernel.cache.incidents] == [Kind.STALE_DEVICE_READ]
    bench.app.sync(trial.buffer)
    for mapping in ("DMA", "KERNEL"):
        trial.move(mapping, 0, 5, write=0)
        assert trial.process.load(trial.room, 5) == b"dirty"


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_nothing_is_left_whatever_fails(bench: IonBench, mapping: str) -> None:
    trial = Trial(bench)
    dmabuf = bench.app.dmabuf(trial.buffer)
    nth = 1
    while True:
        bench.kernel.faults.fail_nth(nth)
        try:
            trial.move(mapping, 0, 2 * PAGE, write=1)
        except KernelError:
            assert bench.kernel.faults.failed
        done = bench.kernel.faults.failed is None
        bench.kernel.faults.fail_nth(0)
        assert (dmabuf.attachments, dmabuf.mappings, dmabuf.priv.kmap_cnt) == ([], [], 0)
        if done:
            break
        nth += 1
    assert nth > 3
