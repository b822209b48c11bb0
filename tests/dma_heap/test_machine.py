"""Any history over heaps, processes, fds, mappings, devices and brackets: bytes are where they were put,
counts are what was taken, and in the end nothing is left."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from heaps.catalogue import MODULES
from heaps.system_uncached.dma_heap import system_uncached_heap_create
from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
)
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection, SgTable
from tests.conftest import CountFuzz
from tests.dma_heap.bench import CMA, PAGE, HeapBench, alloc, sync

HEAPS = ["system", CMA, "negotiated", "system-uncached"]
BOTH = DmaDirection.BIDIRECTIONAL


@dataclass(eq=False)
class Buffer:
    """What is known of a buffer: its bytes, and how many references fds and mappings have."""

    ino: int
    content: bytearray
    references: int = 0
    attached: list[DmaBufAttachment] = field(default_factory=list)


@dataclass(eq=False)
class Fd:
    process: Process
    number: int
    buffer: Buffer


@dataclass(eq=False)
class View:
    process: Process
    address: int
    buffer: Buffer


@dataclass(eq=False)
class Import:
    label: str
    dmabuf: DmaBuf
    attachment: DmaBufAttachment
    buffer: Buffer
    sgt: SgTable | None = None


class HeapMachine(RuleBasedStateMachine):
    """The CPU has no cache here: what somebody writes everybody sees at once."""

    fds = Bundle("fds")
    views = Bundle("views")
    imports = Bundle("imports")
    steps = 0

    @initialize()
    def boot(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        modules = (*MODULES, system_uncached_heap_create)
        self.bench = HeapBench(Path(self.folder.name), modules=modules)
        self.before = self.bench.baseline()
        self.processes = [self.bench.kernel.process(name) for name in ("one", "two")]
        self.all: list[Fd | View | Import] = []

    def _add(self, thing: Fd | View | Import) -> Fd | View | Import:
        self.all.append(thing)
        type(self).steps += 1
        return thing

    # --- programs ---------------------------------------------------------------

    @rule(target=fds, heap=st.sampled_from(HEAPS), size=st.integers(1, 6 * PAGE), who=st.integers(0, 1))
    def allocate(self, heap: str, size: int, who: int) -> Fd | View | Import:
        process = self.processes[who]
        number = alloc(process, heap, size)
        stat = process.fstat(number)
        assert stat.st_size == -(-size // PAGE) * PAGE
        return self._add(Fd(process, number, Buffer(stat.st_ino, bytearray(stat.st_size), 1)))

    @rule(target=fds, fd=fds)
    def dup(self, fd: Fd) -> Fd | View | Import:
        fd.buffer.references += 1
        return self._add(Fd(fd.process, fd.process.dup(fd.number), fd.buffer))

    @rule(fd=fds)
    def fork_and_exit(self, fd: Fd) -> None:
        """A child has every fd and mapping, and gives all of them back."""
        child = fd.process.fork("child")
        assert child.fstat(fd.number).st_ino == fd.buffer.ino
        child.exit()

    @rule(fd=consumes(fds))
    def close(self, fd: Fd) -> None:
        fd.process.close(fd.number)
        fd.buffer.references -= 1
        self.all.remove(fd)

    @rule(target=views, fd=fds)
    def mmap(self, fd: Fd) -> Fd | View | Import:
        address = fd.process.mmap(fd.number, len(fd.buffer.content))
        fd.buffer.references += 1
        return self._add(View(fd.process, address, fd.buffer))

    @rule(view=consumes(views))
    def munmap(self, view: View) -> None:
        view.process.munmap(view.address, len(view.buffer.content))
        view.buffer.references -= 1
        self.all.remove(view)

    @rule(view=views, at=st.integers(0, 6 * PAGE), data=st.binary(min_size=1, max_size=64))
    def store(self, view: View, at: int, data: bytes) -> None:
        at %= len(view.buffer.content) - len(data)
        view.process.store(view.address + at, data)
        view.buffer.content[at : at + len(data)] = data

    @rule(view=views)
    def load(self, view: View) -> None:
        assert view.process.load(view.address, len(view.buffer.content)) == view.buffer.content

    @rule(fd=fds, flags=st.integers(1, 7).filter(lambda flags: flags & 3))
    def bracket(self, fd: Fd, flags: int) -> None:
        sync(fd.process, fd.number, flags)

    # --- devices ----------------------------------------------------------------

    @rule(target=imports, fd=fds, label=st.sampled_from(["camera", "display"]))
    def attach(self, fd: Fd, label: str) -> Fd | View | Import:
        dmabuf = self.bench.get(fd.process, fd.number)
        fd.buffer.references += 1
        attachment = self.bench.attach(dmabuf, label)
        fd.buffer.attached.append(attachment)
        return self._add(Import(label, dmabuf, attachment, fd.buffer))

    @rule(one=imports)
    def map(self, one: Import) -> None:
        if one.sgt is None and not one.dmabuf.active:  # of two at once the DMA API's checks complain
            one.sgt = dma_buf_map_attachment_unlocked(one.attachment, BOTH)

    @rule(one=imports)
    def unmap(self, one: Import) -> None:
        if one.sgt is not None:
            dma_buf_unmap_attachment_unlocked(one.attachment, one.sgt, BOTH)
            one.sgt = None

    @rule(one=imports, at=st.integers(0, 6 * PAGE), data=st.binary(min_size=1, max_size=64))
    def device_writes(self, one: Import, at: int, data: bytes) -> None:
        if one.sgt is not None:
            at %= len(one.buffer.content) - len(data)
            self.bench.engine_writes(one.label, one.sgt, data, at)
            one.buffer.content[at : at + len(data)] = data

    @rule(one=imports)
    def device_reads(self, one: Import) -> None:
        if one.sgt is not None:
            size = len(one.buffer.content)
            assert self.bench.engine_reads(one.label, one.sgt, size) == one.buffer.content

    @rule(one=consumes(imports))
    def detach(self, one: Import) -> None:
        self.unmap(one)
        dma_buf_detach(one.dmabuf, one.attachment)
        one.buffer.attached.remove(one.attachment)
        one.buffer.references -= 1
        self.bench.put(one.dmabuf)
        self.all.remove(one)

    @rule()
    def time_to_free(self) -> None:
        self.bench.kernel.sched.run_ready()

    # --- what always holds --------------------------------------------------------

    @invariant()
    def counts_are_what_was_taken(self) -> None:
        live = {file.ino: file for file in self.bench.kernel.files.live()}
        for buffer in {thing.buffer for thing in self.all}:
            assert live[buffer.ino].f_count == buffer.references
        assert len(live) == len({thing.buffer for thing in self.all})
        assert self.bench.problems() == []

    def teardown(self) -> None:
        for one in [thing for thing in self.all if isinstance(thing, Import)]:
            self.detach(one)
        for process in self.processes:
            process.exit()
        self.bench.kernel.sched.run_ready()
        self.bench.kernel.memory.shrinkers.shrink(1 << 20)
        assert self.bench.baseline() == self.before
        self.bench.close()
        self.folder.cleanup()


HeapMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50)


class TestHeapMachine(HeapMachine.TestCase):
    @pytest.fixture(autouse=True)
    def counted(self, count_fuzz: CountFuzz) -> object:
        yield
        count_fuzz("dma-heap histories", steps=HeapMachine.steps)
