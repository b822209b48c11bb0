"""The rehearsal board under the kernel model, for the tests of its drivers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from devices.catalogue import models
from devices.drivers import DRIVERS
from heaps.carveout import CarveoutHeap
from soc.board import Machine
from soc.bus import Target
from soc.devicetree.tree import load_board
from soc.dmabuf import dma_buf_fd
from soc.dmabuf.ledger import BufferEntry, references
from soc.kernel.device import Driver
from soc.kernel.kernel import Kernel
from soc.registers import RegisterTable

BOARD = Path(__file__).parents[2] / "configs" / "boards" / "rehearsal.yaml"
PERIOD = 16_666_667
MILLISECOND = 1_000_000

D = TypeVar("D", bound=Driver)


class Recorder:
    """A register block that writes down, by register name, what software writes."""

    def __init__(self, target: Target, table: RegisterTable) -> None:
        self._target = target
        self._names = {register.offset: register.name for register in table.registers}
        self.writes: list[tuple[str, int]] = []

    def read(self, offset: int, size: int) -> int:
        return self._target.read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        assert size == 4
        self.writes.append((self._names[offset], value))
        self._target.write(offset, size, value)


class KernelBench:
    """A booted kernel, an application and a carveout heap."""

    def __init__(self) -> None:
        self.machine = Machine(load_board(BOARD), models())
        self.kernel = Kernel(self.machine, DRIVERS)
        self.kernel.boot()
        region = next(r for r in self.machine.tree.reserved if r.label == "fb_pool")
        self.heap = CarveoutHeap(self.kernel, "fb_pool", region.base, region.size)
        self.task = self.kernel.process("app")

    def driver(self, label: str, kind: type[D]) -> D:
        node = self.machine.tree.find(label)
        assert node is not None
        driver = self.kernel.device(node).driver
        assert isinstance(driver, kind)
        return driver

    def buffer(self, size: int) -> int:
        """The fd of a new buffer."""
        return dma_buf_fd(self.task, self.heap.allocate(size))

    def ledger(self) -> list[BufferEntry]:
        return references(self.kernel)

    def record(self, label: str, table: RegisterTable) -> Recorder:
        """From here on, what software writes to the block of node `label`."""
        node = self.machine.tree.find(label)
        assert node is not None
        windows = self.machine.bus.windows
        index = next(i for i, window in enumerate(windows) if window.name == node.name)
        recorder = Recorder(windows[index].target, table)
        windows[index] = dataclasses.replace(windows[index], target=cast(Target, recorder))
        return recorder

    def run(self, duration: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Virtual time goes on by `duration` ns, interrupts are served."""
        self.machine.run(self.machine.clock.now + duration, stop)

    def close(self) -> None:
        self.machine.close()
