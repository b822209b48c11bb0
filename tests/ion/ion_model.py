"""SEMANTICS 3.2 to 3.4 as plain tables: what ION has to do, without how.

A buffer is a number, a client's handles map a number to [buffer, references], fds map a
number to a buffer. Nothing here knows of the implementation.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Program:
    """One process with at most one client. `handles`: id -> [buffer, references]; `fds`: fd -> buffer."""

    ion: int | None = None
    handles: dict[int, list[int]] = field(default_factory=dict)
    fds: dict[int, int] = field(default_factory=dict)
    maps: dict[int, int] = field(default_factory=dict)

    def lowest_id(self) -> int:
        return next(number for number in range(1, 1000) if number not in self.handles)

    def lowest_fd(self) -> int:
        return next(fd for fd in range(1000) if fd not in self.fds and fd != self.ion)


@dataclass
class Buffer:
    size: int
    heap: int
    dmabufs: int = 0


class Model:
    """All programs by name and all buffers that somebody has."""

    def __init__(self) -> None:
        self.programs: dict[str, Program] = {}
        self.buffers: dict[int, Buffer] = {}
        self.dmabufs: dict[int, int] = {}
        """references of each dma-buf, which is a key of its own: fds and mappings name dma-bufs."""
        self.of_dmabuf: dict[int, int] = {}
        self._next_dmabuf = 0

    def alloc(self, program: Program, buffer: int, size: int, heap: int) -> int:
        number = program.lowest_id()
        self.buffers[buffer] = Buffer(size, heap)
        program.handles[number] = [buffer, 1]
        return number

    def free(self, program: Program, number: int) -> bool:
        """False for -EINVAL."""
        if number not in program.handles:
            return False
        program.handles[number][1] -= 1
        if not program.handles[number][1]:
            del program.handles[number]
        self.sweep()
        return True

    def share(self, program: Program, number: int) -> int | None:
        """The fd; None for -EINVAL."""
        if number not in program.handles:
            return None
        self._next_dmabuf += 1
        fd = program.lowest_fd()
        program.fds[fd] = self._next_dmabuf
        self.of_dmabuf[self._next_dmabuf] = program.handles[number][0]
        return fd

    def import_fd(self, program: Program, fd: int) -> int:
        buffer = self.of_dmabuf[program.fds[fd]]
        for number, entry in program.handles.items():
            if entry[0] == buffer:
                entry[1] += 1
                return number
        number = program.lowest_id()
        program.handles[number] = [buffer, 1]
        return number

    def send(self, sender: Program, fd: int, receiver: Program) -> int:
        there = receiver.lowest_fd()
        receiver.fds[there] = sender.fds[fd]
        return there

    def close(self, program: Program, fd: int) -> None:
        del program.fds[fd]
        self.sweep()

    def close_ion(self, program: Program) -> None:
        program.ion = None
        program.handles.clear()
        self.sweep()

    def exit(self, name: str) -> None:
        del self.programs[name]
        self.sweep()

    # --- what must be true ------------------------------------------------------------

    def live_dmabufs(self) -> set[int]:
        """A dma-buf lives while an fd or a mapping has it."""
        return {
            dmabuf
            for program in self.programs.values()
            for held in (program.fds, program.maps)
            for dmabuf in held.values()
        }

    def handle_count(self, buffer: int) -> int:
        return sum(
            entry[0] == buffer for program in self.programs.values() for entry in program.handles.values()
        )

    def kref(self, buffer: int) -> int:
        return self.handle_count(buffer) + sum(self.of_dmabuf[d] == buffer for d in self.live_dmabufs())

    def sweep(self) -> None:
        """Buffers that nobody has are gone."""
        self.buffers = {number: buffer for number, buffer in self.buffers.items() if self.kref(number)}
