"""The scenario file: YAML in, a checked `Scenario` out.

    description: one sentence for people
    board: ../boards/rehearsal.yaml      # relative to this file
    source: camera                       # label or path of the producing node
    sink: lcdif                          # label or path of the consuming node
    picture: {width: 1920, height: 1080, format: XRGB8888, pattern: bars}
    frames: 120
    time-limit: 10                       # seconds of virtual time
    kernel: {heap: fb_pool, buffers: 3, bugs: [display-unmaps-at-flip], generation: "6.12"}
or, instead of `kernel`, software that runs on the CPU:
    firmware: {image: ../../firmware/camera_to_display.elf, arguments: [1920, 1080, 120, 0], buffers: fb_pool}
and, if not every cache line shall meet the worst case:
    caches: {seed: 7, percent: 5}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from devices.camera.regs import LARGEST_SIDE, PATTERNS
from soc.devicetree.values import Number, Property, RawNode, Row, Text
from soc.devicetree.yaml_events import read_text
from soc.devicetree.yaml_source import parse
from soc.errors import BadInput, Where
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.picture import BYTES_PER_PIXEL, PictureFormat

T = TypeVar("T")

GENERATIONS = tuple(generation.value for generation in Generation)
MAX_FRAMES = 1_000_000
MAX_BUFFERS = 32
MAX_SECONDS = 86_400
MAX_SEED = (1 << 32) - 1


@dataclass(frozen=True)
class KernelRun:
    """The kernel model drives: `buffers` dma-bufs from `heap`, a region's or the kernel's own.

    `sink_lines` is the display's height when it differs from the camera's.
    """

    heap: str
    buffers: int
    bugs: tuple[str, ...]
    sink_lines: int | None
    generation: Generation
    where: Where


@dataclass(frozen=True)
class FirmwareRun:
    """An image on the CPU: `arguments` go to x0.., `buffers` is the region its frames live in."""

    image: Path
    arguments: tuple[int, ...]
    buffers: str
    where: Where


@dataclass(frozen=True)
class Caches:
    """How many cache lines, in `percent`, meet the worst case, drawn from `seed`."""

    seed: int = 0
    percent: int = 100


@dataclass(frozen=True)
class Scenario:
    """One run. `time_limit` in ns of virtual time."""

    path: Path
    description: str
    board: Path
    source: str
    sink: str
    picture: PictureFormat
    pattern: str
    frames: int
    time_limit: int
    software: KernelRun | FirmwareRun
    caches: Caches
    where: dict[str, Where]

    @property
    def name(self) -> str:
        return self.path.stem


def load_scenario(path: Path, bugs: tuple[str, ...]) -> Scenario:
    """Read and check a scenario. `bugs` are the names that may be planted.

    BadInput with file:line for anything that is missing, unknown or of the wrong kind.
    """
    raw = parse(path, read_text(path, "scenario"), "scenario")
    top = _Section(
        raw,
        ("description", "board", "source", "sink", "frames", "time-limit"),
        ("picture", "kernel", "firmware", "caches"),
    )
    picture = top.child("picture")
    if picture is None:
        raise BadInput("a scenario needs a `picture` section with width, height and format", raw.where)
    shape = _Section(picture, ("width", "height", "format", "pattern"))
    return Scenario(
        path=path,
        description=top.text("description", ""),
        board=_relative(path, top.file("board")),
        source=top.text("source"),
        sink=top.text("sink"),
        picture=PictureFormat(
            shape.number("width", 1, LARGEST_SIDE),
            shape.number("height", 1, LARGEST_SIDE),
            shape.choice("format", tuple(BYTES_PER_PIXEL)),
        ),
        pattern=shape.choice("pattern", tuple(PATTERNS), "bars"),
        frames=top.number("frames", 1, MAX_FRAMES),
        time_limit=top.number("time-limit", 1, MAX_SECONDS, 60) * 1_000_000_000,
        software=_software(path, top, bugs),
        caches=_caches(top),
        where={name: prop.where for name, prop in raw.properties.items()} | {"picture": picture.where},
    )


def _caches(top: _Section) -> Caches:
    caches = top.child("caches")
    if caches is None:
        return Caches()
    section = _Section(caches, ("seed", "percent"))
    return Caches(section.number("seed", 0, MAX_SEED, 0), section.number("percent", 1, 100, 100))


def _software(path: Path, top: _Section, bugs: tuple[str, ...]) -> KernelRun | FirmwareRun:
    kernel, firmware = top.child("kernel"), top.child("firmware")
    if (kernel is None) == (firmware is None):
        raise BadInput("a scenario has either a `kernel` or a `firmware` section", top.where)
    if kernel is not None:
        section = _Section(kernel, ("heap", "buffers", "bugs", "sink-lines", "generation"))
        return KernelRun(
            heap=section.text("heap"),
            buffers=section.number("buffers", 1, MAX_BUFFERS),
            bugs=section.choices("bugs", bugs),
            sink_lines=section.number("sink-lines", 1, LARGEST_SIDE, 0) or None,
            generation=Generation(section.choice("generation", GENERATIONS, DEFAULT_GENERATION.value)),
            where=kernel.where,
        )
    assert firmware is not None  # exactly one of the two is there
    section = _Section(firmware, ("image", "arguments", "buffers"))
    return FirmwareRun(
        image=_relative(path, section.file("image")),
        arguments=section.numbers("arguments"),
        buffers=section.text("buffers"),
        where=firmware.where,
    )


def _relative(path: Path, name: str) -> Path:
    """`name` as seen from the scenario's folder, without needless `..` in messages."""
    joined = path.parent / name
    try:
        whole = joined.resolve()
    except (OSError, RuntimeError):
        return joined  # a loop of links, say: whoever opens it tells
    here = Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


