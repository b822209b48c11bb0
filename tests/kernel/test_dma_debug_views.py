"""/sys/kernel/debug/dma-api: what is logged and counted, the driver filter, the pool of entries, the dump."""

from __future__ import annotations

from errno import EACCES, EINVAL

import pytest

from soc.kernel.errors import KernelError
from tests.kernel.dma_debug_bench import BOTH, DEBUGFS, FROM, IOVA, PAGE, TO, Bench


@pytest.fixture
def bench():
    bench = Bench()
    bench.views.write(f"{DEBUGFS}/all_errors", "0")
    yield bench
    bench.close()


def misuse(bench: Bench, times: int = 1, device=None) -> None:
    for _ in range(times):
        bench.debug.unmap_page(device or bench.camera, IOVA, 64, TO)


def counts(bench: Bench) -> tuple[int, str, str]:
    """Logged, counted, still to be logged."""
    return len(bench.log.warnings), bench.view("error_count"), bench.view("num_errors")


# --- how many are logged --------------------------------------------------------


def test_only_the_first_is_logged(bench):
    assert counts(bench) == (0, "0\n", "1\n")
    misuse(bench, 3)
    assert counts(bench) == (1, "3\n", "0\n")


def test_num_errors_more(bench):
    misuse(bench, 2)
    bench.views.write(f"{DEBUGFS}/num_errors", "2\n")
    misuse(bench, 5)
    assert counts(bench) == (3, "7\n", "0\n")


def test_all_errors_uses_nothing_up(bench):
    bench.views.write(f"{DEBUGFS}/all_errors", "1")
    misuse(bench, 3)
    assert counts(bench) == (3, "3\n", "1\n")


@pytest.mark.parametrize("name", ["all_errors", "num_errors"])
def test_switches_take_numbers_only(bench, name):
    bench.views.write(f"{DEBUGFS}/{name}", "0x10")
    with pytest.raises(KernelError) as caught:
        bench.views.write(f"{DEBUGFS}/{name}", "all")
    assert caught.value.errno == EINVAL
    assert bench.view(name) == "16\n"


@pytest.mark.parametrize(
    "name",
    ["error_count", "disabled", "dump", "num_free_entries", "min_free_entries", "nr_total_entries"],
)
def test_the_rest_is_read_only(bench, name):
    with pytest.raises(KernelError) as caught:
        bench.views.write(f"{DEBUGFS}/{name}", "1")
    assert caught.value.errno == EACCES


def test_the_nine_files(bench):
    assert [path.rpartition("/")[2] for path in bench.views.list(DEBUGFS)] == [
        "all_errors",
        "disabled",
        "driver_filter",
        "dump",
        "error_count",
        "min_free_entries",
        "nr_total_entries",
        "num_errors",
        "num_free_entries",
    ]


# --- the driver filter ------------------------------------------------------------


def test_filter_keeps_to_one_driver(bench):
    bench.views.write(f"{DEBUGFS}/all_errors", "1")
    bench.views.write(f"{DEBUGFS}/driver_filter", "lcdif\n")
    assert bench.view("driver_filter") == "lcdif\n"
    misuse(bench, device=bench.camera)
    bench.camera.driver = None
    misuse(bench, device=bench.camera)
    misuse(bench, device=bench.display)
    assert [text.split(":")[1] for text in bench.log.warnings] == [" lcdif 32e00000.lcdif"]
    assert bench.view("error_count") == "3\n"


@pytest.mark.parametrize("text", ["", "\n", " lcdif", "-"])
def test_anything_else_ends_the_filter(bench, text):
    bench.views.write(f"{DEBUGFS}/driver_filter", "lcdif")
    bench.views.write(f"{DEBUGFS}/driver_filter", text)
    assert bench.view("driver_filter") == ""
    bench.views.write(f"{DEBUGFS}/driver_filter", text)
    misuse(bench)
    assert [entry.text for entry in bench.log.entries if entry.level == "info"] == [
        "DMA-API: enable driver filter for driver [lcdif]",
        "DMA-API: switching off dma-debug driver filter",
    ]
    assert len(bench.log.warnings) == 1


