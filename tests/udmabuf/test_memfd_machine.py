"""Any history of a memfd, its mappings and the udmabufs of it: one set of bytes, one count of pages."""

from __future__ import annotations

import tempfile
from errno import EBUSY
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from soc.kernel.errors import KernelError
from soc.kernel.mm.user import UserFault
from soc.kernel.uapi.memfd import F_ADD_SEALS, F_GET_SEALS, F_SEAL_SHRINK, F_SEAL_WRITE, MFD_ALLOW_SEALING
from tests.conftest import CountFuzz
from tests.dma_heap.bench import PAGE, HeapBench
from tests.udmabuf.sealed import create

PAGES = 6
ANYWHERE = st.integers(0, PAGES * PAGE - 8)


class MemfdMachine(RuleBasedStateMachine):
    """`content` is what the file has; a udmabuf is (fd, address of its mapping, first page, pages)."""

    steps = 0

    @initialize()
    def boot(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = HeapBench(Path(self.folder.name))
        self.before = self.bench.baseline()
        self.app = self.bench.kernel.process("app")
        self.fd = self.app.memfd_create("x", MFD_ALLOW_SEALING)
        self.content = bytearray()
        self.sealed = False
        self.buffers: list[tuple[int, int, int, int]] = []
        self.shared = self.app.mmap(self.fd, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
        self.private = self.app.mmap(self.fd, PAGES * PAGE, PROT_READ, MAP_PRIVATE)

    @rule(size=st.one_of(st.integers(0, PAGES).map(lambda n: n * PAGE), st.integers(0, PAGES * PAGE)))
    def truncate(self, size: int) -> None:
        type(self).steps += 1
        try:
            self.app.ftruncate(self.fd, size)
        except KernelError:
            assert self.sealed and size < len(self.content)
        else:
            assert not (self.sealed and size < len(self.content))
            self.content = (self.content + bytes(PAGES * PAGE))[:size]

    @rule(at=ANYWHERE, data=st.binary(min_size=1, max_size=8))
    def store(self, at: int, data: bytes) -> None:
        """Up to the end of the last page there is memory; beyond the size it is not the file's."""
        type(self).steps += 1
        end = -(-len(self.content) // PAGE) * PAGE
        if at + len(data) <= len(self.content):
            self.app.store(self.shared + at, data)
            self.content[at : at + len(data)] = data
        elif at >= end:
            with pytest.raises(UserFault):
                self.app.store(self.shared + at, data)

    @rule(at=ANYWHERE)
    def load(self, at: int) -> None:
        size = max(0, min(8, len(self.content) - at))
        for view in (self.shared, self.private):
            assert self.app.load(view + at, size) == self.content[at : at + size]

    @rule()
    def seal(self) -> None:
        self.app.fcntl(self.fd, F_ADD_SEALS, F_SEAL_SHRINK)
        self.sealed = True
        assert self.app.fcntl(self.fd, F_GET_SEALS) & F_SEAL_SHRINK

    @rule(first=st.integers(0, PAGES - 1), count=st.integers(1, PAGES))
    def create(self, first: int, count: int) -> None:
        type(self).steps += 1
        fits = self.sealed and (first + count) * PAGE <= len(self.content)
        try:
            fd = create(self.app, self.fd, first * PAGE, count * PAGE)
        except KernelError:
            assert not fits
        else:
            assert fits
            self.buffers.append((fd, self.app.mmap(fd, count * PAGE), first, count))

    @precondition(lambda self: self.buffers)
    @rule(which=st.integers(0, 9), at=ANYWHERE, data=st.binary(min_size=1, max_size=8))
    def store_through_a_buffer(self, which: int, at: int, data: bytes) -> None:
        _, address, first, count = self.buffers[which % len(self.buffers)]
        at %= count * PAGE - len(data)
        self.app.store(address + at, data)
        self.content[first * PAGE + at : first * PAGE + at + len(data)] = data

    @precondition(lambda self: self.buffers)
    @rule(which=st.integers(0, 9))
    def close_a_buffer(self, which: int) -> None:
        fd, address, first, count = self.buffers.pop(which % len(self.buffers))
        assert self.app.load(address, count * PAGE) == self.content[first * PAGE : (first + count) * PAGE]
        self.app.munmap(address, count * PAGE)
        self.app.close(fd)

    @rule()
    def emptying_cma_moves_what_is_not_pinned(self) -> None:
        for area in self.bench.kernel.memory.cma.areas:
            area.release(area.alloc(area.count), area.count)

    @rule()
    def nobody_may_seal_it_against_writing_while_it_is_mapped(self) -> None:
        with pytest.raises(KernelError) as error:
            self.app.fcntl(self.fd, F_ADD_SEALS, F_SEAL_WRITE)
        assert error.value.errno == EBUSY

    @invariant()
    def the_size_is_known(self) -> None:
        assert self.app.fstat(self.fd).st_size == len(self.content)
        assert self.bench.problems() == []

    def teardown(self) -> None:
        self.app.close(self.fd)
        self.app.exit()
        assert self.bench.baseline() == self.before
        self.bench.close()
        self.folder.cleanup()


MemfdMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40)


class TestMemfdMachine(MemfdMachine.TestCase):
    @pytest.fixture(autouse=True)
    def counted(self, count_fuzz: CountFuzz) -> object:
        yield
        count_fuzz("memfd histories", steps=MemfdMachine.steps)
