from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soc.report.json_report import write_json
from soc.verify.result import RunResult
from tests.report import results


def written(result: RunResult, folder: Path) -> Any:
    write_json(result, folder / "report.json")
    return json.loads((folder / "report.json").read_text(encoding="ascii"))


def shape(value: Any) -> Any:
    """The keys of a JSON value, with the first element standing for every list."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_contract_keys_exactly(tmp_path: Path) -> None:
    everything = replace(
        results.unproven(),
        copies=results.copied().copies,
        moved_by={"lcdif": (1, 0)},
        stale_uses=["stale"],
        incoherences=["line"],
    )
    assert shape(written(everything, tmp_path)) == {
        "scenario": "str",
        "board": "str",
        "software": "str",
        "result": "str",
        "reasons": ["str"],
        "zero_copy": {
            "verdict": "str",
            "copies": [{"by": "str", "bytes": "int", "from": "str", "to": "str", "pc": "int"}],
            "checks": [{"name": "str", "held": "bool", "detail": "str"}],
        },
        "frames": {"produced": "int", "shown": "int", "mismatched": "int"},
        "bytes": {
            "moved": "int",
            "minimum": "int",
            "by_master": {"lcdif": {"read": "int", "written": "int"}},
        },
        "iommu": {
            "faults": [
                {
                    "device": "str",
                    "stream": "int",
                    "iova": "int",
                    "access": "str",
                    "reason": "str",
                    "time": "int",
                    "last_owner": "str",
                }
            ],
            "stale_uses": ["str"],
        },
        "caches": {"incidents": ["str"]},
        "references": {"leaked": ["str"]},
        "warnings": ["str"],
        "virtual_ns": "int",
    }


@pytest.mark.parametrize(
    ("result", "outcome", "verdict"),
    [
        (results.proven(), "pass", "proven"),
        (results.copied(), "fail", "copied"),
        (results.unproven(), "fail", "unproven"),
    ],
)
def test_result_and_verdict(result: RunResult, outcome: str, verdict: str, tmp_path: Path) -> None:
    report = written(result, tmp_path)
    assert (report["result"], report["zero_copy"]["verdict"]) == (outcome, verdict)


def test_a_fault_keeps_its_numbers(tmp_path: Path) -> None:
    fault = written(results.unproven(), tmp_path)["iommu"]["faults"][0]
    assert (fault["stream"], fault["iova"], fault["access"]) == (0x10, 0x1_0040_0000, "read")


def test_text_that_is_no_utf8_is_still_json(tmp_path: Path) -> None:
    result = replace(results.proven(), reasons=["lone \udc80 surrogate", "é"])
    assert written(result, tmp_path)["reasons"] == ["lone \udc80 surrogate", "é"]


def test_an_old_report_stays_when_the_new_one_cannot_be_made(tmp_path: Path) -> None:
    old = written(results.proven(), tmp_path)
    unwritable = replace(results.copied(), virtual_ns=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(unwritable, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == old
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
