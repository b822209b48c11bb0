"""The contract of report.json: these keys, with these meanings."""

from __future__ import annotations

import json

from soc.verify.result import Check, Copy, Fault, RunResult

RESULT = RunResult(
    scenario="cpu-copy",
    board="rehearsal",
    description="a copy",
    width=64,
    height=48,
    format="XRGB8888",
    verdict="copied",
    checks=[Check("cpu", False, "the CPU read 5")],
    copies=[Copy("cpu at copy+0x4", 100, "a", "b", 0x8000_0004)],
    produced=3,
    shown=2,
    mismatched=1,
    moved=500,
    minimum=400,
    moved_by={"cpu": (60, 40), "camera": (0, 400)},
    faults=[Fault("lcdif", 16, 0x1000, "read", "F_TRANSLATION", 77, "nobody")],
    leaked=["dma-buf 1"],
    warnings=["early put"],
    reasons=["cpu at copy+0x4 copied"],
    virtual_ns=123,
)


def test_the_contract() -> None:
    report = RESULT.as_json()
    assert report == {
        "scenario": "cpu-copy",
        "board": "rehearsal",
        "software": "",
        "result": "fail",
        "reasons": ["cpu at copy+0x4 copied"],
        "zero_copy": {
            "verdict": "copied",
            "copies": [{"by": "cpu at copy+0x4", "bytes": 100, "from": "a", "to": "b", "pc": 0x8000_0004}],
            "checks": [{"name": "cpu", "held": False, "detail": "the CPU read 5"}],
        },
        "frames": {"produced": 3, "shown": 2, "mismatched": 1},
        "bytes": {
            "moved": 500,
            "minimum": 400,
            "by_master": {"cpu": {"read": 60, "written": 40}, "camera": {"read": 0, "written": 400}},
        },
        "iommu": {
            "faults": [
                {
                    "device": "lcdif",
                    "stream": 16,
                    "iova": 0x1000,
                    "access": "read",
                    "reason": "F_TRANSLATION",
                    "time": 77,
                    "last_owner": "nobody",
                }
            ],
            "stale_uses": [],
        },
        "caches": {"incidents": []},
        "references": {"leaked": ["dma-buf 1"]},
        "warnings": ["early put"],
        "virtual_ns": 123,
    }
    assert json.loads(json.dumps(report)) == report


def test_a_run_passes_exactly_when_there_is_no_reason_against_it() -> None:
    results = [RunResult("s", "b", "", 1, 1, "XRGB8888", "proven", reasons=why) for why in ([], ["x"])]
    assert [result.passed for result in results] == [True, False]
    assert [result.as_json()["result"] for result in results] == ["pass", "fail"]
