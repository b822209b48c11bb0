"""The end of a run: everything that should be nobody's any more and is somebody's, as lines for people.

    held_at_end    buffers, files, armed polls, open brackets, fences that nobody signalled,
                   memory without its buffer, and what layers above have added to Remains
    final_report   that, and what happened on the way: pages that were touched after they were
                   freed, fds that programs lost, counts that changed since a snapshot

A run that has given everything back leaves no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from soc.dmabuf.brackets import Brackets
from soc.dmabuf.export import dma_bufs
from soc.dmabuf.fence.contexts import Fences
from soc.dmabuf.fence.watchdog import to_be_signalled
from soc.dmabuf.fileops import KIND, is_dma_buf_file
from soc.dmabuf.ledger import leaked
from soc.dmabuf.poll import DmaBufPolls
from soc.dmabuf.sanitizer.strays import StrayWatch
from soc.kernel.remains import Remains

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


def held_at_end(kernel: Kernel) -> list[str]:
    """What is still held. Threads that can go on do so first: some of them free."""
    kernel.sched.run_ready()
    return [
        *leaked(kernel),
        *_files(kernel),
        *_polls(kernel),
        *_brackets(kernel),
        *_fences(kernel),
        *_memory(kernel),
        *kernel.subsystem(Remains).lines(),
    ]


def final_report(kernel: Kernel, before: Mapping[str, int] | None = None) -> list[str]:
    """All there is to say. `before` is a snapshot of the counters from the beginning."""
    held = held_at_end(kernel)
    kernel.subsystem(StrayWatch).audit()
    kernel.memory.owners.audit()
    touched = [f"use after free: {access}" for access in kernel.memory.owners.late]
    strays = [str(stray) for stray in kernel.subsystem(StrayWatch).found]
    changed = [] if before is None else kernel.counters.changes(before)
    return [*held, *touched, *strays, *kernel.fd_audit.remarks, *changed]


def _files(kernel: Kernel) -> Iterator[str]:
    for file in kernel.files.live():
        if not is_dma_buf_file(file):
            yield f"{file}: held by {file.held_by()}"


def _polls(kernel: Kernel) -> Iterator[str]:
    for dmabuf, fence in kernel.subsystem(DmaBufPolls).pending():
        yield f"{dmabuf} is kept by a poll, until {fence} signals"


def _brackets(kernel: Kernel) -> Iterator[str]:
    brackets = kernel.subsystem(Brackets)
    for dmabuf in dma_bufs(kernel):
        for who in brackets.open(dmabuf):
            yield f"{dmabuf}: {who} began CPU access and did not end it"


def _fences(kernel: Kernel) -> Iterator[str]:
    for fence in kernel.subsystem(Fences).live():
        if not fence.signalled:
            yield f"{fence} was never signalled: {to_be_signalled(fence)}"


def _memory(kernel: Kernel) -> Iterator[str]:
    """Pages in the name of a dma-buf that is gone."""
    live = {f"{KIND} {dmabuf.ino}" for dmabuf in dma_bufs(kernel)}
    for owner in kernel.memory.owners.live:
        if owner.buffer.startswith(f"{KIND} ") and owner.buffer not in live:
            yield f"{owner} is gone, and its memory was not given back: {owner.pages} pages"
