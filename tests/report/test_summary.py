from __future__ import annotations

from dataclasses import replace

from soc.report import summary
from soc.verify.result import Copy
from tests.report import results


def test_proven() -> None:
    assert summary(results.proven()).splitlines() == [
        "PROVEN  Zero-copy is proven: nothing copied a buffer on the way.",
        "PASS  camera-to-display on rehearsal: 120 frames produced, 120 shown, 0 mismatched "
        "in 2.017 s of virtual time",
        "  bytes    1,990,656,000 moved, 1,990,656,000 is the minimum",
    ]


def test_copied() -> None:
    assert summary(results.copied()).splitlines() == [
        "COPIED  Not zero-copy: cpu at copy_frame+0x1c (0x80001234) moved 949.2 MiB "
        "that the pipeline did not need.",
        "FAIL  cpu-copy on rehearsal: 120 frames produced, 120 shown, 0 mismatched "
        "in 2.017 s of virtual time",
        "  bytes    3,981,312,000 moved, 1,990,656,000 is the minimum",
        "  reason   zero-copy was expected, but cpu at copy_frame+0x1c (0x80001234) copied every frame",
    ]


def test_unproven() -> None:
    assert summary(results.unproven()).splitlines()[3:] == [
        "  reason   1 IOMMU fault",
        "  reason   60 of 120 frames shown",
    ]


def test_a_flood_is_cut() -> None:
    lines = summary(replace(results.proven(), reasons=[f"leaked: {n}" for n in range(1008)])).splitlines()
    assert lines[3:] == [f"  reason   leaked: {n}" for n in range(8)] + [
        "  reason   and 1,000 more in report.json"
    ]


def test_two_culprits_are_both_named_once() -> None:
    copies = [Copy("cpu", 1, "a", "b"), Copy("dma", 2, "a", "c"), Copy("cpu", 4, "a", "d")]
    line = summary(replace(results.copied(), copies=copies)).splitlines()[0]
    assert line == "COPIED  Not zero-copy: cpu, dma moved 7 B that the pipeline did not need."


def test_a_terminal_is_not_obeyed() -> None:
    assert "reason   ␛[2J" in summary(replace(results.copied(), reasons=["\x1b[2J"]))
