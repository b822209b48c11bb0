"""SEMANTICS 3.2, the compat row: /dev/ion for 32-bit programs."""

from __future__ import annotations

from errno import EFAULT, EINVAL, ENOTTY

import pytest

from soc.kernel.uapi.ion import (
    ION_IOC_ALLOC,
    ION_IOC_CUSTOM,
    ION_IOC_FREE,
    ION_IOC_HEAP_QUERY,
    ION_IOC_IMPORT,
    ION_IOC_SHARE,
    IonFdData,
    IonHandleData,
    IonHeapQuery,
)
from soc.kernel.uapi.ion_compat import (
    COMPAT_ION_IOC_ALLOC,
    COMPAT_ION_IOC_CUSTOM,
    CompatIonAllocationData,
    CompatIonCustomData,
)
from tests.ion.bench import CACHED, CONTIG, PAGE, IonApp, IonBench, ion_bench, placed, refused


@pytest.fixture
def small(bench: IonBench) -> IonApp:
    """The program, of 32 bits."""
    bench.app.process.compat = True
    return bench.app


def test_the_numbers() -> None:
    assert (COMPAT_ION_IOC_ALLOC, COMPAT_ION_IOC_CUSTOM) == (0xC014_4900, 0xC008_4906)


def test_alloc_takes_and_gives_these_bytes(small: IonApp) -> None:
    arg = bytearray.fromhex("88130000 00100000 02000000 01000000 eeeeeeee")
    small.ioctl(COMPAT_ION_IOC_ALLOC, arg)
    assert arg == bytearray.fromhex("88130000 00100000 02000000 01000000 01000000")
    buffer = small.buffer(1)
    assert (buffer.size, buffer.heap_id, buffer.flags) == (2 * PAGE, 1, CACHED)
    too_much = CompatIonAllocationData(2 * PAGE, 2 * PAGE + 1, CONTIG, 0)
    refused(EINVAL, small.ioctl, COMPAT_ION_IOC_ALLOC, too_much)


def test_the_others_are_as_they_are(small: IonApp) -> None:
    small.ioctl(COMPAT_ION_IOC_ALLOC, CompatIonAllocationData(PAGE, 0, CONTIG, 0))
    shared = IonFdData(1)
    small.ioctl(ION_IOC_SHARE, shared)
    small.ioctl(ION_IOC_IMPORT, shared)
    small.sync(shared.fd)
    for _ in range(2):
        small.ioctl(ION_IOC_FREE, IonHandleData(1))
    refused(EINVAL, small.free, 1)


def test_custom(tmp_path) -> None:
    seen = []

    def custom(client, cmd, arg):
        seen.append((cmd, arg))
        return 3

    with ion_bench(tmp_path, custom_ioctl=custom) as bench:
        bench.app.process.compat = True
        assert bench.app.ioctl(COMPAT_ION_IOC_CUSTOM, CompatIonCustomData(7, 0xFFFF_FFFF)) == 3
        assert seen == [(7, 0xFFFF_FFFF)]


@pytest.mark.parametrize("number", [ION_IOC_ALLOC, ION_IOC_CUSTOM, ION_IOC_HEAP_QUERY, 0xC008_4903])
def test_what_only_64_bit_programs_can_ask_is_enotty(small: IonApp, number: int) -> None:
    refused(ENOTTY, small.ioctl, number, bytearray(64))


@pytest.mark.parametrize("number", [COMPAT_ION_IOC_ALLOC, COMPAT_ION_IOC_CUSTOM])
def test_and_the_other_way_round(bench: IonBench, number: int) -> None:
    refused(ENOTTY, bench.app.ioctl, number, bytearray(64))


@pytest.mark.parametrize("number", [COMPAT_ION_IOC_ALLOC, COMPAT_ION_IOC_CUSTOM, ION_IOC_FREE])
def test_null_is_efault(small: IonApp, number: int) -> None:
    refused(EFAULT, small.ioctl, number, None)


def test_an_alloc_that_cannot_be_answered_keeps_its_handle(small: IonApp) -> None:
    address = placed(small.process, bytes(CompatIonAllocationData(PAGE, 0, CONTIG, 0)))
    small.process.mm.find(address).flags &= ~2
    refused(EFAULT, small.ioctl, COMPAT_ION_IOC_ALLOC, address)
    assert small.handle(1).kref == 1


def test_a_child_of_a_32_bit_program_is_one(small: IonApp) -> None:
    child = small.process.fork()
    refused(ENOTTY, child.ioctl, small.fd, ION_IOC_HEAP_QUERY, IonHeapQuery())
