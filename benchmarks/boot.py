"""Linux on our machine against the same kernel and initramfs on QEMU's, by the clock on the wall.

One boot measures three things by when the lines of /init appear on the terminal: the way from the command to
/init, its work, and its system calls. Guests come from Debian through the cache of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks.row import Row
from tests.guests.console import Session
from tests.guests.initramfs import initramfs
from tests.guests.kernel import LinuxKernel
from tests.guests.ours import run_soc
from tests.guests.packages import CLOUD_KERNEL, Packages
from tests.guests.qemu import run_qemu
from tests.guests.sections import BANNER, HEADLINE, section

ROUNDS = 3
PATIENCE = 600
WORK, CALLS = 10, 300_000
APPEND = f"console=ttyAMA0 nokaslr -- work={WORK} syscalls={CALLS}"
"""Without KASLR: given a seed for it, as by QEMU, Linux also hides its page tables from user space, and
a system call costs twenty times as much. Both machines are to run the same code."""

BOOT_FAST, BOOT, WORK_FAST, CALLS_FAST = 1 / 1.6, 1 / 4, 0.75, 0.5


@dataclass(frozen=True)
class Times:
    """Seconds."""

    boot: float
    work: float
    calls: float

    @classmethod
    def of(cls, session: Session) -> Times:
        work, calls = session.at(f"{HEADLINE}work"), session.at(f"{HEADLINE}system calls")
        return cls(session.at(BANNER), calls - work, session.at("init: power off") - calls)


def rows(board: Path) -> list[Row]:
    """Each ratio is QEMU's time to ours."""
    packages = Packages.of_user()
    image = LinuxKernel(packages.get(CLOUD_KERNEL)).image
    archive = initramfs(packages.cache, {})
    qemu, fast, steady = _best(
        lambda: run_qemu(image, archive, APPEND, PATIENCE),
        lambda: run_soc(board, image, archive, APPEND, PATIENCE, options=["--fast"]),
        lambda: run_soc(board, image, archive, APPEND, PATIENCE),
    )
    return [
        _boot("Linux to /init, --fast", fast, qemu, BOOT_FAST),
        _boot("Linux to /init, deterministic", steady, qemu, BOOT),
        _rate("C workload in the guest, --fast", "rounds/s", WORK, fast.work, qemu.work, WORK_FAST),
        _rate("C workload in the guest, deterministic", "rounds/s", WORK, steady.work, qemu.work, None),
        _rate("system calls in the guest, --fast", "/s", CALLS, fast.calls, qemu.calls, CALLS_FAST),
        _rate("system calls in the guest, deterministic", "/s", CALLS, steady.calls, qemu.calls, None),
    ]


def _best(*boots: Callable[[], Session]) -> list[Times]:
    """The shortest of each time of each; they take turns, so that a slow spell hits all."""
    times: list[list[Times]] = [[] for _ in boots]
    checksums: set[tuple[str, ...]] = set()
    for _ in range(ROUNDS):
        for found, boot in zip(times, boots, strict=True):
            session = boot()
            found.append(Times.of(session))
            checksums.add(tuple(section(session.text, "work")[:3]))
    if len(checksums) != 1:
        raise RuntimeError(f"the machines do not agree on what the work gives: {sorted(checksums)}")
    return [Times(*map(min, zip(*map(astuple, found), strict=True))) for found in times]


def _boot(name: str, ours: Times, qemu: Times, bar: float) -> Row:
    return Row(name, ours.boot, "s", f"QEMU, {qemu.boot:.2f} s", qemu.boot / ours.boot, bar)


def _rate(name: str, unit: str, count: int, ours: float, qemu: float, bar: float | None) -> Row:
    return Row(name, count / ours, unit, f"QEMU, {count / qemu:,.1f} {unit}", qemu / ours, bar)
