"""Debian's Linux on the virt board: one boot with everything our /init can ask, read by many tests."""

from __future__ import annotations

import re
import subprocess

import pytest

from soc.devicetree.tree import Tree, load_board
from tests.boot.linux import arguments
from tests.boot.running import ROOT, VIRT, Run, boot, command
from tests.guests.checksums import work
from tests.guests.fixtures import MakeInitramfs
from tests.guests.kernel import LinuxKernel
from tests.guests.sections import BANNER, fact, section

TASKS = (
    "show=/proc/iomem show=/proc/meminfo show=/sys/class/rtc/rtc0/date drivers watchdog echo echo "
    "show=/proc/interrupts work=1 syscalls=1000 warnings"
)
ECHO = ("say something: ", "hello, World")
EXPECTED_WARNINGS = {
    "KASLR disabled due to lack of seed",  # none was given: the kernel is to lie where it is linked
}


@pytest.fixture(scope="module")
def words(linux_kernel: LinuxKernel, initramfs: MakeInitramfs) -> list[object]:
    """What stands behind `soc boot`."""
    answers = ["--answer", *ECHO, "--answer", ECHO[0], "x" * 100]
    return [*arguments(linux_kernel, initramfs(["sp805_wdt"]), TASKS), *answers, "--hash"]


@pytest.fixture(scope="module")
def run(words: list[object]) -> Run:
    return boot(*words)


@pytest.fixture(scope="module")
def tree() -> Tree:
    return load_board(VIRT)


def test_it_boots_to_our_init_and_powers_off(run: Run) -> None:
    assert (run.status, run.ending, run.report) == (0, "power off", [])
    lines = run.text.splitlines()
    assert lines[0].endswith("Booting Linux on physical CPU 0x0000000000 [0x410fd083]")
    assert lines.index(BANNER) < lines.index("init: power off")
    assert re.fullmatch(r"\[ +\d+\.\d{6}\] reboot: Power down", lines[-1])


def test_a_run_of_another_process_is_the_same_run(run: Run, words: list[object]) -> None:
    """Byte for byte, whatever the host did meanwhile."""
    done = subprocess.run(
        command(*words), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    again = Run(done.returncode, done.stdout, tuple(done.stderr.decode().splitlines()))
    assert (again.status, again.console, again.digest) == (0, run.console, run.digest)


# --- memory -----------------------------------------------------------------


def test_the_cma_area_is_where_the_board_says(run: Run, tree: Tree) -> None:
    [cma] = [region for region in tree.reserved if region.is_cma]
    size = cma.size >> 20
    assert f"Reserved memory: created CMA memory pool at {cma.base:#018x}, size {size} MiB\n" in run.text
    assert f"OF: reserved mem: initialized node {cma.name}, compatible id shared-dma-pool\n" in run.text
    iomem = section(run.text, "/proc/iomem")
    ram = next(line for line in iomem if line.endswith(" : System RAM"))
    assert iomem.index(ram) < iomem.index(f"  {cma.base:08x}-{cma.end - 1:08x} : reserved")
    memory = section(run.text, "/proc/meminfo")
    assert fact(memory, "CmaTotal").strip() == f"{cma.size >> 10} kB"


def test_the_carveout_is_no_memory_of_linux(run: Run, tree: Tree) -> None:
    [carveout] = [region for region in tree.reserved if region.no_map]
    [bank] = tree.memory
    edges = [bank.base, carveout.base, carveout.end, bank.end]
    spans = list(zip(edges, edges[1:], strict=False))
    for start, end in spans:
        assert f"node   0: [mem {start:#018x}-{end - 1:#018x}]\n" in run.text
    outer = [line for line in section(run.text, "/proc/iomem") if line[0] != " "]
    names = ["System RAM", "reserved", "System RAM"]
    shown = [f"{start:08x}-{end - 1:08x} : {name}" for (start, end), name in zip(spans, names, strict=True)]
    assert [line for line in outer if int(line.split("-")[0], 16) >= bank.base] == shown
    total = int(fact(section(run.text, "/proc/meminfo"), "MemTotal").split()[0]) << 10
    assert total < bank.size - carveout.size


# --- hardware ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("compatible", "driver"),
    [
        ("arm,pl011", "uart-pl011"),
        ("arm,pl031", "rtc-pl031"),
        ("arm,pl061", "pl061_gpio"),
        ("arm,sp805", "sp805-wdt"),
        ("arm,smmu-v3", "arm-smmu-v3"),
        ("syscon-reboot", "syscon-reboot"),
    ],
)
def test_linux_binds_its_own_driver(run: Run, tree: Tree, compatible: str, driver: str) -> None:
    [node] = tree.compatible(compatible)
    name = f"{node.reg[0].address:x}.{node.name.split('@')[0]}" if node.reg else node.name
    assert f"{name} {driver}" in section(run.text, "drivers")


