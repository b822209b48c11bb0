"""memfd: a file of anonymous memory that processes can share, and seals that say what never changes again.

Its pages are allocated as they are touched, zeroed, and may be moved until somebody
pins them. Beyond its size a mapping of it is SIGBUS.
Source: mm/memfd.c, mm/shmem.c, man 2 memfd_create, man 2 fcntl.

Not modelled: read, write and positions, fallocate and holes, huge pages (-ENOSYS, as in a kernel
without hugetlbfs), swap, modes beyond the executable bit that F_SEAL_EXEC looks at.
"""

from __future__ import annotations

import os
from errno import EBUSY, EFAULT, EINVAL, ENOMEM, ENOSYS, EOVERFLOW, EPERM
from typing import TYPE_CHECKING, cast

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT, page_align
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.file import File, FileOperations
from soc.kernel.fs.new_fd import new_fd
from soc.kernel.generation import Generation
from soc.kernel.mm.clear import clear
from soc.kernel.mm.vma import Vma, VmFlags, VmOperations
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.uapi.memfd import (
    F_SEAL_EXEC,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    MFD_ALLOW_SEALING,
    MFD_CLOEXEC,
    MFD_EXEC,
    MFD_HUGETLB,
    MFD_NOEXEC_SEAL,
)
from soc.memory.migratetype import MigrateType
from soc.memory.movable import MovablePages
from soc.memory.span import Frames, PageSpan

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel
    from soc.kernel.task import Task

MFD_ALL_FLAGS = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC
MAX_LFS_PAGES = 1 << 51
"""Pages of the largest file there can be."""
MFD_NAME_MAX = 249
F_ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC
WRITE_SEALS = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE


class MemFile:
    """The memory behind one memfd: `size` bytes, `seals`, and pages by their number."""

    def __init__(self, kernel: Kernel, name: str, flags: int) -> None:
        self.kernel = kernel
        self.name = name
        self.size = 0
        self.seals = F_SEAL_SEAL
        self.executable = not flags & MFD_NOEXEC_SEAL
        if flags & MFD_NOEXEC_SEAL:
            self.seals = F_SEAL_EXEC
        elif flags & MFD_ALLOW_SEALING:
            self.seals = 0
        self._pages: dict[int, MovablePages] = {}
        self._vmas: dict[Vma, None] = {}

    # --- pages ------------------------------------------------------------------

    def populate(self, first: int, count: int) -> Frames:
        """The frames of `count` pages from `first` on; those that are missing are allocated. -ENOMEM."""
        missing = [page for page in range(first, first + count) if page not in self._pages]
        if missing:
            self._allocate(missing)
        return self._frames(first, count)

    def pin(self, first: int, count: int) -> Frames:
        """`populate`, and the pages stay where they are until they are unpinned. -ENOMEM.

        For good (FOLL_LONGTERM): they leave CMA regions first.
        """
        memory, frames = self.kernel.memory, self.populate(first, count)
        lent = np.isin(frames, memory.pages.of_type(frames, MigrateType.CMA))
        moved: list[Frames] = []
        try:
            for index in np.flatnonzero(lent).tolist():
                moved.append(memory.migration.pin_long_term(self._pages[first + index]))
        except KernelError:
            for pinned in moved:
                memory.pages.movable.unpin(pinned)
            raise
        memory.pages.movable.pin(frames[~lent])
        return self._frames(first, count)

    def truncate(self, size: int) -> None:
        """-EPERM where a seal forbids it. What a later growth brings back is zero."""
        if size < self.size and self.seals & F_SEAL_SHRINK or size > self.size and self.seals & F_SEAL_GROW:
            raise KernelError(EPERM, f"{self} is sealed: {self.size} bytes it stays, not {size}")
        if size < self.size:
            for vma in self._vmas:
                vma.zap()
            self._free(page_align(size) >> PAGE_SHIFT)
            if (last := self._pages.get(size >> PAGE_SHIFT)) and size & PAGE_MASK:
                KernelMapping(self.kernel, last.frames, str(self)).fill(0, size & PAGE_MASK)
        self.size = size

    def release(self) -> None:
        """The file is gone: its pages are free, pinned ones once nobody pins them."""
        self._free(0)

    # --- seals ------------------------------------------------------------------

    def add_seals(self, seals: int) -> None:
        """-EINVAL for seals that do not exist; -EPERM once F_SEAL_SEAL is set; -EBUSY for F_SEAL_WRITE
        while somebody may write through a shared mapping, or has pages pinned."""
        if seals & ~F_ALL_SEALS:
            raise KernelError(EINVAL, f"{self}: seals {seals:#x}")
        if self.seals & F_SEAL_SEAL:
            raise KernelError(EPERM, f"{self} takes no more seals")
        if seals & F_SEAL_EXEC and self.executable:
            seals |= F_SEAL_SHRINK | F_SEAL_GROW | WRITE_SEALS
        if seals & F_SEAL_WRITE and not self.seals & F_SEAL_WRITE:
            writer = next((vma for vma in self._vmas if vma.shared and vma.flags & VmFlags.MAYWRITE), None)
            if writer is not None:
                raise KernelError(EBUSY, f"{self} can be written through {writer}")
            if self._pinned():
                raise KernelError(EBUSY, f"{self}: pages are pinned")
        self.seals |= seals

    # --- mappings ---------------------------------------------------------------

    def mmap(self, vma: Vma) -> None:
        """-EPERM for a shared one that is to write what is sealed against it; -EOVERFLOW beyond any file."""
        if vma.pgoff + vma.pages > MAX_LFS_PAGES:
            raise KernelError(EOVERFLOW, f"{self}: page {vma.pgoff} is beyond the end of any file")
        if self.seals & WRITE_SEALS and vma.shared:
            if vma.flags & VmFlags.WRITE:
                raise KernelError(EPERM, f"{self} is sealed against writing")
            vma.flags &= ~VmFlags.MAYWRITE
        vma.private = self
        vma.ops = VmOperations(self._fault, self._open, self._close)
        self._open(vma)

    def _open(self, vma: Vma) -> None:
        self._vmas[vma] = None

    def _close(self, vma: Vma) -> None:
        del self._vmas[vma]

    def _fault(self, vma: Vma, page: int) -> int:
        number = vma.pgoff + page
        if number >= page_align(self.size) >> PAGE_SHIFT:
            raise KernelError(EFAULT, f"page {number} of {self}, which has {self.size} bytes")
        return int(self.populate(number, 1)[0])

    # --- inside -----------------------------------------------------------------

    def _frames(self, first: int, count: int) -> Frames:
        frames = (int(self._pages[page].frames[0]) for page in range(first, first + count))
        return np.fromiter(frames, dtype=np.int64, count=count)

    def _allocate(self, missing: list[int]) -> None:
        self.kernel.faults.check(FaultSite.PAGE_ALLOC, f"{len(missing)} pages of {self}")
        pages = self.kernel.memory.pages
        frames = pages.movable_frames(len(missing))
        if frames is None:
            raise KernelError(ENOMEM, f"{self}: no {len(missing)} free pages")
        clear(self.kernel.cpu, PageSpan.of(frames, 0, len(frames) << PAGE_SHIFT))
        for index, page in enumerate(missing):
            self._pages[page] = pages.movable.add(frames[index : index + 1], str(self), self._moved)

    def _moved(self, old: Frames, new: Frames) -> None:
        """A page was put elsewhere: programs fault again."""
        for vma in self._vmas:
            vma.zap()

    def _free(self, first: int) -> None:
        for page in [page for page in self._pages if page >= first]:
            self.kernel.memory.pages.movable.free(self._pages.pop(page))

    def _pinned(self) -> bool:
        movable = self.kernel.memory.pages.movable
        return any(movable.pins(handle.frames).any() for handle in self._pages.values())

    def __str__(self) -> str:
        return f"memfd {self.name!r}"


