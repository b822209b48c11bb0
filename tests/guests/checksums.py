"""What the task `work` of /init is to print, computed by other means."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import islice

import numpy as np

NUMBERS, SIDE, BUFFER = 1 << 16, 96, 1 << 20


def work(rounds: int) -> list[str]:
    """The three lines of checksums."""
    crcs = {"sort": 0, "matrix": 0, "crc": 0}
    for seed in range(rounds):
        numbers = np.fromiter(generator(seed), np.uint32, NUMBERS)
        crcs["sort"] = zlib.crc32(np.sort(numbers).tobytes(), crcs["sort"])
        both = np.fromiter(islice(generator(seed), 2 * SIDE * SIDE), np.int64) % 1024
        left, right = both[0::2].reshape(SIDE, SIDE), both[1::2].reshape(SIDE, SIDE)
        crcs["matrix"] = zlib.crc32((left @ right).astype(np.float64).tobytes(), crcs["matrix"])
        crcs["crc"] = zlib.crc32(bytes([seed & 0xFF]) * BUFFER, crcs["crc"])
    return [f"{name}: {crc:08x}" for name, crc in crcs.items()]


def generator(state: int) -> Iterator[int]:
    """Knuth's constants for 64 bits; the upper half of each state."""
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        yield state >> 32
