"""The bus ledger against the mappings: who moved bytes of a buffer without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from soc.address import Iova
from soc.dmabuf.importer import ImportedBuffer
from soc.dmabuf.sanitizer.strays import StrayWatch
from soc.kernel.scatterlist import DmaDirection
from tests.bugs.bench import CMA, PAGE, Bench, alloc, noisy_bench, text
from tests.bugs.test_devices import no_iommu


class Two:
    """A buffer in one run, and two devices without an IOMMU: `camera` has it mapped, `display` has not."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.watch = bench.kernel.subsystem(StrayWatch)
        self.watch.start()
        self.app = bench.process()
        self.fd = alloc(self.app, CMA)
        self.camera = self.import_("camera", DmaDirection.FROM_DEVICE)
        self.start = self.camera.iova

    def import_(self, label: str, direction: DmaDirection) -> ImportedBuffer:
        return ImportedBuffer(self.app, self.fd, self.bench.device(label), direction)

    def write(self, label: str, size: int = 4, offset: int = 0) -> None:
        """Without an IOMMU every device has the camera's address."""
        self.bench.engine(label).write(Iova(self.start + offset), text("x" * size))

    def found(self) -> list[tuple[str, int, int]]:
        self.watch.audit()
        assert self.bench.warned() == [str(stray) for stray in self.watch.found]
        return [(stray.master, stray.read, stray.written) for stray in self.watch.found]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with noisy_bench(folder=tmp_path, change=no_iommu) as bench:
        yield Two(bench)


def test_who_has_it_mapped_and_the_cpu_are_no_strangers(two: Two) -> None:
    two.write("camera")
    address = two.app.mmap(two.fd, PAGE)
    two.app.store(address, b"hello")
    assert two.found() == []


def test_another_device_is(two: Two) -> None:
    two.write("lcdif", 100)
    two.write("lcdif", 8, PAGE)
    assert two.found() == [("lcdif@32e00000", 0, 108)]
    assert str(two.watch.found[0]) == (
        f"stray DMA: lcdif@32e00000 wrote 108 bytes of {two.camera.dmabuf}, which is mapped by "
        f"32e20000.camera at iova {two.start:#x} (FROM_DEVICE)"
    )


def test_it_is_told_once(two: Two) -> None:
    two.write("lcdif")
    assert len(two.found()) == 1
    two.bench.kernel.log.entries.clear()
    two.watch.audit()
    assert two.bench.warned() == []


def test_what_it_did_before_it_mapped_does_not_become_right_by_that(two: Two) -> None:
    two.write("lcdif")
    display = two.import_("lcdif", DmaDirection.TO_DEVICE)
    two.write("lcdif")
    display.close()
    two.write("lcdif")
    assert two.found() == [("lcdif@32e00000", 0, 4)] * 2


def test_the_one_that_had_it_mapped_is_a_stranger_afterwards(two: Two) -> None:
    two.camera.unmap()
    two.write("camera")
    assert two.found() == [("camera@32e20000", 0, 4)]
    assert str(two.watch.found[0]).endswith("which is mapped by no device")


def test_a_release_is_the_last_look(two: Two) -> None:
    two.camera.close()
    two.write("lcdif")
    two.app.close(two.fd)
    assert two.found() == [("lcdif@32e00000", 0, 4)]
    two.write("lcdif")
    assert len(two.watch.found) == 1, "that is for the owners of pages to tell"


def test_pages_of_no_buffer_are_of_no_interest(two: Two) -> None:
    two.write("lcdif", 4, 8 * PAGE)
    assert two.found() == []


def test_it_is_off_until_it_is_started(tmp_path: Path) -> None:
    with noisy_bench(folder=tmp_path, change=no_iommu) as bench:
        app = bench.process()
        fd = alloc(app, CMA)
        camera = ImportedBuffer(app, fd, bench.device("camera"), DmaDirection.FROM_DEVICE)
        bench.engine("lcdif").write(camera.iova, text("x"))
        camera.close()
        bench.kernel.subsystem(StrayWatch).audit()
        assert bench.warned() == []
