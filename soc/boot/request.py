"""What a boot is asked to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from soc.address import PhysAddr
from soc.guest import Start

DEFAULT_SEED = 1


@dataclass(frozen=True)
class Answer:
    """When the guest prints `prompt`, `reply` and a carriage return are typed, once."""

    prompt: bytes
    reply: bytes


@dataclass(frozen=True)
class Request:
    """A board, what runs on it, and when to stop.

    `load` is the address of a flat image, `max_time` in seconds of the machine (None for no limit),
    `seed` what the guest's random numbers start from, `kaslr` whether Linux may place itself by it.
    """

    board: Path
    image: Path
    initrd: Path | None = None
    append: str | None = None
    symbols: Path | None = None
    load: PhysAddr | None = None
    start: Start = field(default_factory=Start)
    max_time: float | None = None
    reboot: bool = True
    kaslr: bool = False
    seed: int = DEFAULT_SEED
    answers: tuple[Answer, ...] = ()
