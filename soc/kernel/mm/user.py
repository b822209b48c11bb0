"""The address space of a program: mappings of files and anonymous memory, read and written as it does.

A read or write that goes wrong is the signal the program would get. Mapped
pages are DRAM and are reached with the CPU, through its cache or past it as the
mapping says, and booked as its traffic; anonymous memory is the model's own.
Source: mm/mmap.c, mm/memory.c, arch/arm64/mm/fault.c.

Not modelled: MAP_FIXED and address hints, mprotect, mremap, limits, swapping,
anonymous memory in DRAM, execution.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EINVAL, ENODEV, ENOMEM
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from os import O_ACCMODE, O_RDONLY, O_WRONLY
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, page_align
from soc.errors import SocError
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, Holder
from soc.kernel.mm.foreign_page import check_inside
from soc.kernel.mm.vma import ABSENT, Vma, VmFlags
from soc.kernel.mm.vma_map import VmaMap
from soc.kernel.mm.vmap import KernelMapping

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

TASK_SIZE = 1 << 47
FIRST_MAPPING = 0x7F00_0000_0000
SCRATCH_AREA = 0x7E00_0000_0000
UNSIGNED_LONG = (1 << 64) - 1
RLIMIT_AS = 64 << 30
RLIMIT_DATA = 1 << 30
"""Bytes that a program may map: of everything, and of anonymous memory, which is the host's."""
MAP_TYPES = (MAP_SHARED, MAP_PRIVATE)
SCRATCH = VmFlags.READ | VmFlags.WRITE | VmFlags.MAYWRITE


class UserFault(SocError):
    """The program touched what it may not: `signal` is SIGSEGV or SIGBUS, `address` where."""

    def __init__(self, signal: str, address: int, why: str) -> None:
        self.signal = signal
        self.address = address
        self.why = why
        super().__init__(f"{signal} at {address:#x}: {why}")


