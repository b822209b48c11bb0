"""A booted board with a bridge, scattered buffers, and host processes of the test's own that use it."""

from __future__ import annotations

import gc
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

import numpy as np

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.bridge.region import Region
from soc.bridge.server import BufferServer
from soc.bridge.udmabuf import HostUdmabuf
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.kernel import Kernel
from soc.kernel.mm.genalloc import GenPool
from soc.kernel.mm.vma import Vma
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.cache.views import DramView
from soc.memory.span import Bytes, Frames, PageSpan
from tests.kernel.rehearsal import Rehearsal

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a process that says nothing is a failure."""
PREAMBLE = """
import os, sys
from soc.bridge.client import connect, new_memory
from soc.bridge.protocol import BridgeError
def say(*words): print(*words, flush=True)
def hear(): return sys.stdin.readline().strip()
board = connect(sys.argv[1])
"""


class HostProcess:
    """Another process of the host that runs `code`: `say` and `hear` there are `line` and `tell` here."""

    def __init__(self, board: Board, code: str) -> None:
        self._board = board
        self._lines = b""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._popen = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + code, str(board.server.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.pid = self._popen.pid

    def line(self) -> str:
        """The next line it says; the bridge is served meanwhile."""
        assert self._popen.stdout is not None
        while b"\n" not in self._lines:
            for ready in self._board.wait_for(self._popen.stdout.fileno()):
                piece = os.read(ready, 4096)
                assert piece, f"the process ended with {self._popen.wait(PATIENCE)}"
                self._lines += piece
        line, _, self._lines = self._lines.partition(b"\n")
        return line.decode()

    def tell(self, text: str = "go on") -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{text}\n".encode())
        self._popen.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and serve the bridge until it has noticed."""
        self._popen.send_signal(SIGKILL)
        self._popen.wait(PATIENCE)
        self._board.serve_until(lambda: self.pid not in self._board.server.clients)

    def end(self) -> None:
        """It must end by itself, without an error."""
        self._board.serve_until(lambda: self.pid not in self._board.server.clients)
        assert self._popen.wait(PATIENCE) == 0

    def rest(self, text: str) -> str:
        """What it says after `text` until it ends, the bridge not being served."""
        return self._popen.communicate(f"{text}\n".encode(), PATIENCE)[0].decode()

    def clean_up(self) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.communicate()


class Board:
    """The rehearsal board. `server` has the carveout for frames as its region, unless told otherwise."""

    def __init__(
        self,
        folder: Path,
        region: Callable[[Kernel], Region] | None = None,
        udmabuf: HostUdmabuf | None = None,
        pages_only: bool = False,
        change: Callable[[str], str] | None = None,
    ) -> None:
        self.rehearsal = Rehearsal(folder if change else None, change or str)
        self.machine = self.rehearsal.machine
        self.kernel = self.rehearsal.kernel
        self.dram = self.machine.dram
        self.pool = GenPool(PhysAddr(0xB000_0000), 4 << 20)
        self.server = BufferServer(
            self.kernel,
            folder / "bridge",
            region(self.kernel) if region else self.pool,
            udmabuf=udmabuf,
            pages_only=pages_only,
        )
        self._processes: list[HostProcess] = []
        self.at_close: list[Callable[[], None]] = []

    def process(self, code: str) -> HostProcess:
        self._processes.append(HostProcess(self, code))
        return self._processes[-1]

    def serve_until(self, done: Callable[[], bool]) -> None:
        while not done():
            assert self.server.serve(PATIENCE), "nothing came"

    def wait_for(self, fd: int) -> list[int]:
        """[fd] when it is readable; serves the bridge once when that is."""
        ready, _, _ = select.select([fd, self.server], [], [], PATIENCE)
        assert ready, "nothing came"
        if self.server in ready:
            self.server.service()
        return [fd] if fd in ready else []

    def close(self) -> None:
        for process in self._processes:
            process.clean_up()
        for clean_up in self.at_close:
            clean_up()
        self.server.close()
        self.machine.close()

    # --- buffers ------------------------------------------------------------------

    def scattered(self, pages: int = 8) -> Paged:
        """A buffer of single pages in falling order, none next to another."""
        frames = self.kernel.memory.pages.alloc_pages(2 * pages)
        assert frames is not None
        return Paged(self.kernel, np.ascontiguousarray(np.sort(frames)[::2][::-1]))

    def bytes_of(self, frames: Frames) -> Bytes:
        """What DRAM has, past every cache and every window."""
        return np.concatenate([self.dram.view(PhysAddr(f << PAGE_SHIFT), PAGE_SIZE) for f in frames.tolist()])

    def engine(self) -> DramView:
        """Memory as a device that does not see the CPU's cache."""
        assert self.kernel.cache is not None
        return DramView(self.kernel.cache, "engine")

    def errors(self) -> list[str]:
        """What the kernel logged as errors or warnings, without time stamps."""
        return [entry.text for entry in self.kernel.log.entries if entry.level != "info"]


class Paged:
    """An exporter of `frames` that programs may map."""

    def __init__(self, kernel: Kernel, frames: Frames, flags: int = os.O_RDWR, lazy: bool = False) -> None:
        self.kernel = kernel
        self.frames = frames
        self.lazy = lazy
        self.released = False
        self.span = PageSpan.of(frames, 0, len(frames) << PAGE_SHIFT)
        ops = DmaBufOps(self._map, self._unmap, self._release, mmap=self._mmap, vmap=self._vmap)
        self.dmabuf: DmaBuf = dma_buf_export(kernel, self, ops, self.span.size, flags, "paged")

    def holders(self) -> str:
        return self.dmabuf.file.held_by()

    def _map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        sgt = SgTable.of_pages(self.frames)
        dma_map_sgtable(attachment.device, sgt, direction)
        return sgt

    def _unmap(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        dma_unmap_sgtable(attachment.device, sgt, direction)

    def _mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        if self.lazy:
            vma.ops = type(vma.ops)(fault=lambda vma, page: int(self.frames[vma.pgoff + page]))
        else:
            vma.remap(vma.start, self.frames[vma.pgoff : vma.pgoff + vma.pages])

    def _vmap(self, dmabuf: DmaBuf) -> KernelMapping:
        return KernelMapping(self.kernel, self.frames, str(dmabuf))

    def _release(self, dmabuf: DmaBuf) -> None:
        self.released = True


def host_fds() -> int:
    """File descriptors this process has open, without those of machines that are garbage."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
