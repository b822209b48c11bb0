"""Linux started in other ways: at EL2, at a random place, on the host's time, by the portable engine."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from tests.boot.linux import BootLinux
from tests.boot.running import Run
from tests.guests.sections import section

PROMPT = "say something: "
EARLY_CONSOLE = "earlycon=pl011,0x9000000"


# --- EL2 --------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_el2(boot_linux: BootLinux) -> Run:
    return boot_linux("warnings", "--el", 2, "--kaslr")


def test_at_el2_linux_is_its_own_hypervisor(at_el2: Run) -> None:
    assert (at_el2.status, at_el2.ending) == (0, "power off")
    assert "CPU: All CPU(s) started at EL2\n" in at_el2.text
    assert re.search(r"kvm \[1\]: Hyp mode initialized successfully$", at_el2.text, re.MULTILINE)
    assert "arch_timer: cp15 timer(s) running at 62.50MHz (phys).\n" in at_el2.text


def test_at_el2_and_with_a_seed_there_is_nothing_to_warn_of(at_el2: Run) -> None:
    assert "KASLR enabled\n" in at_el2.text
    assert section(at_el2.text, "warnings") == []
    assert at_el2.remarks == []


# --- KASLR ------------------------------------------------------------------


def place(run: Run) -> int:
    """How far a kernel that panics says it is from where it is linked."""
    assert (run.status, run.ending) == (1, "the guest panicked")
    [offset] = re.findall(r"Kernel Offset: (0x[0-9a-f]+) from 0x[0-9a-f]+$", run.text, re.MULTILINE)
    return int(offset, 16)


def test_each_seed_is_another_place(boot_linux: BootLinux) -> None:
    """A multiple of 2 MiB; the report shows the kernel's code there."""
    linked = 0xFFFF_8000_0800_0000
    runs = [boot_linux("panic", "--kaslr", "--seed", seed) for seed in (1, 2)]
    first, second = map(place, runs)
    assert first != second
    for offset, run in zip((first, second), runs, strict=True):
        assert offset > 0 and offset % (2 << 20) == 0
        assert linked + offset <= int(run.report[0].split()[1], 16) < linked + offset + (32 << 20)


def test_without_a_seed_it_lies_where_it_is_linked(boot_linux: BootLinux) -> None:
    run = boot_linux("panic")
    assert (run.status, run.ending) == (1, "the guest panicked")
    assert "Kernel Offset: disabled\n" in run.text
    assert run.report[1] == "  level    EL1"


# --- the host's time --------------------------------------------------------


def test_fast_boots_on_the_hosts_time(boot_linux: BootLinux) -> None:
    before = time.time()
    run = boot_linux(
        "echo warnings show=/sys/class/rtc/rtc0/since_epoch", "--fast", "--answer", PROMPT, "hello"
    )
    assert (run.status, run.ending) == (0, "power off")
    assert section(run.text, "echo") == [f"{PROMPT}hello", "HELLO"]
    warnings = [line.partition("] ")[2] for line in section(run.text, "warnings")]
    assert warnings == ["KASLR disabled due to lack of seed"]
    [since] = section(run.text, "/sys/class/rtc/rtc0/since_epoch")
    assert before - 1 <= int(since) <= time.time() + 60
    [clock] = re.findall(r"setting system clock to (\S+) UTC", run.text)
    assert abs(datetime.fromisoformat(clock).replace(tzinfo=UTC).timestamp() - int(since)) < 60
    assert run.remarks == []


# --- the portable engine ----------------------------------------------------


def test_the_portable_engine_does_the_same(boot_linux: BootLinux) -> None:
    """As far as it takes to see the MMU, exceptions, interrupts and the kernel rewriting its own code.

    The early console shows that the UART is left running.
    """
    fast, portable = (
        boot_linux("", *("--engine", engine), "--max-time", 0.095, "--hash", parameters=EARLY_CONSOLE)
        for engine in ("fast", "portable")
    )
    assert (fast.status, fast.ending) == (1, "the guest did not power off in time")
    assert "earlycon: pl11 at MMIO 0x0000000009000000" in fast.text
    assert "alternatives: applying system-wide alternatives\n" in fast.text
    assert (fast.console, fast.report, fast.digest) == (portable.console, portable.report, portable.digest)
