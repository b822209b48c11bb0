"""Mappings of a program: what can be mapped, what a touch does, and what fork, munmap and exit leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import EACCES, EFAULT, EINVAL, ENODEV, ENOMEM
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import FileOperations
from soc.kernel.mm.user import SCRATCH_AREA, UserFault
from soc.kernel.process import READ_WRITE, Process
from soc.kernel.uaccess import copy_from_user, copy_to_user, strndup_user
from tests.process.files import DRAM_BASE, PAGE, Driver, MemoryKernel, app, memory_kernel


@pytest.fixture
def kernel() -> Iterator[MemoryKernel]:
    with memory_kernel() as kernel:
        yield kernel


@pytest.fixture
def process(kernel: MemoryKernel) -> Process:
    return app(kernel)


def errno_of(error: pytest.ExceptionInfo[KernelError]) -> int:
    return error.value.errno


# --- what can be mapped -----------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "flags", "offset"),
    [
        (0, MAP_SHARED, 0),
        (-1, MAP_SHARED, 0),
        (PAGE, 0, 0),
        (PAGE, MAP_SHARED | MAP_PRIVATE, 0),
        (PAGE, MAP_SHARED, 5),
    ],
    ids=["no bytes", "negative", "no type", "two types", "offset inside a page"],
)
def test_what_makes_no_sense_is_einval(
    kernel: MemoryKernel, process: Process, length: int, flags: int, offset: int
) -> None:
    Driver(kernel)
    fd = process.open("/dev/test")
    with pytest.raises(KernelError) as error:
        process.mmap(fd, length, READ_WRITE, flags, offset)
    assert errno_of(error) == EINVAL
    assert process.mm.vmas == []


@pytest.mark.parametrize(
    ("mode", "prot", "flags", "expected"),
    [
        (os.O_RDONLY, READ_WRITE, MAP_SHARED, EACCES),
        (os.O_RDONLY, PROT_READ, MAP_SHARED, None),
        (os.O_WRONLY, PROT_WRITE, MAP_SHARED, EACCES),
        (os.O_RDWR, READ_WRITE, MAP_SHARED, None),
        (os.O_RDWR, READ_WRITE, MAP_PRIVATE, None),
    ],
)
def test_a_mapping_needs_a_file_that_is_open_for_it(
    kernel: MemoryKernel, process: Process, mode: int, prot: int, flags: int, expected: int | None
) -> None:
    Driver(kernel, pages=1)
    fd = process.open("/dev/test", mode)
    if expected is None:
        assert process.mmap(fd, PAGE, prot, flags) == process.mm.vmas[0].start
        return
    with pytest.raises(KernelError) as error:
        process.mmap(fd, PAGE, prot, flags)
    assert errno_of(error) == expected


def test_a_file_without_mmap_is_enodev(kernel: MemoryKernel, process: Process) -> None:
    ops = FileOperations("pipe", lambda file: None)
    kernel.devfs.add(
        "/dev/pipe", lambda task, flags, holder: kernel.files.open(ops, None, "p", holder, flags)
    )
    with pytest.raises(KernelError, match="^-ENODEV: pipe 1 'p' cannot be mapped$") as error:
        process.mmap(process.open("/dev/pipe"), PAGE)
    assert errno_of(error) == ENODEV


def test_more_than_the_address_space_is_enomem(process: Process) -> None:
    with pytest.raises(KernelError) as error:
        process.mmap(None, 1 << 48)
    assert errno_of(error) == ENOMEM


@pytest.mark.parametrize("size", [(64 << 30) + 1, 900 << 30])
def test_more_than_a_program_may_map_is_enomem_before_anybody_makes_a_table_of_it(
    kernel: MemoryKernel, process: Process, size: int
) -> None:
    Driver(kernel)
    for fd in (None, process.open("/dev/test")):
        with pytest.raises(KernelError) as error:
            process.mmap(fd, size)
        assert errno_of(error) == ENOMEM
    process.mmap(None, 1 << 30)
    with pytest.raises(KernelError) as error:
        process.mmap(None, PAGE)
    assert errno_of(error) == ENOMEM, "anonymous memory is the host's: 1 GiB for each program"


def test_a_negative_offset_is_a_page_that_no_file_has(kernel: MemoryKernel, process: Process) -> None:
    pgoffs: list[int] = []
    seen = FileOperations("seen", lambda file: None, mmap=lambda file, vma: pgoffs.append(vma.pgoff))
    kernel.devfs.add("/dev/seen", lambda task, flags, who: kernel.files.open(seen, None, "s", who, flags))
    process.mmap(process.open("/dev/seen"), PAGE, offset=-2 * PAGE)
    assert pgoffs == [(1 << 52) - 2]


def test_a_part_of_a_private_mapping_cannot_be_remapped(kernel: MemoryKernel, process: Process) -> None:
    """The copy-on-write rule of remap_pfn_range, which drivers that map page by page run into."""
    driver = Driver(kernel)
    address = process.mmap(process.open("/dev/test"), 4 * PAGE, PROT_READ, MAP_PRIVATE)
    vma = process.mm.vmas[0]
    with pytest.raises(KernelError) as error:
        vma.remap(address, driver.frames[:1])
    assert errno_of(error) == EINVAL


# --- touching it ------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [False, True], ids=["remapped", "faulted"])
def test_a_shared_mapping_is_the_memory_itself(kernel: MemoryKernel, process: Process, lazy: bool) -> None:
    Driver(kernel, lazy=lazy)
    address = process.mmap(process.open("/dev/test"), 4 * PAGE)
    process.store(address + PAGE - 2, b"abcd")
    assert process.load(address + PAGE - 2, 4) == b"abcd"
    assert bytes(kernel.dram.view(DRAM_BASE + PAGE - 2, 2)) == b"ab"
    assert bytes(kernel.dram.view(DRAM_BASE + 2 * PAGE, 2)) == b"cd", "the second page lies further on"


def test_what_a_program_moved_stays_booked_when_its_pages_go(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel, lazy=True)
    address = process.mmap(process.open("/dev/test"), 4 * PAGE)
    process.store(address, b"x" * (4 * PAGE))
    process.mm.vmas[0].zap()
    assert kernel.cpu.traffic.total() == (0, 4 * PAGE)


def test_touching_faults_in_only_what_is_touched(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel, lazy=True)
    address = process.mmap(process.open("/dev/test"), 4 * PAGE)
    process.load(address + PAGE, 1)
    assert process.mm.vmas[0].frames.tolist() == [-1, int(driver.frames[1]), -1, -1]


def test_beyond_the_object_is_sigbus_with_the_drivers_reason(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel, pages=2, lazy=True)
    address = process.mmap(process.open("/dev/test"), 4 * PAGE)
    with pytest.raises(UserFault) as fault:
        process.load(address + 2 * PAGE, 1)
    assert str(fault.value) == f"SIGBUS at {address + 2 * PAGE:#x}: the buffer has 2 pages"


def test_nothing_there_or_the_wrong_way_is_sigsegv(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    address = process.mmap(process.open("/dev/test"), PAGE, PROT_READ)
    with pytest.raises(UserFault, match="^SIGSEGV at 0x1000: nothing is mapped there by app"):
        process.load(0x1000, 1)
    with pytest.raises(UserFault, match="is not writable$") as fault:
        process.store(address, b"x")
    assert fault.value.signal == "SIGSEGV"
    with pytest.raises(UserFault, match="nothing is mapped"):
        process.load(address + PAGE - 1, 2)


def test_a_private_mapping_keeps_its_writes_to_itself(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel, pages=1)
    fd = process.open("/dev/test")
    mine, theirs = process.mmap(fd, PAGE, READ_WRITE, MAP_PRIVATE), process.mmap(fd, PAGE)
    process.store(theirs, b"base")
    process.store(mine + 1, b"X")
    process.store(theirs, b"next")
    assert process.load(mine, 4) == b"bXse"
    assert process.load(theirs, 4) == b"next"


# --- ends and copies ----------------------------------------------------------------


def test_a_mapping_holds_its_file_until_it_ends(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel)
    fd = process.open("/dev/test")
    address = process.mmap(fd, 4 * PAGE)
    file = process.files.file(fd)
    process.close(fd)
    assert file.held_by() == f"vma {address:#x} of app (pid 100)"
    process.munmap(address, 4 * PAGE)
    assert (driver.released, len(driver.closed)) == (1, 1)


def test_munmap_of_the_middle_leaves_two_mappings(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel)
    fd = process.open("/dev/test")
    address = process.mmap(fd, 4 * PAGE)
    process.store(address + 3 * PAGE, b"end")
    process.munmap(address + PAGE, 2 * PAGE)
    assert [(vma.start, vma.pgoff, vma.pages) for vma in process.mm.vmas] == [
        (address, 0, 1),
        (address + 3 * PAGE, 3, 1),
    ]
    assert process.load(address + 3 * PAGE, 3) == b"end"
    with pytest.raises(UserFault):
        process.load(address + PAGE, 1)
    assert process.files.file(fd).f_count == 3
    process.exit()
    assert (driver.released, kernel.log.warnings) == (1, [])


def test_a_child_shares_files_and_copies_private_memory(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel, pages=1)
    shared = process.mmap(process.open("/dev/test"), PAGE)
    own = process.mmap(None, PAGE)
    process.store(own, b"before")
    child = process.fork("child")
    process.store(own, b"after!")
    process.store(shared, b"both")
    assert (child.load(own, 6), child.load(shared, 4)) == (b"before", b"both")
    process.exit()
    assert driver.released == 0
    child.exit()
    assert (driver.released, kernel.log.warnings, kernel.processes) == (1, [], {})


def test_what_a_program_does_meanwhile_does_not_reach_an_ioctls_structure(
    kernel: MemoryKernel, process: Process
) -> None:
    """Another thread unmaps where the copy lies and forks while the kernel works."""
    Driver(kernel)
    fd, children = process.open("/dev/test"), []

    def adversary(place: str) -> None:
        if place == "copy_from_user":
            process.munmap(SCRATCH_AREA, 1 << 30)
            children.append(process.fork())

    kernel.sched.on_preempt = adversary
    data = bytearray(b"abcdefgh")
    assert process.ioctl(fd, 1, data) == 5
    assert data == b"bcdefghi"
    assert children[0].mm.find(SCRATCH_AREA) is None
    with pytest.raises(UserFault):
        children[0].load(SCRATCH_AREA, 1)


def test_addresses_are_used_again(kernel: MemoryKernel, process: Process) -> None:
    """A player that maps one frame after the other, the next before the last is gone, does not run out."""
    ops = FileOperations("large", lambda file: None, mmap=lambda file, vma: None)
    kernel.devfs.add("/dev/large", lambda task, flags, who: kernel.files.open(ops, None, "l", who, flags))
    fd, size = process.open("/dev/large"), 16 << 30
    kept, last = process.mmap(fd, PAGE), process.mmap(fd, size)
    for _ in range(200):
        following = process.mmap(fd, size)
        process.munmap(last, size)
        last = following
    assert [vma.start for vma in process.mm.vmas] == sorted([kept, last])


@pytest.mark.parametrize(
    ("address", "length"),
    [(-PAGE, PAGE), (1 << 64, PAGE), (0x7F00_0000_0000, 1 << 63), (0x1001, PAGE), (0, 0)],
)
def test_munmap_of_what_no_program_has_is_einval(process: Process, address: int, length: int) -> None:
    kept = process.mmap(None, PAGE)
    with pytest.raises(KernelError) as error:
        process.munmap(address, length)
    assert errno_of(error) == EINVAL
    assert process.mm.find(kept)


def test_mappings_are_found_among_many(process: Process) -> None:
    addresses = [process.mmap(None, PAGE * (1 + number % 3)) for number in range(200)]
    for address in addresses[::2]:
        process.munmap(address, PAGE)
    assert [vma.start for vma in process.mm.vmas] == sorted(
        [address + PAGE for number, address in enumerate(addresses) if not number % 2 and number % 3]
        + addresses[1::2]
    )
    for number, address in enumerate(addresses):
        found = process.mm.find(address)
        assert (found is not None) is bool(number % 2)


# --- the kernel's copies --------------------------------------------------------------


def test_copies_between_kernel_and_program(kernel: MemoryKernel, process: Process) -> None:
    address = process.mmap(None, PAGE)
    copy_to_user(process, address, b"hello\0rest")
    assert copy_from_user(process, address + 6, 4) == b"rest"
    assert strndup_user(process, address, 6) == b"hello"
    with pytest.raises(KernelError) as error:
        strndup_user(process, address, 5)
    assert errno_of(error) == EINVAL
    for call in (copy_from_user, strndup_user):
        with pytest.raises(KernelError) as error:
            call(process, 0, 4)
        assert errno_of(error) == EFAULT
    with pytest.raises(KernelError) as error:
        copy_to_user(process, address + PAGE - 1, b"ab")
    assert errno_of(error) == EFAULT


@given(
    st.lists(st.tuples(st.integers(0, 4 * PAGE - 1), st.binary(min_size=1, max_size=PAGE)), max_size=8),
    st.booleans(),
)
def test_any_writes_read_back_like_an_array(writes: list[tuple[int, bytes]], lazy: bool) -> None:
    with memory_kernel() as kernel:
        process = app(kernel)
        Driver(kernel, lazy=lazy)
        address = process.mmap(process.open("/dev/test"), 4 * PAGE)
        model = bytearray(process.load(address, 4 * PAGE))
        for at, data in writes:
            data = data[: 4 * PAGE - at]
            process.store(address + at, data)
            model[at : at + len(data)] = data
        assert process.load(address, 4 * PAGE) == bytes(model)
