"""struct file: the count is the ledger, and misuse is named."""

from __future__ import annotations

import os

import pytest

from soc.clock import Clock
from soc.kernel.fs.file import File, FileOperations, FileTable, Holder, UseAfterFree
from soc.kernel.log import KernelLog

DRIVER = Holder("kernel", "vgem")
CAMERA = Holder("importer", "camera")


@pytest.fixture
def log() -> KernelLog:
    return KernelLog(Clock())


@pytest.fixture
def files(log: KernelLog) -> FileTable:
    return FileTable(log)


@pytest.fixture
def released() -> list[str]:
    return []


@pytest.fixture
def file(files: FileTable, released: list[str]) -> File:
    ops = FileOperations("test", lambda file: released.append(str(file)))
    return files.open(ops, None, "buffer", DRIVER, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)


def test_a_new_file_has_one_reference_of_its_opener(file: File, files: FileTable) -> None:
    assert (file.ino, file.f_count, file.held_by()) == (1, 1, "kernel vgem")
    assert file.flags == os.O_RDWR | os.O_NONBLOCK
    assert files.live() == [file]


def test_the_count_is_the_sum_over_holders(file: File) -> None:
    file.get(CAMERA)
    file.get(CAMERA)
    assert file.f_count == 3
    assert file.held_by() == "importer camera (2 times), kernel vgem"


def test_the_last_put_releases_once(
    file: File, files: FileTable, log: KernelLog, released: list[str]
) -> None:
    file.get(CAMERA)
    file.put(DRIVER)
    assert released == []
    file.put(CAMERA)
    assert released == ["test 1 'buffer'"]
    assert not file.alive
    assert files.live() == []
    assert log.warnings == []


def test_a_put_of_a_reference_not_held_is_a_warning_and_no_put(
    file: File, log: KernelLog, released: list[str]
) -> None:
    file.put(CAMERA)
    assert file.f_count == 1
    assert released == []
    assert log.warnings == [
        "test 1 'buffer': put by importer camera, which has no reference; held by kernel vgem"
    ]


def test_a_second_last_put_releases_nothing_again(file: File, log: KernelLog, released: list[str]) -> None:
    file.put(DRIVER)
    file.put(DRIVER)
    assert len(released) == 1
    assert log.warnings == ["test 1 'buffer': put by kernel vgem, which has no reference; held by nobody"]


def test_get_after_release_is_trapped(file: File, log: KernelLog) -> None:
    file.put(DRIVER)
    with pytest.raises(UseAfterFree) as error:
        file.get(CAMERA)
    assert (error.value.call, error.value.what) == ("get_file", "test 1 'buffer'")
    assert log.warnings == ["get_file: test 1 'buffer' used after its release"]
    assert file.f_count == 0


def test_transfer_moves_one_reference(file: File, log: KernelLog) -> None:
    file.get(DRIVER)
    file.transfer(DRIVER, CAMERA)
    assert file.held_by() == "importer camera, kernel vgem"
    assert log.warnings == []


def test_transfer_of_a_reference_not_held_gives_nothing(file: File, log: KernelLog) -> None:
    file.transfer(CAMERA, Holder("fd", "3 of app (pid 2)"))
    assert file.held_by() == "kernel vgem"
    assert log.warnings == [
        "test 1 'buffer': transfer to fd 3 of app (pid 2) by importer camera, which has no reference; "
        "held by kernel vgem"
    ]


def test_inode_numbers_increase_and_are_never_reused(files: FileTable, log: KernelLog) -> None:
    ops = FileOperations("test", lambda file: None)
    inos = []
    for name in "abc":
        file = files.open(ops, None, name, DRIVER)
        inos.append(file.ino)
        file.put(DRIVER)
    assert inos == [1, 2, 3]
    other = FileTable(log).open(ops, None, "d", DRIVER)
    assert other.ino == 1, "another kernel counts for itself"


def test_history_has_time_holder_and_count(file: File, log: KernelLog) -> None:
    log.clock.advance(500)
    file.get(CAMERA)
    file.transfer(DRIVER, Holder("message", "1"))
    file.put(CAMERA)
    assert [(e.time, e.what, e.who, e.count) for e in file.history] == [
        (0, "open", "kernel vgem", 1),
        (500, "get", "importer camera", 2),
        (500, "from kernel vgem", "message 1", 2),
        (500, "put", "importer camera", 1),
    ]
