"""Any number and any bytes: /dev/ion answers with a result or an errno, and loses nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from heaps.ion.abi import IonAbi
from soc.kernel.errors import KernelError
from soc.kernel.uapi.ioctl import _IOC
from tests.conftest import CountFuzz
from tests.ion.bench import IonBench

SIZES = {1: 4, 2: 8, 4: 8, 5: 8, 6: 16, 7: 8, 8: 24}
"""nr -> size of the argument in 4.9, for 64-bit programs."""
ALLOC = {
    (IonAbi.V4_9, False): (32, (0, 4)),
    (IonAbi.V4_9, True): (20, (0, 2)),
    (IonAbi.V4_12, False): (24, (0, 2)),
    (IonAbi.V4_12, True): (24, (0, 2)),
}
"""Size of the argument, and which of its words are length and mask; flags come after the mask."""
ODD = (0, 1, 4096, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_F000, 0xFFFF_FFFF)
EXPECTED = ("more than freed", "reserved fields")


def call(random: Random, alloc: tuple[int, tuple[int, int]]) -> tuple[int, bytearray]:
    """An ioctl: three times of four one that means something."""
    size, (length, mask) = alloc
    nr = random.choice((0, 0, 1, 2, 4, 5, 7, 8, random.randrange(16)))
    words = [0] * 8
    if not random.randrange(4):
        words = [random.choice((*ODD, random.getrandbits(32))) for _ in words]
        number = _IOC(random.randrange(4), "I", nr, random.choice((0, 4, 8, 20, 24, 31, 32, 33, 256)))
    else:
        number = _IOC(3, "I", nr, SIZES.get(nr, size))
        if nr == 0:
            words[length] = random.choice((1, 4096, 20480, 65536, 300_000))
            words[mask], words[mask + 1] = random.randrange(1, 32), random.randrange(4)
        elif nr != 8:
            words[0], words[1] = random.randrange(1, 5), random.randrange(1, 6)
    return number, bytearray(b"".join(word.to_bytes(4, "little") for word in words))


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("compat", [False, True], ids=["64 bits", "32 bits"])
@pytest.mark.parametrize("abi", list(IonAbi), ids=str)
def test_no_call_is_answered_with_anything_but_an_errno(
    tmp_path: Path, abi: IonAbi, compat: bool, seed: int, count_fuzz: CountFuzz
) -> None:
    random = Random(seed)
    bench = IonBench(tmp_path, abi=abi)
    bench.app.process.exit()
    before = bench.baseline()
    app = bench.open("fuzz")
    app.process.compat = compat
    answered = 0
    for _ in range(80):
        number, data = call(random, ALLOC[abi, compat])
        try:
            app.ioctl(number, data)
            answered += 1
        except KernelError:
            continue
    app.process.exit()
    assert bench.baseline() == before
    warnings = [text for text in bench.kernel.log.warnings if not any(known in text for known in EXPECTED)]
    assert warnings == []
    bench.close()
    count_fuzz("/dev/ion", calls=80, answered=answered)
