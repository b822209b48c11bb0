"""Linux on the board with a GICv3, whose CPU interface is in the core."""

from __future__ import annotations

import re

import pytest

from soc.devicetree.tree import load_board
from tests.boot.linux import BootLinux
from tests.boot.running import VIRT_GICV3, Run
from tests.guests.sections import section

PHYSICAL, VIRTUAL = 1, 2
"""Of the timer's interrupts."""
ANSWER = ("--answer", "say something: ", "hello")


def boot(boot_linux: BootLinux, *options: object) -> Run:
    return boot_linux("drivers echo show=/proc/interrupts warnings", *ANSWER, *options, board=VIRT_GICV3)


@pytest.fixture(scope="module")
def run(boot_linux: BootLinux) -> Run:
    return boot(boot_linux, "--hash")


@pytest.fixture(scope="module")
def at_el2(boot_linux: BootLinux) -> Run:
    return boot(boot_linux, "--el", 2)


def test_it_boots_and_powers_off(run: Run) -> None:
    assert (run.status, run.ending) == (0, "power off")
    assert section(run.text, "echo") == ["say something: hello", "HELLO"]


@pytest.mark.parametrize(
    "line",
    [
        "Machine model: dmabuf-soc virt board with a GICv3",
        "CPU features: detected: GIC system register CPU interface",
        "GICv3: 224 SPIs implemented",
        "GICv3: CPU0: found redistributor 0 region 0:0x00000000080a0000",
    ],
)
def test_linux_says_what_it_found(run: Run, line: str) -> None:
    assert f"] {line}\n" in run.text


def test_linux_has_nothing_to_warn_of_nor_the_hardware_to_remark(run: Run, at_el2: Run) -> None:
    for each in (run, at_el2):
        warnings = [line.partition("] ")[2] for line in section(each.text, "warnings")]
        assert (warnings, each.remarks) == (["KASLR disabled due to lack of seed"], [])


@pytest.mark.parametrize(("level", "kind"), [(1, VIRTUAL), (2, PHYSICAL)], ids=["at EL1", "at EL2"])
def test_interrupts_arrive(run: Run, at_el2: Run, level: int, kind: int) -> None:
    """Linux takes the physical timer where it has a hypervisor to leave the virtual one to."""
    counts: dict[str, tuple[int, int]] = {}
    for line in section({1: run, 2: at_el2}[level].text, "/proc/interrupts"):
        if found := re.fullmatch(r" *\d+: +(\d+) +GICv3 +(\d+) (?:Level|Edge) +(\S+)", line):
            counts[found[3]] = int(found[2]), int(found[1])
    tree = load_board(VIRT_GICV3)
    [timer], [uart] = tree.compatible("arm,armv8-timer"), tree.compatible("arm,pl011")
    number, count = counts["arch_timer"]
    assert number == 16 + timer.interrupts[kind].specifier[1] and count > 10
    number, count = counts["uart-pl011"]
    assert number == 32 + uart.interrupts[0].specifier[1] and count > 0


def test_at_el2_linux_is_its_own_hypervisor(at_el2: Run) -> None:
    assert (at_el2.status, at_el2.ending) == (0, "power off")
    assert "CPU: All CPU(s) started at EL2\n" in at_el2.text
    assert re.search(r"kvm \[1\]: Hyp mode initialized successfully$", at_el2.text, re.MULTILINE)


def test_two_runs_are_the_same_run(run: Run, boot_linux: BootLinux) -> None:
    again = boot(boot_linux, "--hash")
    assert (again.status, again.console, again.digest) == (0, run.console, run.digest)