@pytest.mark.parametrize(
    ("text", "name"), [("arm-smmu_v3 x", "arm-smmu_v3"), ("pl330\nother", "pl330"), ("a" * 99, "a" * 63)]
)
def test_name_of_the_filter(bench, text, name):
    bench.views.write(f"{DEBUGFS}/driver_filter", text)
    assert bench.view("driver_filter") == f"{name}\n"


# --- the pool ---------------------------------------------------------------------


def test_entries_are_counted_by_segment():
    bench = Bench(entries=10)
    one, three = bench.scattered(3), bench.scattered(3, iova=None)
    for sgt in (one, three):
        bench.debug.map_sg(bench.camera, sgt, TO)
    assert [bench.view(f"{name}_entries") for name in ("nr_total", "num_free", "min_free")] == [
        "10\n",
        "6\n",
        "6\n",
    ]
    bench.debug.unmap_sg(bench.camera, three, TO)
    assert [bench.view(f"{name}_entries") for name in ("num_free", "min_free")] == ["9\n", "6\n"]
    bench.close()


def test_exhaustion_ends_the_checks_for_good():
    bench = Bench(entries=3)
    sgt = bench.scattered(3, iova=None)
    bench.debug.map_sg(bench.camera, sgt, TO)
    assert (bench.view("disabled"), bench.log.entries) == ("N\n", [])
    bench.debug.map_page(bench.camera, bench.pages(), 64, TO, IOVA)
    assert [(entry.level, entry.text) for entry in bench.log.entries] == [
        ("error", "DMA-API: debugging out of memory - disabling")
    ]
    assert bench.view("disabled") == "Y\n"
    debug, camera = bench.debug, bench.camera
    debug.unmap_sg(camera, sgt, FROM)
    debug.map_page(camera, 0, 64, TO, 0x1000)
    debug.map_resource(camera, 0, 64, TO, 0x1000)
    debug.alloc_coherent(camera, 64, 0x1000, 0)
    debug.map_sg(camera, sgt, FROM)
    debug.sync_sg_for_cpu(camera, sgt, FROM)
    debug.driver_unbound(camera)
    misuse(bench)
    assert (len(bench.log.entries), bench.view("error_count")) == (1, "0\n")
    bench.close()


# --- the dump ---------------------------------------------------------------------


def test_dump_has_a_line_for_every_segment(bench):
    debug, camera = bench.debug, bench.camera
    phys = bench.pages(2)
    debug.map_page(camera, phys, 1536, FROM, IOVA)
    debug.alloc_coherent(bench.display, PAGE, 0x2000, phys + PAGE)
    sgt = bench.contiguous(1)
    sgt.dma_address, sgt.dma_length = sgt.dma_address.repeat(2), sgt.dma_length.repeat(2)
    sgt.dma_address[1] = 0x4000
    debug.map_sg(bench.display, sgt, BOTH)
    start = int(sgt.starts[0])
    camera_line = (
        f"camera 32e40000.camera single idx 16376 P={phys:#018x} D=ffff0000 L=600 cln={phys >> 6:#018x}"
    )
    display = "lcdif 32e00000.lcdif"
    not_applicable = "DMA_BIDIRECTIONAL dma map error check not applicable"
    expected = [
        f"{camera_line} DMA_FROM_DEVICE dma map error not checked",
        f"{display} coherent idx 1 P={phys + PAGE:#018x} D=2000 L=1000"
        f" cln={(phys + PAGE) >> 6:#018x} {not_applicable}",
        f"{display} scatter-gather idx 16376 P={start:#018x} D=ffff0000 L=1000"
        f" cln={start >> 6:#018x} {not_applicable}",
        f"{display} scatter-gather idx 2 P={start + PAGE:#018x} D=4000 L=1000"
        f" cln={(start + PAGE) >> 6:#018x} {not_applicable}",
    ]
    assert bench.view("dump").splitlines() == expected
    debug.mapping_error(camera, IOVA)
    assert bench.view("dump").splitlines()[0] == f"{camera_line} DMA_FROM_DEVICE dma map error checked"
    debug.unmap_page(camera, IOVA, 1536, FROM)
    assert bench.view("dump").splitlines() == expected[1:]
