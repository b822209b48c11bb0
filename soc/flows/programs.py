"""What the sources' programs do with /dev/ion, each call a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.kernel.uapi.ion import (
    ION_FLAG_CACHED,
    ION_FLAG_CACHED_NEEDS_SYNC,
    ION_HEAP_SYSTEM_MASK,
    ION_IOC_ALLOC,
    ION_IOC_FREE,
    ION_IOC_MAP,
    IonAllocationData,
    IonFdData,
    IonHandleData,
)

if TYPE_CHECKING:
    from soc.flows.stage import Stage
    from soc.kernel.process import Process

PAGE_SIZE = 4096
ION_NODE = "/dev/ion"


class Program:
    """`task`, whose calls are written down. Texts end at a NUL, as the sources print them."""

    def __init__(self, stage: Stage, comm: str) -> None:
        self.stage = stage
        self.steps = stage.steps
        self.task: Process = stage.process(comm)

    def open(self, path: str) -> int:
        """An fd for a device node."""
        return self.steps.call(self.task, f"open {path}", lambda: self.task.open(path), "fd {}".format)

    def close(self, fd: int, name: str = "") -> None:
        """Close an fd, called `name` if that says more."""
        self.steps.call(self.task, f"close({name or f'fd {fd}'})", lambda: self.task.close(fd))

    def mmap(self, fd: int, size: int = PAGE_SIZE) -> int:
        """Map a buffer; its address."""
        return self.steps.call(
            self.task, f"mmap(fd {fd})", lambda: self.task.mmap(fd, size), lambda address: ""
        )

    def munmap(self, address: int, size: int = PAGE_SIZE) -> None:
        """The end of that."""
        self.steps.call(self.task, "munmap", lambda: self.task.munmap(address, size))

    def store(self, address: int, text: bytes) -> None:
        """Write a text into a buffer."""
        self.steps.call(self.task, f"writes {text!r}", lambda: self.task.store(address, text))

    def load(self, address: int) -> bytes:
        """Read the text that is in a buffer."""
        return self.steps.call(
            self.task, "reads", lambda: self.task.load(address, PAGE_SIZE).split(b"\0")[0], repr
        )

    def exit(self) -> None:
        """The program ends."""
        self.steps.call(self.task, "exit", self.task.exit)

    # --- ION ------------------------------------------------------------------------

    def ion_alloc(self, ion: int) -> int:
        """A page of the system heap, cached and synced by hand; its handle."""
        flags = ION_FLAG_CACHED | ION_FLAG_CACHED_NEEDS_SYNC
        args = IonAllocationData(len=PAGE_SIZE, heap_id_mask=ION_HEAP_SYSTEM_MASK, flags=flags)

        def alloc() -> int:
            self.task.ioctl(ion, ION_IOC_ALLOC, args)
            return args.handle

        call = f"ioctl(ION_IOC_ALLOC, {PAGE_SIZE} bytes, system heap)"
        return self.steps.call(self.task, call, alloc, "handle {}".format)

    def ion_map(self, ion: int, handle: int) -> int:
        """An fd of the handle's buffer."""
        args = IonFdData(handle=handle)

        def share() -> int:
            self.task.ioctl(ion, ION_IOC_MAP, args)
            return args.fd

        return self.steps.call(self.task, f"ioctl(ION_IOC_MAP, handle {handle})", share, "fd {}".format)

    def ion_free(self, ion: int, handle: int) -> None:
        """The handle's end."""
        args = IonHandleData(handle=handle)

        def free() -> None:
            self.task.ioctl(ion, ION_IOC_FREE, args)

        self.steps.call(self.task, f"ioctl(ION_IOC_FREE, handle {handle})", free)
