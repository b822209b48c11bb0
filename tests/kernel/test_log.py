"""dmesg: stamps, warnings, the console sink."""

from __future__ import annotations

from soc.clock import Clock
from soc.kernel.log import KernelLog


def test_lines_carry_the_virtual_time_in_microseconds() -> None:
    clock = Clock()
    log = KernelLog(clock)
    log.info("Booting")
    clock.advance(16_666_999)
    log.error("no such heap")
    clock.advance(123_456_000_000_000)
    log.warn("first\nsecond")
    assert log.lines() == [
        "[    0.000000] Booting",
        "[    0.016666] no such heap",
        "[123456.000000] WARNING: first",
        "[123456.000000] second",
    ]


def test_only_warnings_are_warnings() -> None:
    log = KernelLog(Clock())
    log.info("a")
    log.error("b")
    assert log.warnings == []
    log.warn("c")
    assert log.warnings == ["c"]


def test_the_sink_gets_each_line_at_once() -> None:
    seen: list[str] = []
    log = KernelLog(Clock(), seen.append)
    log.warn("one\ntwo")
    log.info("three")
    assert seen == log.lines()
