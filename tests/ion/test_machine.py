"""Many programs, fds, imports, frees and shares in any order, against the tables of `ion_model`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from errno import EINVAL
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from soc.kernel.errors import KernelError
from tests.ion.bench import CACHED, NEEDS_SYNC, PAGE, IonApp, IonBench
from tests.ion.ion_model import Model, Program

NAMES = st.sampled_from(["camera", "codec", "display"])
HEAPS = {0: "system", 1: "contig", 2: "carveout", 3: "chunk", 4: "dma"}


def chosen_heap(mask: int, flags: int) -> int | None:
    """The highest id that can: the DMA heap has nothing cached, and there is always room here."""
    fitting = [number for number in HEAPS if mask >> number & 1 and not (number == 4 and flags & CACHED)]
    return max(fitting, default=None)


class IonMachine(RuleBasedStateMachine):
    hardened = False

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = IonBench(Path(self.folder.name), user_ref_count=self.hardened)
        self.bench.app.process.exit()
        self.before = self.bench.baseline()
        self.model = Model()
        self.apps: dict[str, IonApp] = {}
        self.buffers = 1
        self.steps = 0

    def teardown(self) -> None:
        for app in self.apps.values():
            app.process.exit()
        assert self.bench.baseline() == self.before
        assert self.bench.device.clients == []
        warnings = [text for text in self.bench.kernel.log.warnings if "more than freed" not in text]
        self.bench.close()
        self.folder.cleanup()
        assert warnings == []

    # --- helpers ----------------------------------------------------------------------

    def both(self, name: str) -> tuple[IonApp, Program] | None:
        """The program and its table, if it runs and has /dev/ion open."""
        program = self.model.programs.get(name)
        if program is None or program.ion is None:
            return None
        return self.apps[name], program

    def refused(self, call: Callable[[], object]) -> None:
        with pytest.raises(KernelError) as error:
            call()
        assert error.value.errno == EINVAL

    # --- rules --------------------------------------------------------------------------

    @rule(name=NAMES)
    def run_program(self, name: str) -> None:
        if name not in self.apps:
            self.apps[name] = self.bench.open(name)
            self.model.programs[name] = Program(ion=0)

    @rule(
        name=NAMES,
        mask=st.integers(0, 63),
        flags=st.sampled_from([0, CACHED, NEEDS_SYNC]),
        pages=st.integers(1, 3),
    )
    def alloc(self, name: str, mask: int, flags: int, pages: int) -> None:
        if (both := self.both(name)) is None or len(self.model.buffers) > 12:
            return
        app, program = both
        heap = chosen_heap(mask, flags)
        if heap is None:
            with pytest.raises(KernelError):
                app.alloc(mask, pages * PAGE, 0, flags)
            return
        number = app.alloc(mask, pages * PAGE, 0, flags)
        buffer = app.buffer(number)
        assert buffer.heap_id == heap
        assert number == self.model.alloc(program, buffer.number, pages * PAGE, heap)

    @rule(name=NAMES, number=st.integers(0, 6))
    def free(self, name: str, number: int) -> None:
        if both := self.both(name):
            app, program = both
            if self.model.free(program, number):
                app.free(number)
            else:
                self.refused(lambda: app.free(number))

    @rule(name=NAMES, number=st.integers(0, 6))
    def share(self, name: str, number: int) -> None:
        if (both := self.both(name)) and len(both[1].fds) < 8:
            app, program = both
            fd = self.model.share(program, number)
            if fd is None:
                self.refused(lambda: app.share(number))
            else:
                assert app.share(number) == fd

    @rule(name=NAMES, which=st.integers(0, 7))
    def import_fd(self, name: str, which: int) -> None:
        if (both := self.both(name)) and both[1].fds:
            app, program = both
            fd = sorted(program.fds)[which % len(program.fds)]
            assert app.import_fd(fd) == self.model.import_fd(program, fd)
            app.sync(fd)

    @rule(sender=NAMES, receiver=NAMES, which=st.integers(0, 7))
    def send(self, sender: str, receiver: str, which: int) -> None:
        source, sink = self.model.programs.get(sender), self.model.programs.get(receiver)
        if source and sink and source.fds and len(sink.fds) < 8:
            fd = sorted(source.fds)[which % len(source.fds)]
            there = self.apps[receiver].receive(self.apps[sender], fd)
            assert there == self.model.send(source, fd, sink)

    @rule(name=NAMES, which=st.integers(0, 7))
    def map_fd(self, name: str, which: int) -> None:
        program = self.model.programs.get(name)
        if program and program.fds and len(program.maps) < 4:
            fd = sorted(program.fds)[which % len(program.fds)]
            address = self.apps[name].process.mmap(fd, PAGE)
            self.apps[name].process.store(address, b"touched")
            program.maps[address] = program.fds[fd]

    @rule(name=NAMES, which=st.integers(0, 3))
    def unmap(self, name: str, which: int) -> None:
        program = self.model.programs.get(name)
        if program and program.maps:
            address = sorted(program.maps)[which % len(program.maps)]
            del program.maps[address]
            self.model.sweep()
            self.apps[name].process.munmap(address, PAGE)

    @rule(name=NAMES, which=st.integers(0, 7))
    def close(self, name: str, which: int) -> None:
        program = self.model.programs.get(name)
        if program and program.fds:
            fd = sorted(program.fds)[which % len(program.fds)]
            self.model.close(program, fd)
            self.apps[name].process.close(fd)

    @rule(name=NAMES)
    def close_ion(self, name: str) -> None:
        if both := self.both(name):
            app, program = both
            app.process.close(program.ion)
            self.model.close_ion(program)

    @rule(name=NAMES)
    def open_ion_again(self, name: str) -> None:
        program = self.model.programs.get(name)
        if program and program.ion is None:
            fd = program.lowest_fd()
            self.apps[name].fd = self.apps[name].process.open("/dev/ion")
            assert self.apps[name].fd == fd
            program.ion = fd

    @rule(name=NAMES)
    def exit(self, name: str) -> None:
        if name in self.apps:
            self.apps.pop(name).process.exit()
            self.model.exit(name)

    @precondition(lambda self: self.apps)
    @rule(pages=st.integers(0, 40))
    def everybody_waits_or_memory_is_short(self, pages: int) -> None:
        if pages:
            self.bench.kernel.memory.shrinkers.shrink(pages)
        else:
            self.bench.settle()

    # --- what must be true ----------------------------------------------------------------

    @invariant()
    def buffers_are_those_somebody_has(self) -> None:
        if not hasattr(self, "model"):
            return
        live = {buffer.number: buffer for buffer in self.bench.device.buffers}
        assert live.keys() == self.model.buffers.keys()
        for number, buffer in live.items():
            assert (buffer.kref, buffer.handle_count) == (
                self.model.kref(number),
                self.model.handle_count(number),
            )

    @invariant()
    def handles_are_those_of_the_tables(self) -> None:
        if not hasattr(self, "model"):
            return
        for name, program in self.model.programs.items():
            if program.ion is None:
                continue
            handles = self.apps[name].client.handles.values()
            counts = {h.id: [h.buffer.number, h.user_ref_count] for h in handles}
            assert counts == program.handles
            krefs = {h.id: 1 if self.hardened else h.user_ref_count for h in handles}
            assert {h.id: h.kref for h in handles} == krefs

    @invariant()
    def debugfs_adds_up(self) -> None:
        if not hasattr(self, "model"):
            return
        for number, heap in HEAPS.items():
            mine = {key: buffer for key, buffer in self.model.buffers.items() if buffer.heap == number}
            orphaned = sum(buffer.size for key, buffer in mine.items() if not self.model.handle_count(key))
            total = sum(buffer.size for buffer in mine.values())
            text = self.bench.view(f"heaps/{heap}")
            assert f"  total orphaned {orphaned:16d}\n          total  {total:16d}\n" in text


class HardenedIonMachine(IonMachine):
    hardened = True


@pytest.mark.parametrize("machine", [IonMachine, HardenedIonMachine], ids=["4.9", "user_ref_count"])
def test_ion_keeps_to_the_tables(machine: type[IonMachine]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=40, stateful_step_count=60, deadline=None)
    )
