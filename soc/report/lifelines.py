"""Geometry of the life lines: which engine held which buffer, and when.

One lane per buffer, one row per engine inside it, virtual time to the right.
Overlapping blocks of two engines in one lane are a buffer shared too early.
Pure data in SVG user units; the template draws it.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.report.text import count_text, time_text
from soc.verify.result import Fault, RunResult, Span

FRAMES = 24
FRAMES_AFTER_FAULT = 4
LABEL_WIDTH = 150.0
CHART_WIDTH = 930.0
MARGIN = 20.0
TOP = 30.0
ROW_HEIGHT = 18.0
ROW_GAP = 2.0
LANE_PADDING = 7.0
SHORTEST_BLOCK = 2.0
DIGIT_WIDTH = 7.0
LONGEST_NAME = 20


@dataclass(frozen=True)
class Block:
    """One frame at one engine, an index into `LifeLines.engines`; `label` is empty where it has no room."""

    x: float
    y: float
    width: float
    engine: int
    label: str
    title: str
    fault: bool


@dataclass(frozen=True)
class Lane:
    """One buffer's strip; `name` is cut to the label column, `title` is whole."""

    y: float
    height: float
    name: str
    title: str


@dataclass(frozen=True)
class Mark:
    """A moment: a tick of the time axis or an IOMMU fault."""

    x: float
    text: str


@dataclass(frozen=True)
class LifeLines:
    width: float
    height: float
    chart_top: float
    row_height: float
    engines: tuple[str, ...]
    lanes: tuple[Lane, ...]
    blocks: tuple[Block, ...]
    ticks: tuple[Mark, ...]
    faults: tuple[Mark, ...]
    note: str


@dataclass(frozen=True)
class Window:
    """The piece of virtual time that is drawn, ns, and the sentence that says which it is."""

    start: int
    end: int
    note: str

    def x(self, time: int) -> float:
        """Where `time` lies on the chart, clipped to its edges."""
        share = (time - self.start) / max(1, self.end - self.start)
        return round(LABEL_WIDTH + CHART_WIDTH * min(1.0, max(0.0, share)), 2)


def life_lines(result: RunResult, frames: int = FRAMES) -> LifeLines | None:
    """The drawing of `frames` frames: the first ones, or those around the first fault.

    None when the result has no timeline.
    """
    if not result.timeline:
        return None
    window = _window(result, frames)
    whole = _by_time(result.timeline)
    spans = [span for span in whole if window.start <= span.started < window.end]
    # of the whole run, so that an engine keeps its colour and a buffer its lane in every window
    engines = tuple(dict.fromkeys(span.engine for span in whole))
    buffers = list(dict.fromkeys(span.buffer for span in whole))
    lane_height = len(engines) * (ROW_HEIGHT + ROW_GAP) - ROW_GAP + 2 * LANE_PADDING
    lanes = tuple(
        Lane(TOP + index * lane_height, lane_height, _cut(name), name) for index, name in enumerate(buffers)
    )
    lane_top = {lane.title: lane.y for lane in lanes}
    blocks = tuple(_block(span, engines.index(span.engine), lane_top[span.buffer], window) for span in spans)
    return LifeLines(
        width=LABEL_WIDTH + CHART_WIDTH + MARGIN,
        height=TOP + lane_height * len(lanes) + 1,
        chart_top=TOP,
        row_height=ROW_HEIGHT,
        engines=engines,
        lanes=lanes,
        blocks=blocks,
        ticks=_ticks(window),
        faults=_fault_marks(result.faults, window),
        note=window.note,
    )


def _by_time(spans: list[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.started, span.sequence))


def _window(result: RunResult, frames: int) -> Window:
    """Counted in frames of the engine that handled most of them, which set the pipeline's pace."""
    engines = [span.engine for span in result.timeline]
    pace = max(dict.fromkeys(engines), key=engines.count)
    paced = [span for span in _by_time(result.timeline) if span.engine == pace]
    faults = [span.started for span in result.timeline if span.fault] + [
        fault.time for fault in result.faults
    ]
    first = 0
    which = f"the first {frames:,} of {count_text(len(paced), 'frame')}"
    if len(paced) <= frames:
        which = f"all {count_text(len(paced), 'frame')}" if len(paced) > 1 else "the only frame"
    elif faults:
        at_fault = sum(span.started <= min(faults) for span in paced) - 1
        first = min(max(0, at_fault + 1 + FRAMES_AFTER_FAULT - frames), len(paced) - frames)
        if first:
            moment = time_text(min(faults))
            total = count_text(len(paced), "frame")
            which = f"{frames:,} of {total}, around the first fault at {moment}"
    chosen = paced[first : first + frames]
    # to the run's edges where the choice reaches them, so that no engine's first or last frame is left out
    start = min(s.started for s in result.timeline) if first == 0 else chosen[0].started
    last = result.timeline if first + frames >= len(paced) else chosen
    end = max(max(s.ended, s.started + 1) for s in last)
    return Window(start, end, f"Shown: {which}, counted at {pace}.")


def _block(span: Span, engine: int, lane_top: float, window: Window) -> Block:
    x = window.x(span.started)
    width = max(SHORTEST_BLOCK, round(window.x(span.ended) - x, 2))
    label = "✕" if span.fault else str(span.sequence)
    held = f"{time_text(span.started)} to {time_text(span.ended)}"
    title = f"{span.engine}, frame {span.sequence}, {span.buffer}: {held}"
    return Block(
        x=x,
        y=lane_top + LANE_PADDING + engine * (ROW_HEIGHT + ROW_GAP),
        width=width,
        engine=engine,
        label=label if width >= DIGIT_WIDTH * len(label) + 3 else "",
        title=f"{title}, cut short: {span.fault}" if span.fault else title,
        fault=span.fault is not None,
    )


def _ticks(window: Window) -> tuple[Mark, ...]:
    step = _tick_step(window.end - window.start)
    unit, name = next((u, n) for u, n in ((10**9, "s"), (10**6, "ms"), (10**3, "us"), (1, "ns")) if step >= u)
    first = -(-window.start // step) * step
    return tuple(Mark(window.x(t), f"{t // unit:,} {name}") for t in range(first, window.end + 1, step))


def _tick_step(length: int) -> int:
    """The smallest of 1, 2, 5 times a power of ten, ns, that cuts `length` into at most ten."""
    decade = 1
    while decade * 50 < length:
        decade *= 10
    return next(step for step in (decade, 2 * decade, 5 * decade) if step * 10 >= length)


def _fault_marks(faults: list[Fault], window: Window) -> tuple[Mark, ...]:
    marks: dict[float, str] = {}
    for fault in faults:
        if window.start <= fault.time <= window.end:
            access = f"{fault.device} {fault.access} at IOVA {fault.iova:#x}"
            marks.setdefault(window.x(fault.time), f"{fault.reason}: {access}, {time_text(fault.time)}")
    return tuple(Mark(x, text) for x, text in marks.items())


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
