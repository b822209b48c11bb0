"""Any history of devices that come and go: the bytes stay, devices reach them, and nothing is left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from errno import EBUSY
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from soc.dmabuf import (
    DmaBufAttachment,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.constraints import fits
from soc.dmabuf.resv import DmaResvUsage, dma_resv_wait_timeout
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import SgTable
from tests.conftest import CountFuzz
from tests.negotiated.bench import SIZE, TO, Follower, NegotiatedBench, behind, frames

LABELS = ["camera", "display", "scaler", "port"]


class Importer:
    """A static importer, or a follower."""

    def __init__(self, label: str, attachment: DmaBufAttachment, follower: Follower | None) -> None:
        self.label = label
        self.attachment = attachment
        self.follower = follower
        self._sgt: SgTable | None = None

    @property
    def sgt(self) -> SgTable | None:
        return self.follower.sgt if self.follower else self._sgt

    def map(self) -> None:
        if self.follower:
            self.follower.map()
        elif self._sgt is None:
            self._sgt = dma_buf_map_attachment_unlocked(self.attachment, TO)

    def unmap(self) -> None:
        if self.follower:
            self.follower.unmap()
        elif self._sgt is not None:
            dma_buf_unmap_attachment_unlocked(self.attachment, self._sgt, TO)
            self._sgt = None


class NegotiatedMachine(RuleBasedStateMachine):
    """One buffer; an attach that would have to wait is refused at once."""

    steps = 0

    @initialize(dynamic=st.booleans(), worn=st.booleans())
    def boot(self, dynamic: bool, worn: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = NegotiatedBench(Path(self.folder.name), Generation.V6_15, dynamic=dynamic)
        if worn:
            self.bench.wear()
        self.before = self.bench.kernel.memory.pages.free_frames
        self.dmabuf = self.bench.buffer()
        behind(self.dmabuf).timeout = 0
        self.content = bytearray(SIZE)
        self.importers: list[Importer] = []
        self.address = self.bench.app.mmap(0, SIZE)

    @rule(label=st.sampled_from(LABELS), follows=st.booleans())
    def attach(self, label: str, follows: bool) -> None:
        type(self).steps += 1
        mapped = [one for one in self.importers if one.sgt is not None]
        where = behind(self.dmabuf).backing
        try:
            if follows:
                follower = Follower(self.bench, self.dmabuf, label)
                one = Importer(label, follower.attachment, follower)
            else:
                one = Importer(label, dma_buf_attach(self.dmabuf, self.bench.device(label)), None)
        except KernelError as error:
            assert error.errno == EBUSY and mapped, "only who is mapped stands in the way"
            assert behind(self.dmabuf).backing is where
        else:
            self.importers.append(one)

    def _with(self, index: int, work: Callable[[Importer], None]) -> None:
        type(self).steps += 1
        if self.importers:
            work(self.importers[index % len(self.importers)])

    @rule(index=st.integers(0, 9))
    def map(self, index: int) -> None:
        self._with(index, Importer.map)

    @rule(index=st.integers(0, 9))
    def unmap(self, index: int) -> None:
        self._with(index, Importer.unmap)

    @rule(index=st.integers(0, 9))
    def detach(self, index: int) -> None:
        self._with(index, self._detach)

    def _detach(self, one: Importer) -> None:
        one.unmap()
        dma_buf_detach(self.dmabuf, one.attachment)
        self.importers.remove(one)

    @rule(index=st.integers(0, 9), at=st.integers(0, SIZE - 8), data=st.binary(min_size=1, max_size=8))
    def device_writes(self, index: int, at: int, data: bytes) -> None:
        """Implicit sync: a device waits until the memory has arrived."""

        def write(one: Importer) -> None:
            if one.sgt is not None:
                dma_resv_wait_timeout(self.dmabuf.resv, DmaResvUsage.KERNEL)
                self.bench.engine_writes(one.label, one.sgt, data, at)
                self.content[at : at + len(data)] = data

        self._with(index, write)

    @rule(index=st.integers(0, 9))
    def device_reads(self, index: int) -> None:
        def read(one: Importer) -> None:
            if one.sgt is not None:
                dma_resv_wait_timeout(self.dmabuf.resv, DmaResvUsage.KERNEL)
                assert self.bench.engine_reads(one.label, one.sgt, SIZE) == self.content
                assert one.sgt.bounced_bytes == 0

        self._with(index, read)

    @rule(at=st.integers(0, SIZE - 8), data=st.binary(min_size=1, max_size=8))
    def program_writes(self, at: int, data: bytes) -> None:
        self.bench.app.store(self.address + at, data)
        self.content[at : at + len(data)] = data

    @rule()
    def program_reads(self) -> None:
        assert self.bench.app.load(self.address, SIZE) == self.content

    @rule()
    def time_to_copy(self) -> None:
        self.bench.kernel.sched.run_ready()

    @invariant()
    def every_attached_device_reaches_the_memory(self) -> None:
        if behind(self.dmabuf).backing is not None:
            for one in self.importers:
                assert fits(one.attachment.device, frames(self.dmabuf))
        assert self.bench.problems() == []

    def teardown(self) -> None:
        for one in list(self.importers):
            self._detach(one)
        assert self.bench.app.load(self.address, SIZE) == self.content
        self.bench.end(self.dmabuf)
        self.bench.kernel.sched.run_ready()
        assert self.bench.kernel.memory.pages.free_frames == self.before
        assert self.bench.kernel.memory.owners.live == []
        self.bench.close()
        self.folder.cleanup()


NegotiatedMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)


class TestNegotiatedMachine(NegotiatedMachine.TestCase):
    @pytest.fixture(autouse=True)
    def counted(self, count_fuzz: CountFuzz) -> object:
        yield
        count_fuzz("negotiated histories", steps=NegotiatedMachine.steps)
