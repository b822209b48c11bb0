"""Made-up evidence: a run in which everything held, to be spoilt one thing at a time."""

from __future__ import annotations

import numpy as np

from soc.address import PAGE_SIZE, Iova, PhysAddr
from soc.frames import FrameRecord
from soc.memory.span import Frames, PageSpan
from soc.verify.evidence import BufferRange, Evidence, Sharing

PAGES = 4
FRAME = PAGES * PAGE_SIZE
BASE = 0x8000_0000
PERIOD = 1000


def address(buffer: int) -> PhysAddr:
    """Where buffer number `buffer` lies."""
    return PhysAddr(BASE + buffer * FRAME)


def pages(buffer: int) -> Frames:
    return np.arange(PAGES, dtype=np.int64) + (address(buffer) >> 12)


def record(
    engine: str,
    sequence: int,
    content: str | None,
    buffer: int = 0,
    fault: str | None = None,
    ended: int | None = None,
) -> FrameRecord:
    """A frame in buffer number `buffer`; without `content` it is a partial one."""
    late = PERIOD if engine == "display" else 0
    started = sequence * PERIOD + late
    return FrameRecord(
        engine=engine,
        sequence=sequence,
        iova=Iova(0x1000_0000 + buffer * FRAME),
        started=started,
        ended=started + PERIOD // 2 if ended is None else ended,
        size=FRAME if content else FRAME // 2,
        digest=content,
        fault=fault,
        spans=[PageSpan.linear(address(buffer), FRAME if content else FRAME // 2)],
    )


def produced(*contents: str | None) -> list[FrameRecord]:
    """The camera's records, round and round through three buffers."""
    return [record("camera", n, content, n % 3) for n, content in enumerate(contents)]


def fetched(*contents: str | None, fault: str | None = None) -> list[FrameRecord]:
    """The display's records; those without content were cut short by `fault`."""
    return [
        record("display", n, content, n % 3, None if content else fault) for n, content in enumerate(contents)
    ]


def good(count: int = 4) -> Evidence:
    """`count` frames from camera to display through three buffers."""
    contents = [f"frame {n}" for n in range(count)]
    return Evidence(
        source="camera",
        sink="display",
        frame_bytes=FRAME,
        wanted=count,
        produced=produced(*contents),
        fetched=fetched(*contents),
        moved={"camera": (0, count * FRAME), "display": (count * FRAME, 0)},
        buffers=[BufferRange(f"buffer {n}", pages(n)) for n in range(3)],
        sharing=[Sharing(f"buffer {n}", {"camera": pages(n), "display": pages(n)}) for n in range(3)],
    )
