"""What the page allocator and CMA show in /proc, debugfs and sysfs, to the character."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EACCES, EINVAL, ENOMEM
from pathlib import Path

import pytest

from soc.kernel.errors import KernelError
from tests.kernel.small_memory import SmallMemory, frames

DEBUG = "/sys/kernel/debug/cma/linux,cma@81000000"
SYSFS = "/sys/kernel/mm/cma/linux,cma@81000000"

TYPES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallMemory]:
    small = SmallMemory(tmp_path)
    yield small
    small.close()


def test_meminfo(small: SmallMemory) -> None:
    assert small.views.read("/proc/meminfo") == (
        "MemTotal:          28672 kB\n"
        "MemFree:           28672 kB\n"
        "MemAvailable:      28672 kB\n"
        "CmaTotal:           8192 kB\n"
        "CmaFree:            8192 kB\n"
    )
    small.pages.alloc_pages(10)
    small.memory.cma.areas[0].alloc(3)
    assert small.views.read("/proc/meminfo") == (
        "MemTotal:          28672 kB\n"
        "MemFree:           28620 kB\n"
        "MemAvailable:      28620 kB\n"
        "CmaTotal:           8192 kB\n"
        "CmaFree:            8180 kB\n"
    )


def test_buddyinfo(small: SmallMemory) -> None:
    row = "Node 0, zone      DMA " + "     0 " * 10 + "     7 \n"
    assert small.views.read("/proc/buddyinfo") == row
    small.pages.alloc(4)
    row = "Node 0, zone      DMA " + "     0 " * 4 + "     1 " * 6 + "     6 \n"
    assert small.views.read("/proc/buddyinfo") == row


def test_buddyinfo_has_a_line_for_each_zone(tmp_path: Path) -> None:
    board = """\
'#address-cells': 2
'#size-cells': 2
memory@fe000000: {{device_type: memory, reg: [[0xfe000000, 64M]]}}
"""
    small = SmallMemory(tmp_path, board=board)
    assert small.views.read("/proc/buddyinfo").splitlines() == [
        "Node 0, zone      DMA " + "     0 " * 10 + "     8 ",
        "Node 0, zone   Normal " + "     0 " * 10 + "     8 ",
    ]
    small.close()


def test_pagetypeinfo(small: SmallMemory) -> None:
    small.pages.alloc(9)
    free = {"Unmovable": (9, 1), "Movable": (10, 4), "CMA": (10, 2)}
    rows = []
    for name in TYPES:
        order, count = free.get(name, (0, 0))
        counts = "".join(f"{count if at == order else 0:6d} " for at in range(11))
        rows.append(f"Node    0, zone      DMA, type {name:>12} {counts}")
    assert small.views.read("/proc/pagetypeinfo").splitlines() == [
        "Page block order: 10",
        "Pages per block:  1024",
        "",
        "Free pages count per migrate type at order       0      1      2      3      4      5      6"
        "      7      8      9     10 ",
        *rows,
        "",
        "Number of blocks type  " + "".join(f"{name:>12} " for name in TYPES),
        "Node 0, zone      DMA " + "".join(f"{count:12d} " for count in (1, 5, 0, 0, 2, 0)),
    ]


def test_vmstat(small: SmallMemory) -> None:
    area = small.memory.cma.areas[0]
    hog = small.fill()
    small.movable(2048)
    small.pages.free_pages(hog[:600])
    small.pages.movable.pin(frames(0x81010, 1))
    area.alloc(17)
    with pytest.raises(KernelError):
        area.alloc(2000, no_warn=True)
    assert small.views.read("/proc/vmstat") == (
        "nr_free_pages 583\n"
        "nr_free_cma 16\n"
        "pgmigrate_success 33\n"
        "pgmigrate_fail 1\n"
        "cma_alloc_success 1\n"
        "cma_alloc_fail 1\n"
    )


def test_cma_files(small: SmallMemory) -> None:
    assert small.views.list("/sys") == sorted(
        [f"{DEBUG}/{name}" for name in ("alloc", "base_pfn", "bitmap", "count", "free", "maxchunk")]
        + [f"{DEBUG}/{name}" for name in ("order_per_bit", "used")]
        + [f"{SYSFS}/{name}" for name in ("alloc_pages_fail", "alloc_pages_success", "release_pages_success")]
    )
    shown = {name: small.views.read(f"{DEBUG}/{name}") for name in ("base_pfn", "count", "order_per_bit")}
    assert shown == {"base_pfn": "528384\n", "count": "2048\n", "order_per_bit": "0\n"}


def test_what_is_used_shows_in_debugfs_and_sysfs(small: SmallMemory) -> None:
    area = small.memory.cma.areas[0]
    area.alloc(35)
    area.alloc(5, 6)
    area.release(0x81000 + 1, 2)
    with pytest.raises(KernelError):
        area.alloc(2000, no_warn=True)
    assert small.views.read(f"{DEBUG}/used") == "38\n"
    assert small.views.read(f"{DEBUG}/maxchunk") == "1979\n"
    assert (
        small.views.read(f"{DEBUG}/bitmap") == " ".join(map(str, [0xFFFF_FFF9, 0x7, 0x1F, *[0] * 61])) + "\n"
    )
    assert [small.views.read(f"{SYSFS}/{name}") for name in ("alloc_pages_success", "alloc_pages_fail")] == [
        "40\n",
        "2000\n",
    ]
    assert small.views.read(f"{SYSFS}/release_pages_success") == "2\n"


def test_a_full_area_has_no_chunk(small: SmallMemory) -> None:
    small.memory.cma.areas[0].alloc(2048)
    assert small.views.read(f"{DEBUG}/maxchunk") == "0\n"


def test_alloc_and_free_of_debugfs_work(small: SmallMemory) -> None:
    small.views.write(f"{DEBUG}/alloc", "16\n")
    small.views.write(f"{DEBUG}/alloc", "0x10")
    small.views.write(f"{DEBUG}/free", "20")
    assert small.views.read(f"{DEBUG}/bitmap").split()[0] == str(0xFFF0)
    small.views.write(f"{DEBUG}/free", "100")
    assert small.views.read(f"{DEBUG}/used") == "0\n"


@pytest.mark.parametrize(("text", "error"), [("2049", ENOMEM), ("0", ENOMEM), ("", EINVAL), ("-1", EINVAL)])
def test_debugfs_refuses_what_it_cannot_do(small: SmallMemory, text: str, error: int) -> None:
    with pytest.raises(KernelError) as caught:
        small.views.write(f"{DEBUG}/alloc", text)
    assert caught.value.errno == error
    with pytest.raises(KernelError, match="^-EACCES: the file can only be written$") as caught:
        small.views.read(f"{DEBUG}/alloc")
    assert caught.value.errno == EACCES
