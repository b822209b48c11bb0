"""System calls of a process, row by row, and what injected failures leave behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from ctypes import LittleEndianStructure, c_uint32
from errno import EBADF, EFAULT, EINTR, EINVAL, EMFILE, ENOENT, ENOMEM, ENOTTY, ESPIPE, ESRCH

import pytest

from soc.kernel.errors import ERESTARTSYS, KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.file import FileOperations
from soc.kernel.fs.poll import EPOLLIN, EPOLLNVAL, EPOLLOUT
from soc.kernel.process import Process, Stat
from soc.kernel.sched.deadlock import Deadlock
from soc.kernel.syscall import user_error
from tests.process.files import PAGE, Driver, MemoryKernel, app, memory_kernel


class Pair(LittleEndianStructure):
    _fields_ = (("a", c_uint32), ("b", c_uint32))
    a: int
    b: int


@pytest.fixture
def kernel() -> Iterator[MemoryKernel]:
    with memory_kernel() as kernel:
        yield kernel


@pytest.fixture
def process(kernel: MemoryKernel) -> Process:
    return app(kernel)


CALLS: dict[str, Callable[[Process, int], object]] = {
    "close": lambda p, fd: p.close(fd),
    "dup": lambda p, fd: p.dup(fd),
    "ioctl": lambda p, fd: p.ioctl(fd, 1),
    "lseek": lambda p, fd: p.lseek(fd, 0, 0),
    "read": lambda p, fd: p.read(fd, 1),
    "write": lambda p, fd: p.write(fd, b""),
    "ftruncate": lambda p, fd: p.ftruncate(fd, 0),
    "fstat": lambda p, fd: p.fstat(fd),
    "readlink": lambda p, fd: p.readlink(fd),
    "fdinfo": lambda p, fd: p.fdinfo(fd),
    "mmap": lambda p, fd: p.mmap(fd, PAGE),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_closed_fd_is_ebadf(process: Process, call: str) -> None:
    with pytest.raises(KernelError) as error:
        CALLS[call](process, 3)
    assert error.value.errno == EBADF


@pytest.mark.parametrize(
    ("call", "errno"),
    [("ioctl", ENOTTY), ("lseek", ESPIPE), ("read", EINVAL), ("write", EINVAL), ("ftruncate", EINVAL)],
)
def test_what_a_file_cannot_do(kernel: MemoryKernel, process: Process, call: str, errno: int) -> None:
    ops = FileOperations("bare", lambda file: None)
    kernel.devfs.add(
        "/dev/bare", lambda task, flags, holder: kernel.files.open(ops, None, "b", holder, flags)
    )
    fd = process.open("/dev/bare")
    with pytest.raises(KernelError) as error:
        CALLS[call](process, fd)
    assert error.value.errno == errno
    assert process.poll([(fd, EPOLLIN)]) == [EPOLLIN], "always ready"
    assert process.readlink(fd) == "anon_inode:bare"
    assert process.fstat(fd) == Stat(1, 0)


def test_open_gives_the_lowest_fd_and_an_unknown_path_is_enoent(
    kernel: MemoryKernel, process: Process
) -> None:
    Driver(kernel)
    assert [process.open("/dev/test"), process.open("/dev/test")] == [0, 1]
    with pytest.raises(KernelError) as error:
        process.open("/dev/none")
    assert (error.value.errno, str(error.value)) == (ENOENT, "-ENOENT: /dev/none does not exist")
    assert process.open("/dev/test") == 2, "no number was lost"


def test_a_structure_goes_in_and_out(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    fd = process.open("/dev/test")
    pair, raw = Pair(1, 2), bytearray(b"abcdefgh")
    assert process.ioctl(fd, 1, pair) == 5
    assert process.ioctl(fd, 1 | 1 << 32, raw) == 5, "a command is an unsigned int"
    assert (pair.a, pair.b) == (0x01010102, 0x01010103)
    assert raw == b"bcdefghi"
    with pytest.raises(KernelError) as error:
        process.ioctl(fd, 1, None)
    assert error.value.errno == EFAULT
    assert process.mm.vmas == []


def test_what_proc_says_of_an_fd(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    fd = process.open("/dev/test", os.O_RDWR | os.O_CLOEXEC)
    assert process.fdinfo(fd) == "pos:\t0\nflags:\t02000002\nino:\t1\ncolor:\tblue\n"
    assert (process.readlink(fd), process.fstat(fd), process.lseek(fd, 1, 2)) == (
        "/test:x",
        Stat(1, 4 * PAGE),
        21,
    )


def test_exec_closes_what_is_marked_for_it(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel)
    process.open("/dev/test", os.O_RDWR | os.O_CLOEXEC)
    kept = process.open("/dev/test")
    process.mmap(kept, PAGE)
    process.exec()
    assert (process.files.open_fds(), process.mm.vmas, driver.released) == ([kept], [], 1)


def test_a_child_has_every_fd_and_the_same_inodes(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    fds = [process.open("/dev/test"), process.open("/dev/test", os.O_CLOEXEC)]
    child = process.fork()
    assert [child.fstat(fd) for fd in fds] == [process.fstat(fd) for fd in fds]
    assert child.files.cloexec == {1}
    assert (process.pid, child.pid, list(kernel.processes)) == (100, 101, [100, 101])


def test_poll_says_what_is_ready_and_waits_for_the_rest(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel)
    fd = process.open("/dev/test")
    assert process.poll([(fd, EPOLLIN | EPOLLOUT), (9, EPOLLIN)], timeout=0) == [0, EPOLLNVAL]
    kernel.clock.after(1000, lambda: setattr(driver, "ready", EPOLLIN | EPOLLOUT))
    assert process.poll([(fd, EPOLLOUT)]) == [EPOLLOUT]
    assert kernel.clock.now == 1000
    driver.ready = 0
    assert process.poll([(fd, EPOLLOUT)], timeout=500) == [0]
    assert kernel.clock.now == 1500
    with pytest.raises(Deadlock):
        process.poll([(fd, EPOLLOUT)])


def test_a_negative_fd_is_passed_over(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel)
    fd = process.open("/dev/test")
    driver.ready = EPOLLIN
    assert process.poll([(-1, EPOLLIN), (fd, EPOLLIN)]) == [0, EPOLLIN]


def test_bytes_go_in_and_stay_as_they_are(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    data = b"abcdefgh"
    assert process.ioctl(process.open("/dev/test"), 1, data) == 5
    assert data == b"abcdefgh"


def test_a_negative_timeout_is_none(kernel: MemoryKernel, process: Process) -> None:
    driver = Driver(kernel)
    fd = process.open("/dev/test")
    kernel.clock.after(5000, lambda: setattr(driver, "ready", EPOLLIN))
    assert process.poll([(fd, EPOLLIN)], timeout=-1) == [EPOLLIN]
    assert kernel.clock.now == 5000


def test_who_has_exited_makes_no_calls(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    fd = process.open("/dev/test")
    process.exit()
    process.exit()
    calls = [
        *CALLS.values(),
        lambda p, fd: p.open("/dev/test"),
        lambda p, fd: p.fork(),
        lambda p, fd: p.socketpair(),
    ]
    for call in calls:
        with pytest.raises(KernelError) as error:
            call(process, fd)
        assert (error.value.errno, error.value.why) == (ESRCH, "app (pid 100) has exited")
    assert (kernel.files.live(), process.files.open_fds()) == ([], [])


def test_a_signal_ends_a_poll_with_eintr(kernel: MemoryKernel, process: Process) -> None:
    Driver(kernel)
    fd = process.open("/dev/test")
    kernel.clock.after(70, process.send_signal)
    with pytest.raises(KernelError) as error:
        process.poll([(fd, EPOLLIN)])
    assert (error.value.errno, kernel.clock.now) == (EINTR, 70)


def test_user_space_never_sees_a_restart() -> None:
    assert user_error(KernelError(ERESTARTSYS, "x")).errno == EINTR
    assert user_error(KernelError(ENOMEM, "x")).errno == ENOMEM


# --- fault injection ------------------------------------------------------------------


def test_each_site_fails_with_its_errno_once(kernel: MemoryKernel) -> None:
    for site, errno in [
        (FaultSite.SLAB, ENOMEM),
        (FaultSite.PAGE_ALLOC, ENOMEM),
        (FaultSite.FD, EMFILE),
        (FaultSite.USERCOPY, EFAULT),
        (FaultSite.DMA_MAP, ENOMEM),
    ]:
        kernel.faults.fail_nth(2)
        kernel.faults.check(site, "first")
        with pytest.raises(KernelError) as error:
            kernel.faults.check(site, "second")
        assert error.value.errno == errno
        assert error.value.why == f"injected failure: {site.title} of second" and kernel.faults.failed
        kernel.faults.check(site, "third")
        assert kernel.faults.count == 3


def test_only_one_kind_can_be_counted(kernel: MemoryKernel) -> None:
    kernel.faults.fail_nth(1, only=FaultSite.FD)
    kernel.faults.kmalloc("a")
    with pytest.raises(KernelError):
        kernel.faults.check(FaultSite.FD, "b")
    assert kernel.faults.count == 1


def test_any_failure_in_a_process_leaves_nothing(kernel: MemoryKernel) -> None:
    driver = Driver(kernel)

    def work(process: Process) -> None:
        fd = process.open("/dev/test")
        process.ioctl(fd, 1, bytearray(8))
        process.mmap(fd, PAGE)

    kernel.faults.fail_nth(0)
    first = app(kernel)
    work(first)
    first.exit()
    places = kernel.faults.count
    assert places >= 4
    for nth in range(1, places + 1):
        process = app(kernel)
        kernel.faults.fail_nth(nth)
        with pytest.raises(KernelError, match="injected failure"):
            work(process)
        kernel.faults.fail_nth(0)
        process.exit()
        assert (kernel.files.live(), kernel.processes, kernel.log.warnings) == ([], {}, [])
    assert driver.released >= places - 1
