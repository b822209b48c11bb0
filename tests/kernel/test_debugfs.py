"""The kernel's text files: registering, reading, writing, and numbers as the kernel parses them."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENOENT

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.errors import KernelError
from soc.kernel.fs.pseudofs import Views, parse_unsigned


def refused(errno: int, why: str, call) -> None:
    with pytest.raises(KernelError) as caught:
        call()
    assert (caught.value.errno, caught.value.why) == (errno, why)


@pytest.fixture
def views():
    return Views()


def test_a_file_is_read_as_it_is_now(views):
    count = [1]
    views.add("/proc/count", lambda: f"{count[0]}\n")
    assert views.read("/proc/count") == "1\n"
    count[0] = 2
    assert views.read("/proc/count") == "2\n"


def test_what_is_written_reaches_the_writer(views):
    written: list[str] = []
    views.add("/sys/kernel/debug/switch", lambda: "", written.append)
    views.write("/sys/kernel/debug/switch", "1\n")
    assert written == ["1\n"]


def test_an_error_of_the_writer_reaches_who_wrote(views):
    views.add("/sys/number", lambda: "", parse_unsigned)
    refused(EINVAL, "'many' is not a number of 32 bits", lambda: views.write("/sys/number", "many"))


def test_a_file_that_is_not_there(views):
    views.add("/proc/meminfo", lambda: "")
    for call in (views.read, views.remove, lambda path: views.write(path, "1")):
        refused(ENOENT, "/proc/mem does not exist", lambda call=call: call("/proc/mem"))


def test_directions_a_file_does_not_have(views):
    views.add("/proc/meminfo", lambda: "")
    views.add("/sys/kernel/debug/cma/pool/alloc", None, parse_unsigned)
    refused(EACCES, "/proc/meminfo is read-only", lambda: views.write("/proc/meminfo", "1"))
    alloc = "/sys/kernel/debug/cma/pool/alloc"
    refused(EACCES, f"{alloc} is write-only", lambda: views.read(alloc))


def test_a_removed_file_is_gone_and_may_come_back(views):
    views.add("/proc/a", lambda: "old")
    views.remove("/proc/a")
    refused(ENOENT, "/proc/a does not exist", lambda: views.read("/proc/a"))
    views.add("/proc/a", lambda: "new")
    assert views.read("/proc/a") == "new"


@pytest.mark.parametrize("path", ["proc/a", "/proc/", ""])
def test_only_absolute_paths_of_files(views, path):
    with pytest.raises(ValueError, match="is not the absolute path of a file"):
        views.add(path, lambda: "")


def test_a_file_is_registered_once(views):
    views.add("/proc/a", lambda: "")
    with pytest.raises(ValueError, match="^/proc/a exists$"):
        views.add("/proc/a", lambda: "")


def test_listing_keeps_to_the_directory(views):
    for path in ("/proc/cma", "/proc/c", "/proc/c/2", "/proc/c/1", "/sys/c"):
        views.add(path, lambda: "")
    assert views.list("/proc/c") == ["/proc/c", "/proc/c/1", "/proc/c/2"]
    assert views.list("/proc/c/") == ["/proc/c/1", "/proc/c/2"]
    assert views.list("/dev") == []
    assert views.list() == ["/proc/c", "/proc/c/1", "/proc/c/2", "/proc/cma", "/sys/c"]


@given(st.integers(0, (1 << 32) - 1))
def test_numbers_of_every_base(value):
    texts = [f"{value}", f"{value}\n", f"+{value}", f"{value:#x}", f"0X{value:x}", f"0{value:o}"]
    assert [parse_unsigned(text) for text in texts] == [value] * 6


@pytest.mark.parametrize("text", ["", "\n", "-1", "1_0", " 1", "1 ", "1\n\n", "0x", "08", "4294967296", "²"])
def test_what_is_no_number(text):
    refused(EINVAL, f"{text!r} is not a number of 32 bits", lambda: parse_unsigned(text))


def test_wider_numbers():
    assert parse_unsigned("4294967296", bits=64) == 1 << 32
