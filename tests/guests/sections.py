"""What /init printed, by the headlines it puts over each task."""

from __future__ import annotations

BANNER = "init: hello from userspace"
HEADLINE = "== "
OWN = "init: "
"""Begins a line of /init about itself."""


def sections(text: str, name: str) -> list[list[str]]:
    """The lines of each section of that name."""
    found: list[list[str]] = []
    current: list[str] | None = None
    for line in text.splitlines():
        if line.startswith(HEADLINE):
            current = [] if line == HEADLINE + name else None
            if current is not None:
                found.append(current)
        elif line.startswith(OWN):
            current = None
        elif current is not None:
            current.append(line)
    return found


def section(text: str, name: str) -> list[str]:
    """The lines of the only section of that name. LookupError if there is not exactly one."""
    found = sections(text, name)
    if len(found) != 1:
        raise LookupError(f"{len(found)} sections {name!r}, not one, in:\n{text}")
    return found[0]


def fact(lines: list[str], name: str) -> str:
    """What stands after "NAME: " in a section."""
    [value] = [line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")]
    return value
