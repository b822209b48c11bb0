"""How Linux ends: by PSCI, by a pin, by a register, by the watchdog; and how it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot.linux import BootLinux
from tests.boot.running import variant
from tests.guests.sections import BANNER, section

WITHOUT_PSCI = [("psci:\n", "psci:\n  status: disabled\n"), ("    enable-method: psci\n", "")]


def enabled(kind: str) -> tuple[str, str]:
    line = f"  compatible: {kind}\n"
    return f"{line}  status: disabled\n", line


@pytest.mark.parametrize(
    ("kind", "remark"),
    [
        ("syscon-poweroff", "poweroff: its word is 0x5555: power off"),
        ("gpio-poweroff", "gpio-poweroff: pin 3 of /soc/gpio@9030000 is high: power off"),
    ],
)
def test_boards_without_psci_have_other_switches(
    boot_linux: BootLinux, tmp_path: Path, kind: str, remark: str
) -> None:
    run = boot_linux("drivers warnings", board=variant(tmp_path, *WITHOUT_PSCI, enabled(kind)))
    assert (run.status, run.ending) == (0, "power off")
    name = {"syscon-poweroff": "poweroff"}.get(kind, kind)
    driver = {"gpio-poweroff": "poweroff-gpio"}.get(kind, kind)
    assert f"{name} {driver}" in section(run.text, "drivers")
    assert [line.partition("] ")[2] for line in run.remarks] == [remark]
    warnings = [line.partition("] ")[2] for line in section(run.text, "warnings")]
    assert warnings == ["KASLR disabled due to lack of seed"]


def test_a_restart_is_a_word_to_the_syscon(boot_linux: BootLinux) -> None:
    """Which Linux prefers to PSCI."""
    run = boot_linux("reboot", "--no-reboot")
    assert (run.status, run.ending) == (1, "the guest reset the machine")
    assert [line.partition("] ")[2] for line in run.remarks] == ["reboot: its word is 0x7777: reset"]
    assert run.text.rstrip().endswith("reboot: Restarting system")


def test_a_restart_is_a_call_of_psci_on_a_board_without(boot_linux: BootLinux, tmp_path: Path) -> None:
    line = "  compatible: syscon-reboot\n"
    run = boot_linux("reboot", "--no-reboot", board=variant(tmp_path, (line, f"{line}  status: disabled\n")))
    assert (run.status, run.ending, run.remarks) == (1, "the guest reset the machine", [])
    assert run.text.rstrip().endswith("reboot: Restarting system")


def test_a_watchdog_that_is_not_fed_resets_the_machine(boot_linux: BootLinux) -> None:
    run = boot_linux("bite=1", "--no-reboot", modules=["sp805_wdt"])
    assert (run.status, run.ending) == (1, "the guest reset the machine")
    assert section(run.text, "bite") == ["timeout: 1"]
    [remark] = run.remarks
    assert remark.endswith("watchdog@9020000: sp805: nobody answered its interrupt in time: reset")


def test_after_a_reset_linux_boots_again(boot_linux: BootLinux) -> None:
    """And ends by the limit, which is for both."""
    run = boot_linux("reboot", "--max-time", 1.2)
    assert run.text.count(f"{BANNER}\n") == 1
    assert run.text.count("Booting Linux on physical CPU 0x0000000000") == 2
    assert (run.status, run.ending) == (1, "the guest did not power off in time")


def test_a_busy_guest_is_ended_and_found(boot_linux: BootLinux) -> None:
    run = boot_linux("hang", "--max-time", 1)
    assert (run.status, run.ending) == (1, "the guest did not power off in time")
    assert any(" at 1.000 s of the machine, " in note for note in run.notes)
    assert run.report[1:3] == ["  level    EL0", "  ESR      0x00000000  none"]
    assert int(run.report[0].split()[1], 16) < 1 << 48
    assert run.report[3] == "  last exceptions"
    assert any("data abort from a lower level, ESR 0x9200" in line for line in run.report[4:])


def test_an_idle_guest_is_ended_and_found(boot_linux: BootLinux) -> None:
    run = boot_linux("wait", "--max-time", 100)
    assert (run.status, run.ending) == (1, "the guest did not power off in time")
    assert run.report[1] == "  level    EL1"
    assert int(run.report[0].split()[1], 16) >= 0xFFFF_8000_0000_0000
