"""Boards with an ION node, and the kernel on them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heaps.ion.abi import IonConfig
from heaps.ion.driver import IonPlatformDriver
from heaps.ion.vexpress import VexpressIonDriver
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.kernel.device import Driver
from soc.kernel.kernel import Kernel, Module

VEXPRESS_ION = Path(__file__).parents[2] / "configs/boards/vexpress-ion.yaml"

BOARD = """\
model: ion test
'#address-cells': 2
'#size-cells': 2
memory@80000000: {{device_type: memory, reg: [[0x80000000, 64M]]}}
reserved-memory:
  '#address-cells': 2
  '#size-cells': 2
  ranges: true
  linux,cma@81000000: &cma {{compatible: shared-dma-pool, reg: [[0x81000000, 8M]], reusable: true}}
  carveout@82000000: &carveout {{compatible: ion-region, reg: [[0x82000000, 1M]]}}
  chunk@82100000: &chunk {{compatible: ion-region, reg: [[0x82100000, 1M]]}}
  pool@82200000: &pool {{compatible: shared-dma-pool, reg: [[0x82200000, 1M]]}}
  plain@82300000: &plain {{reg: [[0x82300000, 1M]]}}
ion:
  compatible: [{compatible}]
{heaps}
"""
FIVE = """\
  system: {compatible: linux,ion-heap-system}
  system-contig: {compatible: linux,ion-heap-system-contig}
  carveout: {compatible: linux,ion-heap-carveout, memory-region: [*carveout]}
  chunk: {compatible: linux,ion-heap-chunk, memory-region: [*chunk]}
  dma: {compatible: linux,ion-heap-dma, memory-region: [*cma]}
"""


class IonBoard:
    """A kernel on a board whose ION node has `heaps`; `boot` probes, `close` at the end."""

    def __init__(
        self,
        folder: Path,
        heaps: str = FIVE,
        compatible: str = '"vexpress,ion"',
        drivers: Iterable[type[Driver]] = (VexpressIonDriver,),
        modules: Iterable[Module] = (),
    ) -> None:
        path = folder / "board.yaml"
        path.write_text(BOARD.format(compatible=compatible, heaps=heaps), encoding="utf-8")
        self.machine = Machine(load_board(path), {})
        self.kernel = Kernel(self.machine, drivers, modules)

    @property
    def config(self) -> IonConfig:
        return self.kernel.subsystem(IonConfig)

    @property
    def driver(self) -> IonPlatformDriver:
        """The driver that bound to the ION node."""
        node = self.machine.tree.find("/ion")
        assert node is not None
        driver = self.kernel.device(node).driver
        assert isinstance(driver, IonPlatformDriver)
        return driver

    def boot(self) -> str | None:
        """Boot; why the probe of the ION node failed, if it did."""
        self.kernel.boot()
        return self.kernel.probe_errors.get("/ion")

    def log(self) -> list[str]:
        return [entry.text for entry in self.kernel.log.entries]

    def close(self) -> None:
        self.kernel.sched.close()
        self.machine.close()
