"""The text of a board file as YAML events, with positions; errors become one clear line.

Source: YAML 1.1 as PyYAML parses it. The events are read directly, so no object
graph is ever built from aliases or tags: a hostile file can only be long.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import yaml

from soc.devicetree.values import brief
from soc.errors import BadInput, Where

MAX_BYTES = 1 << 20
MAX_MESSAGE = 200
ARRAYS = {"!u8": 8, "!u16": 16, "!u64": 64}
CORE_TAG = "tag:yaml.org,2002:"
TAGS = {
    yaml.ScalarEvent: ("str", "int", "bool", "null"),
    yaml.SequenceStartEvent: ("seq",),
    yaml.MappingStartEvent: ("map",),
}


def read_text(path: Path, what: str = "board") -> str:
    """The file as text; `what` it is, for messages. BadInput when it is missing, too big or not UTF-8."""
    start = Where(path, 1)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"cannot read the {what}: {error.strerror or error}", start) from None
    except ValueError as error:
        raise BadInput(f"cannot read the {what}: {error}", start) from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"the file is bigger than {MAX_BYTES >> 20} MiB: no {what} needs that", start)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise BadInput(f"not UTF-8: byte {data[error.start]:#04x}", Where(path, line)) from None


class Events:
    """The events of `text`, one by one; `path` is for positions only."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._lines = max(1, len(text.splitlines()))
        self._last_line = 1
        self._stream = self._checked()

    def next(self) -> yaml.Event:
        """The next event. BadInput where the text is not YAML."""
        return next(self._stream)

    def where(self, event: yaml.Event) -> Where:
        return self._at(_line(event.start_mark, self._last_line))

    def split_by_comma(self, left: yaml.Event, right: yaml.Event) -> bool:
        """Whether nothing but a comma stands between two plain words: `arm,pl011`."""
        if not (is_plain(left) and is_plain(right) and left.end_mark and right.start_mark):
            return False
        return self._text[left.end_mark.index : right.start_mark.index] == ","

    def core_tag(self, event: yaml.Event) -> str | None:
        """The core tag written on `event` without its prefix, None if it has none."""
        tag = getattr(event, "tag", None)
        if tag in (None, "!"):
            return None
        short = str(tag).removeprefix(CORE_TAG)
        if short != tag and short in TAGS[type(event)]:
            return short
        shown = brief(repr("!!" + short if short != tag else tag))
        raise BadInput(f"tag {shown} is not allowed: only plain data is", self.where(event))

    def array_bits(self, event: yaml.SequenceStartEvent) -> int | None:
        """The bits of a list's numbers when it is tagged as an array, as dtc's YAML is; else None."""
        if event.tag in ARRAYS:
            return ARRAYS[event.tag]
        self.core_tag(event)
        return None

    def _checked(self) -> Iterator[yaml.Event]:
        try:
            for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
                self._last_line = _line(event.start_mark, self._last_line)
                yield event
        except yaml.reader.ReaderError as error:
            line = 1 + self._text.count("\n", 0, error.position)
            problem = f"not YAML: character {error.character:#x} is not allowed"
            raise BadInput(problem, self._at(line)) from None
        except yaml.MarkedYAMLError as error:
            where = self._at(_line(error.problem_mark, self._last_line))
            raise BadInput(_syntax(error), where) from None
        except (ValueError, OverflowError):
            # PyYAML lets int() and chr() fail on an escape or a version out of range.
            problem = "not YAML: an escape or directive holds a number out of range"
            raise BadInput(problem, self._at(self._last_line)) from None

    def _at(self, line: int) -> Where:
        return Where(self._path, min(line, self._lines))


def is_plain(event: yaml.Event) -> bool:
    """Whether `event` is a word without quotes, tag or anchor."""
    return isinstance(event, yaml.ScalarEvent) and event.style is None and event.tag is event.anchor is None


class _Mark(Protocol):
    """A position as either of PyYAML's parsers gives it; lines count from 0."""

    @property
    def line(self) -> int: ...


def _line(mark: _Mark | None, otherwise: int) -> int:
    """The line of `mark`, counted from 1; `otherwise` when the parser gave no mark."""
    return mark.line + 1 if mark else otherwise


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's complaint on one line."""
    text = f"not YAML: {error.problem}"
    if error.context:
        text += f" {error.context}"
        if error.context_mark:
            text += f" that starts at line {error.context_mark.line + 1}"
    return " ".join(text.split())[:MAX_MESSAGE]
