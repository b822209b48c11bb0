"""The rehearsal board with an OP-TEE that has protected memory for the display, in front of a real SMMU."""

from __future__ import annotations

from pathlib import Path

from devices.catalogue import models
from devices.drivers import DRIVERS
from heaps.catalogue import MODULES
from heaps.protected.driver import OpteeDriver
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.dmabuf import DmaBuf, dma_buf_get, dma_buf_put, dma_bufs
from soc.kernel.device import Device
from soc.kernel.fs.file import Holder
from soc.kernel.generation import Generation
from soc.kernel.kernel import Kernel
from soc.kernel.process import Process

BOARD = Path(__file__).parents[2] / "configs/boards/rehearsal.yaml"
TEST = Holder("kernel", "the test")
VIDEO, UI, RECORD = "protected,secure-video", "protected,trusted-ui", "protected,secure-video-record"
REGIONS = """\
  secure-video@bb000000: &video_pool
    reg: [[0xbb000000, 1M]]
    no-map: true
    "dmabuf-soc,streams": [["&smmu", 0x10]]
  secure-record@bb100000: &record_pool
    reg: [[0xbb100000, 64K]]
    no-map: true
    "dmabuf-soc,streams": [["&smmu", 0x10], ["&smmu", 0x11]]

"""
OPTEE = """\
firmware:
  optee:
    compatible: linaro,optee-tz
    method: smc
    memory-region: [*video_pool, *record_pool]
    memory-region-names: [secure-video, secure-video-record]

"""


class TeeBench:
    """A booted kernel; `change` works on the text of the board."""

    def __init__(
        self,
        folder: Path,
        generation: Generation = Generation.V6_19,
        regions: str = REGIONS,
        optee: str = OPTEE,
    ) -> None:
        text = BOARD.read_text(encoding="utf-8")
        text = text.replace("soc:\n", f"{regions}{optee}soc:\n", 1)
        path = folder / "board.yaml"
        path.write_text(text, encoding="utf-8")
        self.machine = Machine(load_board(path), models())
        self.kernel = Kernel(self.machine, (*DRIVERS, OpteeDriver), MODULES, generation)
        self.kernel.boot()

    def device(self, label: str) -> Device:
        node = self.machine.tree.find(label)
        assert node is not None
        return self.kernel.device(node)

    def optee(self) -> OpteeDriver:
        driver = self.device("/firmware/optee").driver
        assert isinstance(driver, OpteeDriver)
        return driver

    def get(self, process: Process, fd: int) -> DmaBuf:
        return dma_buf_get(process, fd, TEST)

    def put(self, dmabuf: DmaBuf) -> None:
        dma_buf_put(dmabuf, TEST)

    def baseline(self) -> tuple[object, ...]:
        used = [owner.buffer for owner in self.kernel.memory.owners.live]
        return used, [str(file) for file in self.kernel.files.live()], len(dma_bufs(self.kernel))

    def close(self) -> None:
        self.kernel.sched.close()
        self.machine.close()