@pytest.mark.parametrize(
    "line",
    [
        r"Machine model: dmabuf-soc virt board",
        r"psci: PSCIv1\.0 detected in firmware\.",
        r"psci: SMC Calling Convention v1\.1",
        r"Root IRQ handler: gic_handle_irq",
        r"arch_timer: cp15 timer\(s\) running at 62\.50MHz \(virt\)\.",
        r"CPU: All CPU\(s\) started at EL1",
        r"kvm \[1\]: HYP mode not available",
        r"9000000\.serial: ttyAMA0 at MMIO 0x9000000 \(irq = \d+, base_baud = 0\) is a PL011 rev2",
        r"pl061_gpio 9030000\.gpio: PL061 GPIO chip registered",
        r"arm-smmu-v3 9050000\.iommu: ias 40-bit, oas 40-bit \(features 0x[0-9a-f]{8}\)",
        r"arm-smmu-v3 9050000\.iommu: allocated \d+ entries for cmdq",
        r"rtc-pl031 9010000\.rtc: registered as rtc0",
        r"rtc-pl031 9010000\.rtc: setting system clock to 2026-01-01T00:00:00 UTC \(1767225600\)",
        r"Trying to unpack rootfs image as initramfs\.\.\.",
        r"Run /init as init process",
    ],
)
def test_linux_says_what_it_found(run: Run, line: str) -> None:
    assert re.search(rf"^\[ +\d+\.\d{{6}}\] {line}$", run.text, re.MULTILINE)


def test_linux_has_nothing_to_warn_of(run: Run) -> None:
    warnings = {line.partition("] ")[2] for line in section(run.text, "warnings")}
    assert warnings == EXPECTED_WARNINGS


def test_the_hardware_has_nothing_to_remark(run: Run) -> None:
    """No register that is not there, no address where nothing answers."""
    assert run.remarks == []


def test_interrupts_arrive_by_the_lines_of_the_board(run: Run, tree: Tree) -> None:
    counts = {
        (int(number), name): int(count)
        for count, number, name in re.findall(
            r"^ *\d+: +(\d+) +GIC-0 +(\d+) (?:Level|Edge) +(\S+)$",
            "\n".join(section(run.text, "/proc/interrupts")),
            re.MULTILINE,
        )
    }
    [uart], [rtc], [smmu] = (tree.compatible(kind) for kind in ("arm,pl011", "arm,pl031", "arm,smmu-v3"))
    [timer] = tree.compatible("arm,armv8-timer")
    virtual = 2
    lines = {
        "uart-pl011": 32 + uart.interrupts[0].specifier[1],
        "rtc-pl031": 32 + rtc.interrupts[0].specifier[1],
        "arm-smmu-v3-evtq": 32 + smmu.interrupts[0].specifier[1],
        "arm-smmu-v3-gerror": 32 + smmu.interrupts[1].specifier[1],
        "arch_timer": 16 + timer.interrupts[virtual].specifier[1],
    }
    assert set(counts) == {(number, name) for name, number in lines.items()}
    assert counts[lines["arch_timer"], "arch_timer"] > 10
    assert counts[lines["uart-pl011"], "uart-pl011"] > 0  # something was typed
    assert counts[lines["arm-smmu-v3-gerror"], "arm-smmu-v3-gerror"] == 0


def test_the_clock_starts_with_the_year(run: Run) -> None:
    assert section(run.text, "/sys/class/rtc/rtc0/date") == ["2026-01-01"]


def test_the_watchdog_is_opened_kept_alive_and_closed(run: Run) -> None:
    """The machine lives on: closing it has stopped it."""
    assert section(run.text, "modules") == ["00-watchdog.ko: inserted", "01-sp805_wdt.ko: inserted"]
    lines = section(run.text, "watchdog")
    assert [fact(lines, name) for name in ("identity", "options", "timeout")] == ["sp805-wdt", "0x8180", "60"]
    assert int(fact(lines, "time left")) in (59, 60)
    assert len(lines) == 4


# --- programs ---------------------------------------------------------------


def test_it_answers_what_is_typed(run: Run) -> None:
    """The second line is longer than the UART's FIFO."""
    typed = re.findall(r"^say something: (.*)\n(.*)\n", run.text, re.MULTILINE)
    assert typed == [("hello, World", "HELLO, WORLD"), ("x" * 100, "X" * 100)]


def test_it_computes_as_others_do(run: Run) -> None:
    assert section(run.text, "work")[:3] == work(1)


def test_clock_and_counter_agree(run: Run) -> None:
    lines = section(run.text, "work")
    nanoseconds = int(fact(lines, "clock").removesuffix(" ns"))
    ticks, frequency = map(int, re.fullmatch(r"(\d+) ticks of (\d+) Hz", fact(lines, "counter")).groups())
    assert frequency == 62_500_000
    assert ticks * 16 == pytest.approx(nanoseconds, rel=0.001)


def test_a_program_calls_the_kernel(run: Run) -> None:
    assert fact(section(run.text, "system calls"), "parent 0") == "1000"