class AddressSpace:
    """The mappings of `owner` (`app (pid 1)`), by address."""

    def __init__(self, kernel: KernelCore, owner: str) -> None:
        self.kernel = kernel
        self.owner = owner
        self._vmas = VmaMap()
        self._scratch: dict[int, Vma] = {}

    @property
    def vmas(self) -> list[Vma]:
        """All mappings, lowest first."""
        return list(self._vmas)

    def find(self, address: int) -> Vma | None:
        """The mapping that `address` lies in."""
        return self._vmas.find(address)

    # --- making and ending mappings -----------------------------------------

    def mmap(self, length: int, prot: int, flags: int, file: File | None = None, offset: int = 0) -> int:
        """Map `length` bytes of `file` from `offset`, or of anonymous memory; the address.

        -EINVAL for no bytes, an offset inside a page, or neither shared nor private; -EACCES for
        a file not open for it; -ENODEV for one that cannot be mapped; -ENOMEM, also for more than
        RLIMIT_AS in all or RLIMIT_DATA of anonymous memory; the file's own errno.
        """
        if length <= 0 or offset & PAGE_MASK or (flags & (MAP_SHARED | MAP_PRIVATE)) not in MAP_TYPES:
            raise KernelError(EINVAL, f"{self.owner}: mmap of {length} bytes at offset {offset:#x}")
        size = page_align(length)
        anonymous = file is None or bool(flags & MAP_ANONYMOUS)
        over_data = anonymous and self._vmas.anonymous + size > RLIMIT_DATA
        start = self._vmas.room(size, FIRST_MAPPING, TASK_SIZE)
        if start is None or self._vmas.size + size > RLIMIT_AS or over_data:
            raise KernelError(ENOMEM, f"{self.owner} has no room for {length} bytes")
        vm_flags = _vm_flags(prot, flags, file)
        vma = Vma(self, start, start + size, vm_flags, (offset & UNSIGNED_LONG) >> PAGE_SHIFT)
        if file is None or anonymous:
            self.kernel.faults.kmalloc("vm_area_struct")
            vma.anonymous = bytearray(size)
        else:
            self._map_file(vma, file)
        self._vmas.add(vma)
        return vma.start

    def munmap(self, address: int, length: int) -> None:
        """End what is mapped in [address, address + length), splitting what it cuts.

        -EINVAL if that is not pages of a program.
        """
        if address & PAGE_MASK or length <= 0 or address < 0 or length > TASK_SIZE - address:
            raise KernelError(EINVAL, f"{self.owner}: munmap of {length} bytes at {address:#x}")
        end = address + page_align(length)
        for vma in self._vmas.within(address, end):
            self._cut(vma, max(address, vma.start), min(end, vma.end))

    def exit(self) -> None:
        """The program ends: all mappings go, lowest first."""
        for vma in self.vmas:
            self._cut(vma, vma.start, vma.end)

    def copy_to(self, child: AddressSpace) -> None:
        """fork: the child has the same mappings, and copies of private memory."""
        for vma in self.vmas:
            if not vma.flags & VmFlags.DONTCOPY:
                copy = vma.part(vma.start, vma.end)
                copy.mm = child
                child._adopt(copy)

    @contextmanager
    def scratch(self, data: bytes) -> Iterator[Vma]:
        """A private copy of `data` in the program's memory, at `start`, for the length of a call.

        No mapping of the program's own: nothing it does ends it, and a child has none.
        """
        start = max((vma.end + PAGE_SIZE for vma in self._scratch.values()), default=SCRATCH_AREA)
        size = max(page_align(len(data)), PAGE_SIZE)
        vma = self._scratch[start] = Vma(self, start, start + size, SCRATCH)
        vma.anonymous = bytearray(data).ljust(size, b"\0")
        try:
            yield vma
        finally:
            del self._scratch[start]

    # --- what the program does --------------------------------------------------

    def read(self, address: int, size: int) -> bytes:
        """Load `size` bytes. UserFault: SIGSEGV where nothing readable is, SIGBUS beyond an object's end."""
        parts = []
        for vma, at, length in self._pieces(address, size):
            if not vma.flags & VmFlags.READ:
                raise UserFault("SIGSEGV", vma.start + at, f"{vma} is not readable")
            if vma.anonymous is not None:
                parts.append(bytes(vma.anonymous[at : at + length]))
            else:
                parts.append(self._load(vma, at, length))
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Store `data`. UserFault as for `read`; what lies before the fault is written."""
        done = 0
        for vma, at, length in self._pieces(address, len(data)):
            piece, done = data[done : done + length], done + length
            if not vma.flags & VmFlags.WRITE:
                raise UserFault("SIGSEGV", vma.start + at, f"{vma} is not writable")
            if vma.anonymous is not None:
                vma.anonymous[at : at + length] = piece
            elif vma.shared:
                self._mapping(vma, at, length).write(piece, at & PAGE_MASK)
            else:
                self._store_copies(vma, at, piece)

    # --- inside -----------------------------------------------------------------

    def _map_file(self, vma: Vma, file: File) -> None:
        if file.ops.mmap is None:
            raise KernelError(ENODEV, f"{file} cannot be mapped")
        self.kernel.faults.kmalloc("vm_area_struct")
        self._hold(vma, file)
        try:
            file.ops.mmap(file, vma)
        except KernelError:
            self._drop(vma)
            raise

    def _hold(self, vma: Vma, file: File) -> None:
        vma.file, vma.holder = file, Holder("vma", f"{vma.start:#x} of {self.owner}")
        file.get(vma.holder)

    def _drop(self, vma: Vma) -> None:
        if vma.file is not None and vma.holder is not None:
            vma.file.put(vma.holder)

    def _adopt(self, vma: Vma) -> None:
        """A new mapping that copies another: it holds the file, and its owner hears of it."""
        if vma.file is not None:
            self._hold(vma, vma.file)
        self._vmas.add(vma)
        if vma.ops.open:
            vma.ops.open(vma)

    def _cut(self, vma: Vma, start: int, end: int) -> None:
        """Take [start, end) out of `vma`."""
        self._vmas.remove(vma)
        for low, high in ((vma.start, start), (end, vma.end)):
            if low < high:
                self._adopt(vma.part(low, high))
        if vma.ops.close:
            vma.ops.close(vma)
        self._drop(vma)

    def _pieces(self, address: int, size: int) -> Iterator[tuple[Vma, int, int]]:
        """(mapping, offset in it, bytes) that cover [address, address + size)."""
        end = address + size
        while address < end:
            vma = self._vmas.find(address) or self._find_scratch(address)
            if vma is None:
                raise UserFault("SIGSEGV", address, f"nothing is mapped there by {self.owner}")
            length = min(end, vma.end) - address
            yield vma, address - vma.start, length
            address += length

    def _find_scratch(self, address: int) -> Vma | None:
        return next((vma for vma in self._scratch.values() if vma.start <= address < vma.end), None)

    def _mapping(self, vma: Vma, at: int, length: int) -> KernelMapping:
        """The pages that bytes [at, at + length) lie in, all present, as the program's CPU sees them."""
        first, last = at >> PAGE_SHIFT, (at + length - 1) >> PAGE_SHIFT
        for page in (np.flatnonzero(vma.frames[first : last + 1] == ABSENT) + first).tolist():
            self._fault(vma, page)
        frames = vma.frames[first : last + 1].copy()  # a later zap must not reach what was booked
        return KernelMapping(self.kernel, frames, f"mmap of {self.owner}", vma.cached)

    def _fault(self, vma: Vma, page: int) -> None:
        address = vma.start + (page << PAGE_SHIFT)
        if vma.ops.fault is None:
            raise UserFault("SIGBUS", address, f"{vma} has no page there")
        try:
            frame = vma.ops.fault(vma, page)
        except KernelError as error:
            raise UserFault("SIGBUS", address, error.why) from error
        check_inside(self.kernel, vma, page, frame)
        if vma.frames[page] == ABSENT:
            vma.frames[page] = frame

    def _load(self, vma: Vma, at: int, length: int) -> bytes:
        data = bytearray(self._mapping(vma, at, length).read(at & PAGE_MASK, length).tobytes())
        for page, copy in vma.copies.items():
            start = page << PAGE_SHIFT
            low, high = max(at, start), min(at + length, start + PAGE_SIZE)
            if low < high:
                data[low - at : high - at] = copy[low - start : high - start]
        return bytes(data)

    def _store_copies(self, vma: Vma, at: int, piece: bytes) -> None:
        for page in range(at >> PAGE_SHIFT, (at + len(piece) - 1 >> PAGE_SHIFT) + 1):
            start = page << PAGE_SHIFT
            copy = vma.copies.setdefault(page, bytearray(self._load(vma, start, PAGE_SIZE)))
            low, high = max(at, start), min(at + len(piece), start + PAGE_SIZE)
            copy[low - start : high - start] = piece[low - at : high - at]


def _vm_flags(prot: int, flags: int, file: File | None) -> VmFlags:
    """vm_flags of a new mapping. -EACCES where the file is not open for it."""
    result = VmFlags.MAYWRITE
    if prot & PROT_READ:
        result |= VmFlags.READ
    if prot & PROT_WRITE:
        result |= VmFlags.WRITE
    shared = bool(flags & MAP_SHARED)
    if shared:
        result |= VmFlags.SHARED
    if file is not None and not flags & MAP_ANONYMOUS:
        mode = file.flags & O_ACCMODE
        if mode == O_WRONLY:
            raise KernelError(EACCES, f"{file} is not open for reading")
        if shared and mode == O_RDONLY:
            if prot & PROT_WRITE:
                raise KernelError(EACCES, f"{file} is not open for writing")
            result &= ~VmFlags.MAYWRITE
    return result
