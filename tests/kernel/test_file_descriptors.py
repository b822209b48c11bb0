"""The fd table: lowest number first, exact errno, and the misuse of put_unused_fd."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from soc.clock import Clock
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.fdtable import FD_IS_PUBLIC, FdTable
from soc.kernel.fs.file import File, FileOperations, FileTable, Holder, UseAfterFree
from soc.kernel.log import KernelLog
from soc.kernel.task import Task

EBADF, EMFILE = 9, 24
DRIVER = Holder("kernel", "driver")
USER = Holder("importer", "user")
OPS = FileOperations("test", lambda file: None)


@pytest.fixture
def log() -> KernelLog:
    return KernelLog(Clock())


@pytest.fixture
def files(log: KernelLog) -> FileTable:
    return FileTable(log)


@pytest.fixture
def task(log: KernelLog) -> Task:
    kernel = KernelCore(Clock())
    kernel.log = log
    return Task(kernel, 7, "app", limit=4)


@pytest.fixture
def install(files: FileTable, task: Task) -> Callable[[str], tuple[int, File]]:
    def install(name: str) -> tuple[int, File]:
        file = files.open(OPS, None, name, DRIVER)
        fd = task.files.get_unused_fd()
        task.files.fd_install(fd, file, DRIVER)
        return fd, file

    return install


Install = Callable[[str], tuple[int, File]]


def errno_of(call: Callable[[], object]) -> int:
    with pytest.raises(KernelError) as error:
        call()
    return error.value.errno


def test_the_lowest_free_number_is_given(task: Task, install: Install) -> None:
    assert [install(name)[0] for name in "abc"] == [0, 1, 2]
    task.files.close(1)
    assert install("d")[0] == 1
    assert task.files.open_fds() == [0, 1, 2]


def test_install_consumes_the_givers_reference(install: Install, log: KernelLog) -> None:
    _, file = install("a")
    assert (file.f_count, file.held_by()) == (1, "fd 0 of app (pid 7)")
    assert log.warnings == []


def test_the_limit_is_emfile_and_reserves_nothing(task: Task) -> None:
    assert [task.files.get_unused_fd() for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(KernelError) as error:
        task.files.get_unused_fd()
    assert error.value.errno == EMFILE
    assert str(error.value) == "-EMFILE: app (pid 7): all 4 file descriptors are in use"
    task.files.put_unused_fd(2)
    assert task.files.get_unused_fd() == 2


@pytest.mark.parametrize("fd", [-1, 1, 2, 3, 4, 1000])
def test_an_empty_slot_is_ebadf(task: Task, install: Install, fd: int) -> None:
    install("a")
    reserved = task.files.get_unused_fd()
    assert reserved == 1, "reserved, but nothing installed: still bad"
    assert errno_of(lambda: task.files.fget(fd, USER)) == EBADF
    assert errno_of(lambda: task.files.close(fd)) == EBADF
    assert errno_of(lambda: task.files.dup(fd)) == EBADF


def test_fget_adds_a_reference(task: Task, install: Install) -> None:
    fd, file = install("a")
    assert task.files.fget(fd, USER) is file
    assert file.held_by() == "fd 0 of app (pid 7), importer user"


def test_close_puts_and_a_second_close_is_ebadf(task: Task, install: Install, log: KernelLog) -> None:
    fd, file = install("a")
    task.files.close(fd)
    assert not file.alive
    assert errno_of(lambda: task.files.close(fd)) == EBADF
    assert log.warnings == []


def test_dup_shares_the_file(task: Task, install: Install) -> None:
    fd, file = install("a")
    assert task.files.dup(fd) == 1
    task.files.close(fd)
    assert file.held_by() == "fd 1 of app (pid 7)"


def test_dup_at_the_limit_is_emfile_and_takes_nothing(task: Task, install: Install) -> None:
    for name in "abcd":
        _, file = install(name)
    assert errno_of(lambda: task.files.dup(3)) == EMFILE
    assert file.f_count == 1


def test_another_thread_may_close_every_new_fd_at_once(task: Task, install: Install, log: KernelLog) -> None:
    def preempt(place: str) -> None:
        places.append(place)
        task.files.close(max(task.files.open_fds()))

    places: list[str] = []
    fd, kept = install("kept")
    task.kernel.sched.on_preempt = preempt
    _, closed = install("closed")
    assert (task.files.dup(fd), places) == (1, [FD_IS_PUBLIC] * 2)
    assert (closed.alive, kept.f_count, task.files.open_fds()) == (False, 1, [fd])
    assert log.warnings == []


def test_install_without_a_reservation_is_a_warning(task: Task, files: FileTable, log: KernelLog) -> None:
    task.files.fd_install(2, files.open(OPS, None, "a", DRIVER), DRIVER)
    assert log.warnings == ["fd_install: fd 2 of app (pid 7) was not reserved by get_unused_fd"]


def test_install_over_a_file_loses_it(task: Task, files: FileTable, install: Install, log: KernelLog) -> None:
    fd, file = install("a")
    task.files.fd_install(fd, files.open(OPS, None, "b", DRIVER), DRIVER)
    assert log.warnings == ["fd_install: slot 0 not NULL! app (pid 7) loses its reference to test 1 'a'"]
    assert file.held_by() == "fd 0 of app (pid 7), overwritten and lost"


def test_put_unused_fd_before_install_is_the_right_pairing(task: Task, log: KernelLog) -> None:
    fd = task.files.get_unused_fd()
    task.files.put_unused_fd(fd)
    assert task.files.get_unused_fd() == fd
    assert log.warnings == []


def test_put_unused_fd_after_install_step_by_step(task: Task, install: Install, log: KernelLog) -> None:
    fd, file = install("a")
    task.files.put_unused_fd(fd)
    assert log.warnings == [
        "put_unused_fd: fd 0 of app (pid 7) holds test 1 'a'; after fd_install only close() gives it back"
    ]
    assert task.files.fget(fd, USER) is file, "the slot goes on working"
    file.put(USER)

    again, other = install("b")
    assert again == fd, "the same number is handed out"
    assert log.warnings[1:] == ["alloc_fd: slot 0 not NULL! app (pid 7) loses its reference to test 1 'a'"]
    task.files.close(again)
    assert not other.alive
    assert file.held_by() == "fd 0 of app (pid 7), overwritten and lost"


def test_put_unused_fd_after_install_can_still_be_closed(task: Task, install: Install) -> None:
    fd, file = install("a")
    task.files.put_unused_fd(fd)
    task.files.close(fd)
    assert not file.alive
    assert task.files.get_unused_fd() == fd


def test_exit_closes_everything(task: Task, install: Install, files: FileTable, log: KernelLog) -> None:
    install("a")
    install("b")
    task.files.get_unused_fd()
    task.exit()
    assert task.exited
    assert files.live() == []
    assert task.files.open_fds() == []
    assert log.warnings == []


def test_exit_passes_over_a_slot_without_its_bit(task: Task, install: Install, log: KernelLog) -> None:
    fd, file = install("a")
    install("b")
    task.files.put_unused_fd(fd)
    task.exit()
    assert file.held_by() == "fd 0 of app (pid 7), overwritten and lost"
    assert log.warnings[1:] == ["exit: slot 0 not NULL! app (pid 7) loses its reference to test 1 'a'"]


def test_a_slot_whose_reference_was_stolen_is_trapped(task: Task, install: Install) -> None:
    fd, file = install("a")
    file.put(task.files.holder(fd))
    with pytest.raises(UseAfterFree):
        task.files.fget(fd, USER)
    with pytest.raises(UseAfterFree):
        task.files.dup(fd)


LIMIT = 6


class FdMachine(RuleBasedStateMachine):
    """The model: a reservation set and a map of numbers to inode numbers."""

    @initialize()
    def start(self) -> None:
        self.log = KernelLog(Clock())
        self.files = FileTable(self.log)
        self.table = FdTable(self.log, "app (pid 1)", LIMIT)
        self.reserved: set[int] = set()
        self.slots: dict[int, int] = {}

    def lowest(self) -> int | None:
        return next((fd for fd in range(LIMIT) if fd not in self.reserved), None)

    @rule()
    def reserve(self) -> None:
        expected = self.lowest()
        if expected is None:
            assert errno_of(self.table.get_unused_fd) == EMFILE
            return
        assert self.table.get_unused_fd() == expected
        self.reserved.add(expected)

    @rule(pick=st.integers(0, LIMIT))
    def install_or_give_back(self, pick: int) -> None:
        waiting = sorted(self.reserved - set(self.slots))
        if not waiting:
            return
        fd = waiting[pick % len(waiting)]
        if pick % 2:
            self.table.put_unused_fd(fd)
            self.reserved.remove(fd)
        else:
            file = self.files.open(OPS, None, "f", DRIVER)
            self.table.fd_install(fd, file, DRIVER)
            self.slots[fd] = file.ino

    @rule(fd=st.integers(-1, LIMIT))
    def close(self, fd: int) -> None:
        if fd not in self.slots:
            assert errno_of(lambda: self.table.close(fd)) == EBADF
            return
        self.table.close(fd)
        del self.slots[fd]
        self.reserved.remove(fd)

    @rule(fd=st.integers(-1, LIMIT))
    def dup(self, fd: int) -> None:
        expected = self.lowest()
        if fd not in self.slots:
            assert errno_of(lambda: self.table.dup(fd)) == EBADF
        elif expected is None:
            assert errno_of(lambda: self.table.dup(fd)) == EMFILE
        else:
            assert self.table.dup(fd) == expected
            self.reserved.add(expected)
            self.slots[expected] = self.slots[fd]

    @rule()
    def exit(self) -> None:
        self.table.close_all()
        self.reserved.clear()
        self.slots.clear()

    @invariant()
    def agrees(self) -> None:
        assert self.table.open_fds() == sorted(self.slots)
        counts = {file.ino: file.f_count for file in self.files.live()}
        assert counts == {ino: list(self.slots.values()).count(ino) for ino in self.slots.values()}
        assert self.log.warnings == []


TestFdTable = FdMachine.TestCase
