"""Every task of /init on Debian's kernel, on a machine that is not ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guests import initramfs as build
from tests.guests.checksums import work
from tests.guests.console import Session
from tests.guests.fixtures import MakeInitramfs
from tests.guests.kernel import LinuxKernel
from tests.guests.packages import Packages
from tests.guests.qemu import PACKAGE, PROGRAM, run_qemu, run_qemu_firmware
from tests.guests.sections import BANNER, fact, section, sections

SECONDS = 120
Boot = Callable[..., Session]


@pytest.fixture(scope="module")
def boot(
    debian_tool: Callable[[str, str], Path], linux_kernel: LinuxKernel, initramfs: MakeInitramfs
) -> Boot:
    """`boot("drivers warnings")`: the session of a boot with these tasks. A panic restarts at once."""
    debian_tool(PROGRAM, PACKAGE)

    def run(tasks: str, *answers: tuple[str, str], modules: tuple[str, ...] = ()) -> Session:
        append = f"console=ttyAMA0 panic=-1 -- {tasks}"
        return run_qemu(linux_kernel.image, initramfs(modules), append, SECONDS, answers)

    return run


@pytest.fixture(scope="module")
def session(boot: Boot) -> Session:
    """One boot with what needs no arrangement."""
    files = "show=/proc/iomem show=/proc/cmdline show=/proc/nothing show=/sys/class/rtc/rtc0/name"
    tasks = (
        f"{files} drivers draw watchdog echo echo nonsense work=2 syscalls=1000 warnings show=/proc/uptime"
    )
    prompt = "say something: "
    return boot(tasks, (prompt, "hello, World\n"), (prompt, "\x04"))


def test_banner_comes_and_the_machine_powers_off(session: Session) -> None:
    assert 0 < session.at(BANNER) < session.seconds
    assert session.status == 0
    end = [line.text for line in session.lines[-2:]]
    assert end[0] == "init: power off"
    assert re.fullmatch(r"\[ *\d+\.\d+\] reboot: Power down", end[1])


def test_a_file_is_shown(session: Session) -> None:
    assert "40000000-5fffffff : System RAM" in section(session.text, "/proc/iomem")
    assert section(session.text, "/proc/cmdline")[0].startswith(
        "console=ttyAMA0 panic=-1 -- show=/proc/iomem "
    )
    assert section(session.text, "/proc/nothing") == ["/proc/nothing: No such file or directory"]
    assert section(session.text, "/sys/class/rtc/rtc0/name") == ["rtc-pl031 9010000.pl031"]


def test_drivers_are_named_with_their_devices(session: Session) -> None:
    lines = section(session.text, "drivers")
    assert {"9000000.pl011 uart-pl011", "9010000.pl031 rtc-pl031", "9030000.pl061 pl061_gpio"} < set(lines)
    assert "timer -" in lines


def test_a_machine_without_a_watchdog_says_so(session: Session) -> None:
    assert section(session.text, "watchdog") == ["/dev/watchdog: No such file or directory"]


def test_a_machine_without_a_frame_buffer_says_so(session: Session) -> None:
    assert section(session.text, "framebuffer") == ["/dev/fb0: No such file or directory"]


def test_echo_reads_the_console(session: Session) -> None:
    first, second = sections(session.text, "echo")
    assert first == ["say something: hello, World", "HELLO, WORLD"]
    assert second == ["say something: end of input"]


def test_a_word_that_is_no_task_is_named(session: Session) -> None:
    assert "init: there is no task nonsense" in session.text.splitlines()


def test_work_gives_the_checksums_and_its_time(session: Session) -> None:
    lines = section(session.text, "work")
    assert lines[:3] == work(2)
    nanoseconds = int(fact(lines, "clock").removesuffix(" ns"))
    ticks, frequency = map(int, re.fullmatch(r"(\d+) ticks of (\d+) Hz", fact(lines, "counter")).groups())
    assert ticks * 1e9 / frequency == pytest.approx(nanoseconds, rel=0.05)


def test_system_calls_are_counted(session: Session) -> None:
    lines = section(session.text, "system calls")
    assert int(fact(lines, "clock").removesuffix(" ns")) > 0
    assert fact(lines, "parent 0") == "1000"


def test_the_kernels_warnings_are_shown_and_nothing_less(session: Session) -> None:
    lines = section(session.text, "warnings")
    assert any("Memory resource size exceeds max for 32 bits" in line for line in lines)
    assert "Run /init as init process" in session.text
    assert not any("Run /init" in line for line in lines)


def test_modules_are_inserted_and_the_watchdog_answers(boot: Boot) -> None:
    text = boot("watchdog warnings", modules=("softdog", "sp805_wdt")).text
    assert section(text, "modules") == [
        "00-watchdog.ko: inserted",
        "01-softdog.ko: inserted",
        "02-sp805_wdt.ko: inserted",
    ]
    lines = section(text, "watchdog")
    assert fact(lines, "identity") == "Software Watchdog"
    assert fact(lines, "options") == "0x8180"
    assert fact(lines, "timeout") == "60"
    assert not [line for line in section(text, "warnings") if "watchdog" in line]


def test_a_watchdog_that_is_not_fed_bites(boot: Boot) -> None:
    text = boot("bite=1 echo", modules=("softdog",)).text
    assert section(text, "bite") == ["timeout: 1"]
    assert not sections(text, "echo")


def test_a_module_that_is_none_is_complained_of(
    boot: Boot, linux_kernel: LinuxKernel, packages: Packages
) -> None:
    archive = build.initramfs(packages.cache, {"broken": b"no module"})
    text = run_qemu(linux_kernel.image, archive, "console=ttyAMA0", SECONDS).text
    assert section(text, "modules") == ["00-broken.ko: Exec format error"]


@pytest.mark.parametrize(
    ("task", "last"),
    [
        ("poweroff", "reboot: Power down"),
        ("reboot", "reboot: Restarting system"),
        ("panic", "Kernel panic - not syncing: sysrq triggered crash"),
    ],
)
def test_each_end_is_an_end(boot: Boot, task: str, last: str) -> None:
    text = boot(f"{task} echo").text
    assert last in text
    assert not sections(text, "echo")


@pytest.mark.parametrize("task", ["hang", "wait"])
def test_a_guest_that_does_not_end_is_ended_from_outside(boot: Boot, task: str) -> None:
    text = boot(task, (f"init: {task}\r\n", "\x01x")).text
    assert [line for line in text.splitlines() if line.startswith("init: ")] == [BANNER, f"init: {task}"]
    assert "QEMU: Terminated" in text


def test_u_boot_answers_at_its_prompt(debian_tool: Callable[[str, str], Path], u_boot: Path) -> None:
    debian_tool(PROGRAM, PACKAGE)
    answers = (("stop autoboot", "\n"), ("=> ", "version\n"), ("=> ", "poweroff\n"))
    text = run_qemu_firmware(u_boot, SECONDS, answers).text
    assert re.search(r"^=> version\nU-Boot \d{4}\.\d\d", text, re.MULTILINE)
