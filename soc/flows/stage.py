"""The stage of an act: a kernel of its own on a small board, programs, and the recorder.

When an act is over, programs end, drivers are unbound and caches of pages given back. Then
every count must be where it was before: what is not is complained of like a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heaps.ion.device import IonDevice
from heaps.ion.vexpress import VexpressIdev, VexpressIonDriver
from heaps.system.dma_heap import system_heap_create
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.errors import SocError
from soc.flows.counts import dma_buf_counts, ion_counts
from soc.flows.exynos.drivers import ExynosDrmDriver, FimcDriver
from soc.flows.flow import Act, Flow, Played
from soc.flows.steps import Recorder
from soc.kernel.generation import Generation
from soc.kernel.kernel import Kernel
from soc.kernel.process import Process

BOARD = Path(__file__).with_name("board.yaml")
DRIVERS = (VexpressIonDriver, ExynosDrmDriver, FimcDriver)
EVERYTHING = 1 << 30
"""More pages than there are."""


class Stage:
    """`kernel` has booted: an ION device, where there are dma-heaps the system heap, a card, a camera."""

    def __init__(self, generation: Generation) -> None:
        self.machine = Machine(load_board(BOARD), {})
        self.kernel = Kernel(self.machine, DRIVERS, (system_heap_create,), generation)
        self.kernel.boot()
        self.kernel.log.entries.clear()
        self.before = self.kernel.counters.snapshot()
        self.steps = Recorder(self.kernel)
        self.steps.watch(dma_buf_counts(self.kernel))
        if (idev := self.kernel.subsystem(VexpressIdev).idev) is not None:
            self.steps.watch(ion_counts(idev))

    @property
    def idev(self) -> IonDevice:
        """The ION device."""
        idev = self.kernel.subsystem(VexpressIdev).idev
        assert idev is not None  # the board has one
        return idev

    def process(self, comm: str) -> Process:
        """A program."""
        return self.kernel.process(comm)

    def end(self) -> list[str]:
        """Programs end, what is freed later is freed now; what is still there then, in words."""
        kernel = self.kernel
        for process in list(kernel.processes.values()):
            process.exit()
        kernel.sched.run_ready()
        kernel.memory.shrinkers.shrink(EVERYTHING)
        kernel.memory.owners.audit()
        now, before = kernel.counters.snapshot(), self.before
        names = sorted(now.keys() | before.keys())
        left = {name: now.get(name, 0) - before.get(name, 0) for name in names}
        return [f"left in the end: {name} {change:+d}" for name, change in left.items() if change]

    def close(self) -> None:
        """The host has its memory back."""
        self.kernel.sched.close()
        self.machine.close()


def play(act: Act) -> Played:
    """Play one act."""
    stage = Stage(act.generation)
    broke_off = ""
    try:
        try:
            act.play(stage)
        except SocError as error:
            broke_off = str(error)
        left = stage.end()
        stage.kernel.shutdown()
        complaints = [*stage.kernel.log.warnings, *stage.kernel.fd_audit.remarks, *left]
        return Played(act, tuple(stage.steps.steps), tuple(complaints), broke_off)
    finally:
        stage.close()


def play_flow(flow: Flow) -> Iterable[Played]:
    """Play all acts, one after the other."""
    return (play(act) for act in flow.acts)
