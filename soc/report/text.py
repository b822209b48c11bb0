"""Quantities and foreign text as people read them."""

from __future__ import annotations

import unicodedata

NAMED_CONTROLS = 0x20
CONTROL_PICTURES = 0x2400


def size_text(size: int) -> str:
    """`size` bytes, short: `949.2 MiB`, `4.0 KiB`, `12 B`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(size) >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


def time_text(nanoseconds: int) -> str:
    """`nanoseconds` of virtual time in the unit that fits: `2.000 s`, `16.683 ms`, `1.200 us`, `40 ns`."""
    for unit, name in ((10**9, "s"), (10**6, "ms"), (10**3, "us")):
        if abs(nanoseconds) >= unit:
            return f"{nanoseconds / unit:.3f} {name}"
    return f"{nanoseconds} ns"


def count_text(count: int, noun: str) -> str:
    """`1 frame`, `120 frames`, `1,200 copies`."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun}"


def visible(text: str) -> str:
    """`text` with everything a page or a terminal would obey instead of show made visible.

    Newlines and tabs stay, carriage returns before a newline go; other C0
    controls become their Unicode pictures (escape is U+241B); the remaining controls,
    format characters such as bidirectional overrides, and lone surrogates become `\\u` escapes.
    """
    return "".join(_visible_character(character) for character in text.replace("\r\n", "\n"))


def _visible_character(character: str) -> str:
    if character in "\n\t":
        return character
    if ord(character) < NAMED_CONTROLS:
        return chr(CONTROL_PICTURES + ord(character))
    if unicodedata.category(character) in ("Cc", "Cf", "Cs"):
        return f"\\u{ord(character):04x}"
    return character
