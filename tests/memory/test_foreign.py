"""Pages of a bank that are another file's for a while: who goes by address meets them, and nobody else's."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, UC_PROT_ALL, Uc
from unicorn.arm64_const import UC_ARM64_REG_X0

from soc.address import PAGE_SIZE, PhysAddr
from soc.memory.dram import Bank, Dram
from soc.memory.host_mmap import SideBySide
from soc.memory.span import PageSpan
from soc.memory.window_cache import USES_BEFORE_WINDOW

BASE = PhysAddr(0x8000_0000)
PAGES = 16


def at(page: int) -> PhysAddr:
    return PhysAddr(BASE + page * PAGE_SIZE)


@pytest.fixture
def dram() -> Iterator[Dram]:
    dram = Dram([Bank(BASE, PAGES * PAGE_SIZE)])
    dram.banks[0].pages[:] = np.arange(PAGES, dtype=np.uint8)[:, None]
    yield dram
    dram.banks[0].close()


@pytest.fixture
def other() -> Iterator[tuple[int, mmap.mmap]]:
    """A memfd of four pages 100, 101, 102, 103, and the mapping of its owner."""
    fd = os.memfd_create("other")
    os.ftruncate(fd, 4 * PAGE_SIZE)
    memory = mmap.mmap(fd, 4 * PAGE_SIZE)
    memory[:] = b"".join(bytes([100 + page]) * PAGE_SIZE for page in range(4))
    yield fd, memory
    os.close(fd)


def host_fds() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def seen(dram: Dram) -> list[int]:
    """The first byte of every page, at its address."""
    return dram.banks[0].pages[:, 0].tolist()


def test_the_foreign_pages_are_there_in_both_directions_and_only_there(
    dram: Dram, other: tuple[int, mmap.mmap]
) -> None:
    fd, memory = other
    dram.lay_foreign(at(5), 2 * PAGE_SIZE, fd, PAGE_SIZE)
    assert seen(dram) == [0, 1, 2, 3, 4, 101, 102, *range(7, 16)]
    dram.view(at(5), 1)[:] = 7
    assert memory[PAGE_SIZE] == 7
    memory[2 * PAGE_SIZE] = 8
    assert seen(dram)[6] == 8
    dram.lift_foreign(at(5), 2 * PAGE_SIZE)
    assert seen(dram) == list(range(16))
    assert memory[PAGE_SIZE] == 7


def test_the_file_may_be_closed_while_its_pages_are_there(dram: Dram) -> None:
    fd = os.memfd_create("other")
    os.ftruncate(fd, PAGE_SIZE)
    dram.lay_foreign(at(1), PAGE_SIZE, fd, 0)
    os.close(fd)
    assert seen(dram)[1] == 0
    [run] = dram.banks[0].foreign.backing(PAGE_SIZE, PAGE_SIZE)
    assert os.fstat(run[0]).st_size == PAGE_SIZE


def test_the_backing_names_the_files_that_hold_the_bytes(dram: Dram, other: tuple[int, mmap.mmap]) -> None:
    fd, _ = other
    bank = dram.banks[0]
    dram.lay_foreign(at(5), 2 * PAGE_SIZE, fd, PAGE_SIZE)
    dram.lay_foreign(at(8), PAGE_SIZE, fd, 0)
    runs = bank.foreign.backing(4 * PAGE_SIZE, 6 * PAGE_SIZE)
    assert [(run[0] == bank.fd, run[1] >> 12, run[2] >> 12) for run in runs] == [
        (True, 4, 1),
        (False, 1, 2),
        (True, 7, 1),
        (False, 0, 1),
        (True, 9, 1),
    ]
    assert SideBySide(runs).view()[::PAGE_SIZE].tolist() == [4, 101, 102, 7, 100, 9]
    assert bank.foreign.backing(0, PAGE_SIZE) == [(bank.fd, 0, PAGE_SIZE)]


def test_a_scattered_span_has_a_window_before_and_after_but_none_meanwhile(
    dram: Dram, other: tuple[int, mmap.mmap]
) -> None:
    span = PageSpan.of(np.array([6, 5]) + dram.banks[0].first_frame, 0, 2 * PAGE_SIZE)

    def read_often() -> bool:
        for _ in range(USES_BEFORE_WINDOW):
            dram.read(span)
        return dram._windows.has(span)

    assert read_often()
    dram.lay_foreign(at(5), PAGE_SIZE, other[0], 0)
    assert not read_often()
    dram.lift_foreign(at(5), PAGE_SIZE)
    assert read_often()


def test_what_cannot_be_laid_changes_nothing(dram: Dram, other: tuple[int, mmap.mmap]) -> None:
    fd, _ = other
    dram.lay_foreign(at(5), PAGE_SIZE, fd, 0)
    with pytest.raises(ValueError, match="foreign already"):
        dram.lay_foreign(at(4), 2 * PAGE_SIZE, fd, 0)
    with pytest.raises(KeyError):
        dram.lay_foreign(at(PAGES - 1), 2 * PAGE_SIZE, fd, 0)
    read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    before = host_fds()
    with pytest.raises(PermissionError):
        dram.lay_foreign(at(8), PAGE_SIZE, read_only, 0)
    assert host_fds() == before
    os.close(read_only)
    for page in (6, PAGES):
        with pytest.raises(KeyError):
            dram.lift_foreign(at(page), PAGE_SIZE)
    assert seen(dram) == [0, 1, 2, 3, 4, 100, *range(6, 16)]


def test_instructions_on_the_engine_load_and_store_the_foreign_pages(
    dram: Dram, other: tuple[int, mmap.mmap]
) -> None:
    fd, memory = other
    bank = dram.banks[0]
    engine = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    engine.mem_map_ptr(bank.base, bank.size, UC_PROT_ALL, bank.host_pointer)
    code = [0x39400001, 0x11000421, 0x39000401]  # ldrb w1, [x0]; add w1, w1, #1; strb w1, [x0, #1]
    bank.bytes[:12].view("<u4")[:] = code

    def run() -> None:
        engine.reg_write(UC_ARM64_REG_X0, at(5))
        engine.emu_start(bank.base, bank.base + 12)

    run()
    assert bank.pages[5, 1] == 6
    dram.lay_foreign(at(5), PAGE_SIZE, fd, 0)
    run()
    assert memory[1] == 101
    dram.lift_foreign(at(5), PAGE_SIZE)
    memory[0] = 50
    run()
    assert (bank.pages[5, 1], memory[1]) == (6, 101)


def test_a_bank_cannot_be_cut_or_sealed_by_who_is_given_its_file(dram: Dram) -> None:
    fd = dram.banks[0].fd
    with pytest.raises(PermissionError):
        os.ftruncate(fd, PAGE_SIZE)
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 32 * PAGE_SIZE)
    with pytest.raises(PermissionError):
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK


class ForeignMachine(RuleBasedStateMachine):
    """Foreign pages come and go while spans are read and written: always the bytes of whoever is there."""

    def __init__(self) -> None:
        super().__init__()
        self.dram = Dram([Bank(BASE, PAGES * PAGE_SIZE)])
        self.own = [0] * PAGES
        self.fd = os.memfd_create("other")
        os.ftruncate(self.fd, PAGES * PAGE_SIZE)
        self.theirs = [0] * PAGES
        self.laid: dict[int, tuple[int, int]] = {}
        self.step = 0

    def place(self, page: int) -> tuple[list[int], int]:
        """Where the byte of `page` is: in which list, at which index."""
        for start, (count, offset) in self.laid.items():
            if start <= page < start + count:
                return self.theirs, offset + page - start
        return self.own, page

    @rule(start=st.integers(0, PAGES - 1), count=st.integers(1, 4), offset=st.integers(0, PAGES - 4))
    def lay(self, start: int, count: int, offset: int) -> None:
        pages = range(start, start + count)
        if start + count > PAGES or any(self.place(page)[0] is self.theirs for page in pages):
            return
        if any(offset < o + c and o < offset + count for c, o in self.laid.values()):
            return  # one page at two addresses: what a write does to the other is not the point here
        self.dram.lay_foreign(at(start), count * PAGE_SIZE, self.fd, offset * PAGE_SIZE)
        self.laid[start] = count, offset

    @rule(choice=st.integers(0, PAGES))
    def lift(self, choice: int) -> None:
        if self.laid:
            start = sorted(self.laid)[choice % len(self.laid)]
            count, _ = self.laid.pop(start)
            self.dram.lift_foreign(at(start), count * PAGE_SIZE)

    @rule(pages=st.sampled_from([(3, 1), (1, 3, 2), (9, 4, 5), (0, 15)]), times=st.integers(1, 4))
    def write(self, pages: tuple[int, ...], times: int) -> None:
        span = PageSpan.of(np.array(pages) + self.dram.banks[0].first_frame, 0, len(pages) * PAGE_SIZE)
        for _ in range(times):
            self.step = (self.step + 1) % 256
            self.dram.write(span, np.full(span.size, self.step, dtype=np.uint8))
        for page in pages:
            where, index = self.place(page)
            where[index] = self.step

    @rule(pages=st.sampled_from([(3, 1), (1, 3, 2), (9, 4, 5), (0, 15)]))
    def read(self, pages: tuple[int, ...]) -> None:
        span = PageSpan.of(np.array(pages) + self.dram.banks[0].first_frame, 0, len(pages) * PAGE_SIZE)
        expected = [self.place(page)[0][self.place(page)[1]] for page in pages]
        assert self.dram.read(span)[::PAGE_SIZE].tolist() == expected

    @invariant()
    def the_files_hold_what_they_should(self) -> None:
        assert seen(self.dram) == [self.place(page)[0][self.place(page)[1]] for page in range(PAGES)]
        theirs = [os.pread(self.fd, 1, page * PAGE_SIZE)[0] for page in range(PAGES)]
        assert theirs == self.theirs

    def teardown(self) -> None:
        self.dram.banks[0].close()
        os.close(self.fd)


ForeignMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestForeign = ForeignMachine.TestCase
