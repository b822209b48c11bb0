"""Just enough kernel, device and exporter to call the framework."""

from __future__ import annotations

from soc.clock import Clock
from soc.dmabuf import dma_buf_export
from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment, DmaBufOps
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection, SgTable

SIZE = 0x4000


class SmallKernel(KernelCore):
    """The parts of a kernel the framework uses: no machine."""

    def __init__(self, generation: Generation = DEFAULT_GENERATION) -> None:
        super().__init__(Clock(), generation)

    def task(self, pid: int = 1, comm: str = "app", limit: int = 1024) -> Process:
        return Process(self, pid, comm, limit)


class SmallDevice:
    """A device as the framework sees it."""

    def __init__(self, kernel: SmallKernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.dma_mask = 64
        self.bus_dma_limit = None

    @property
    def importer(self) -> Holder:
        return Holder("importer", self.name)


class Exporter:
    """Writes down every operation; `fail` names one that refuses with its errno."""

    def __init__(
        self, kernel: SmallKernel, fail: tuple[str, int] | None = None, null_map: bool = False
    ) -> None:
        self.kernel = kernel
        self.fail = fail
        self.null_map = null_map
        self.calls: list[str] = []

    def export(self, size: int = SIZE) -> DmaBuf:
        return dma_buf_export(self.kernel, self, self.ops(), size, 2, "test")

    def ops(self) -> DmaBufOps:
        return DmaBufOps(self.map, self.unmap, self.release, self.attach, self.detach)

    def attach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        self._call("attach", attachment.device.name)

    def detach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        self._call("detach", attachment.device.name)

    def map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable | None:
        self._call("map", attachment.device.name)
        if self.null_map:
            return None
        sgt = SgTable.of([(0x8000_0000, SIZE)])
        sgt.dma_address, sgt.dma_length = sgt.starts - 0x7000_0000, sgt.lengths
        return sgt

    def unmap(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        self._call("unmap", attachment.device.name)

    def release(self, dmabuf: DmaBuf) -> None:
        self._call("release", str(dmabuf))

    def _call(self, op: str, who: str) -> None:
        self.calls.append(f"{op} {who}")
        if self.fail and self.fail[0] == op:
            raise KernelError(self.fail[1], f"{op} refused for {who}")
