"""Row 38 of the checklist: a page that is cached here and uncached there."""

from __future__ import annotations

import os

import pytest

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import ion_client_create
from heaps.ion.kernel_map import ion_map_kernel, ion_phys, ion_unmap_kernel
from soc.kernel.fs.file import File, FileOperations
from soc.kernel.mm.vma import Vma
from tests.ion.bench import CACHED, CONTIG, NEEDS_SYNC, PAGE, IonBench


class Remapper:
    """/dev/mem2: a driver that maps whatever `frames` are, `cached` or not, as some do with ion_phys."""

    def __init__(self, bench: IonBench, cached: bool) -> None:
        self.frames = None
        self.cached = cached
        kernel = bench.kernel
        ops = FileOperations("mem2", lambda file: None, mmap=self._mmap)
        kernel.devfs.add(
            "/dev/mem2", lambda task, flags, holder: kernel.files.open(ops, None, "m", holder, flags)
        )
        self.process = kernel.process("remapper")
        self.fd = self.process.open("/dev/mem2", os.O_RDWR)

    def map(self, frames) -> int:
        self.frames = frames
        return self.process.mmap(self.fd, len(frames) * PAGE)

    def _mmap(self, file: File, vma: Vma) -> None:
        vma.cached = self.cached
        vma.remap(vma.start, self.frames)


def physical(bench: IonBench):
    """A driver's buffer, by its physical address."""
    client = ion_client_create(bench.device, "driver")
    handle = ion_alloc(client, 3 * PAGE, 0, CONTIG, 0)
    address, size = ion_phys(client, handle)
    assert (address, size) == (int(handle.buffer.frames[0]) << 12, 3 * PAGE)
    return client, handle


def test_a_kernel_mapping_that_meets_another_kind_warns(noisy: IonBench) -> None:
    client, handle = physical(noisy)
    other = Remapper(noisy, cached=True)
    start = other.map(handle.buffer.frames[1:])
    ion_map_kernel(client, handle)
    assert noisy.kernel.log.warnings == [
        "kernel mapping of ion buffer 1 (12288 bytes of contig) is uncached, but "
        f"{other.process.mm.find(start)} maps 2 of its pages cached, "
        f"the first at {int(handle.buffer.frames[1]) << 12:#x}"
    ]
    ion_unmap_kernel(client, handle)


@pytest.mark.parametrize("flags", [0, CACHED, NEEDS_SYNC])
def test_a_programs_mapping_that_meets_another_kind_warns(noisy: IonBench, flags: int) -> None:
    app = noisy.app
    other = Remapper(noisy, cached=not flags)
    number = app.alloc(CONTIG, PAGE, 0, flags)
    other.map(app.buffer(number).frames)
    app.process.mmap(app.share(number), PAGE)
    (warning,) = noisy.kernel.log.warnings
    assert warning.startswith("mapping of ion buffer 1 (4096 bytes of contig) by app (pid 100) is ")


@pytest.mark.parametrize("flags", [0, CACHED, NEEDS_SYNC])
def test_all_mappings_of_ions_own_are_of_one_kind(bench: IonBench, flags: int) -> None:
    client = ion_client_create(bench.device, "driver")
    app, other = bench.app, bench.open("other")
    fd = app.share(app.alloc(CONTIG, PAGE, 0, flags))
    there = other.receive(app, fd)
    for program, descriptor in ((app, fd), (other, there), (app, fd)):
        program.process.load(program.process.mmap(descriptor, PAGE), 1)
    handle = ion_alloc(client, PAGE, 0, CONTIG, flags)
    ion_map_kernel(client, handle)
    ion_free(client, handle)
    assert bench.kernel.log.warnings == []


def test_mappings_of_one_kind_and_of_other_pages_are_no_aliases(bench: IonBench) -> None:
    client, handle = physical(bench)
    neighbours = bench.kernel.pages.alloc_pages(2)
    Remapper(bench, cached=True).map(neighbours)
    ion_map_kernel(client, handle)
    ion_free(client, handle)
    assert bench.kernel.log.warnings == []
