"""SEMANTICS 4.3: which heaps a kernel of each generation has, and what they are called."""

from __future__ import annotations

from errno import ENOENT
from pathlib import Path

import pytest

from heaps.catalogue import MODULES
from heaps.cma.dma_heap import CmaHeapConfig, add_cma_heaps
from heaps.system.dma_heap import system_heap_create
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from tests.dma_heap.bench import CMA, PAGE, REGIONS, HeapBench, alloc, heaps

UPSTREAM = (system_heap_create, add_cma_heaps)
NO_DEFAULT = REGIONS.replace("    linux,cma-default: true\n", "")


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        (Generation.V2011, []),
        (Generation.V4_9, []),
        (Generation.V6_12, [CMA, "system"]),
        (Generation.V6_15, [CMA, "system"]),
        (Generation.V6_19, ["default_cma_region", CMA, "system", "video@81800000"]),
    ],
    ids=str,
)
def test_the_heaps_of_a_generation(tmp_path: Path, generation: Generation, expected: list[str]) -> None:
    bench = HeapBench(tmp_path, generation, modules=UPSTREAM)
    assert heaps(bench.kernel) == sorted(expected)
    assert bench.problems() == []
    bench.close()


@pytest.mark.parametrize("generation", [Generation.V2011, Generation.V4_9], ids=str)
def test_before_dma_heaps_there_is_nothing_to_open(tmp_path: Path, generation: Generation) -> None:
    bench = HeapBench(tmp_path, generation)
    app = bench.kernel.process("app")
    for path in ("/dev/dma_heap/system", "/dev/udmabuf", "/dev/dma_heap/negotiated"):
        with pytest.raises(KernelError) as error:
            app.open(path)
        assert error.value.errno == ENOENT
    bench.close()


@pytest.mark.parametrize("generation", [Generation.V6_12, Generation.V6_19], ids=str)
def test_without_a_default_area_there_is_no_default_heap(tmp_path: Path, generation: Generation) -> None:
    bench = HeapBench(tmp_path, generation, modules=UPSTREAM, regions=NO_DEFAULT)
    regions = [CMA, "video@81800000"] if generation >= Generation.V6_19 else []
    assert heaps(bench.kernel) == sorted([*regions, "system"])
    bench.close()


@pytest.mark.parametrize(
    ("regions", "legacy", "expected"),
    [
        (True, False, ["default_cma_region", CMA, "video@81800000"]),
        (True, True, ["default_cma_region", CMA, "video@81800000"]),
        (False, False, ["default_cma_region"]),
        (False, True, ["default_cma_region", CMA]),
    ],
    ids=["late 2025", "late 2025, legacy", "6.17", "6.17, legacy"],
)
def test_how_a_new_kernel_is_built(tmp_path: Path, regions: bool, legacy: bool, expected: list[str]) -> None:
    bench = HeapBench(tmp_path, Generation.V6_19, modules=(add_cma_heaps,), boot=False)
    config = bench.kernel.subsystem(CmaHeapConfig)
    config.regions, config.legacy = regions, legacy
    bench.kernel.boot()
    assert heaps(bench.kernel) == sorted(expected)
    assert [entry.text for entry in bench.kernel.log.entries if entry.level != "info"] == []
    bench.close()


def test_two_heaps_of_one_area_share_its_memory(tmp_path: Path) -> None:
    bench = HeapBench(tmp_path, Generation.V6_19)
    app = bench.kernel.process("app")
    area = bench.kernel.memory.cma.default
    assert area is not None
    for name in ("default_cma_region", CMA):
        fd = alloc(app, name, 4 * PAGE)
        assert f"exp_name:\t{name}\n" in app.fdinfo(fd)
    assert area.used == 8
    bench.close()


def test_the_heap_of_a_region_allocates_there_and_nowhere_else(tmp_path: Path) -> None:
    bench = HeapBench(tmp_path, Generation.V6_19)
    app = bench.kernel.process("app")
    fd = alloc(app, "video@81800000", 3 * PAGE)
    assert [area.used for area in bench.kernel.memory.cma.areas] == [0, 3]
    app.close(fd)
    assert [area.used for area in bench.kernel.memory.cma.areas] == [0, 0]
    bench.close()


@pytest.mark.parametrize("generation", list(Generation), ids=str)
def test_a_no_map_pool_never_becomes_a_heap(tmp_path: Path, generation: Generation) -> None:
    bench = HeapBench(tmp_path, generation, modules=MODULES)
    assert not [name for name in heaps(bench.kernel) if "coherent" in name]
    bench.close()


def test_an_area_whose_name_is_taken_is_logged_and_passed_by(tmp_path: Path) -> None:
    bench = HeapBench(tmp_path, Generation.V6_19, modules=(add_cma_heaps,))
    with pytest.raises(KernelError):
        add_cma_heaps(bench.kernel)
    bench.close()
    other = HeapBench(tmp_path, Generation.V6_19, modules=(), regions=NO_DEFAULT)
    add_cma_heaps(other.kernel)
    add_cma_heaps(other.kernel)
    failed = [entry.text for entry in other.kernel.log.entries if "Failed to add" in entry.text]
    assert [line.split(":")[1] for line in failed] == [
        f" Failed to add CMA heap {CMA}",
        " Failed to add CMA heap video@81800000",
    ]
    other.close()