def memfd_create(task: Task, name: str, flags: int = 0) -> int:
    """An fd of a new file of 0 bytes.

    -EINVAL for unknown flags, or a name of more than 249 bytes; -ENOSYS for huge pages, and in 2011;
    -EMFILE, -ENOMEM.
    """
    kernel = cast("Kernel", task.kernel)
    if kernel.generation < Generation.V4_9 or flags & MFD_HUGETLB:
        raise KernelError(ENOSYS, f"memfd_create: flags {flags:#x} in Linux {kernel.generation}")
    contradiction = flags & MFD_EXEC and flags & MFD_NOEXEC_SEAL
    length = len(os.fsencode(name))
    if flags & ~MFD_ALL_FLAGS or contradiction or length > MFD_NAME_MAX:
        raise KernelError(EINVAL, f"memfd_create: flags {flags:#x}, a name of {length} bytes")
    with new_fd(task, "memfd_create", bool(flags & MFD_CLOEXEC)) as new:
        for what in ("shmem inode", "file"):
            kernel.faults.kmalloc(what)
        memory = MemFile(kernel, name, flags)
        new.file = kernel.files.open(MEMFD_FOPS, memory, name, new.holder, os.O_RDWR)
    return new.fd


def mem_file(file: File) -> MemFile | None:
    """What is behind a memfd; None for another kind of file."""
    return file.private if isinstance(file.private, MemFile) else None


def _of(file: File) -> MemFile:
    return cast(MemFile, file.private)


MEMFD_FOPS = FileOperations(
    "memfd",
    lambda file: _of(file).release(),
    mmap=lambda file, vma: _of(file).mmap(vma),
    size=lambda file: _of(file).size,
    truncate=lambda file, size: _of(file).truncate(size),
    link=lambda file: f"/memfd:{file.name} (deleted)",
)