class _Section:
    """One mapping of the file with typed getters; unknown keys are refused at once."""

    def __init__(self, raw: RawNode, keys: tuple[str, ...], sections: tuple[str, ...] = ()) -> None:
        self._raw = raw
        self.where = raw.where
        for name, prop in raw.properties.items():
            if name in sections:
                raise BadInput(f"{name} must be a section with keys of its own, not {prop.value}", prop.where)
            if name not in keys:
                raise BadInput(f"unknown key {name!r}: expected one of {', '.join(keys)}", prop.where)
        for node in raw.children:
            if node.name in keys:
                raise BadInput(f"{node.name} must be a value, not a section", node.where)
            if node.name not in sections:
                known = f"expected one of {', '.join(sections)}" if sections else "there are none here"
                raise BadInput(f"unknown section {node.name!r}: {known}", node.where)

    def child(self, name: str) -> RawNode | None:
        return next((node for node in self._raw.children if node.name == name), None)

    def text(self, name: str, default: str | None = None) -> str:
        def read(prop: Property) -> str:
            if not isinstance(prop.value, Text):
                raise BadInput(f"{name} must be text, not {prop.value}", prop.where)
            return prop.value.value

        return self._get(name, read, default)

    def file(self, name: str) -> str:
        text = self.text(name)
        if not text or "\0" in text:
            prop = self._raw.properties[name]
            raise BadInput(f"{name} must be the name of a file, not {prop.value}", prop.where)
        return text

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        def read(prop: Property) -> int:
            if not isinstance(prop.value, Number) or not low <= prop.value.value <= high:
                raise BadInput(f"{name} must be a number from {low} to {high}, not {prop.value}", prop.where)
            return prop.value.value

        return self._get(name, read, default)

    def numbers(self, name: str) -> tuple[int, ...]:
        def read(prop: Property) -> tuple[int, ...]:
            items = prop.value.items if isinstance(prop.value, Row) else (prop.value,)
            if len(items) > 8 or not all(isinstance(i, Number) and i.value < 1 << 64 for i in items):
                raise BadInput(f"{name} must be up to 8 numbers of 64 bits", prop.where)
            return tuple(item.value for item in items if isinstance(item, Number))

        return self._get(name, read, ())

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in allowed:
            where = self._raw.properties[name].where
            raise BadInput(f"{name} must be one of {', '.join(allowed)}, not {value!r}", where)
        return value

    def choices(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        def read(prop: Property) -> tuple[str, ...]:
            items = prop.value.items if isinstance(prop.value, Row) else (prop.value,)
            names = tuple(item.value for item in items if isinstance(item, Text))
            if len(names) != len(items) or not set(names) <= set(allowed):
                raise BadInput(f"{name} must be from {', '.join(allowed)}, not {prop.value}", prop.where)
            return names

        return self._get(name, read, ())

    def _get(self, name: str, read: Callable[[Property], T], default: T | None) -> T:
        prop = self._raw.properties.get(name)
        if prop is not None:
            return read(prop)
        if default is None:
            raise BadInput(f"{name} is missing", self.where)
        return default
