"""What a run ends in: the facts behind report.json and report.html."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["proven", "copied", "unproven"]


@dataclass(frozen=True)
class Check:
    """One condition of the proof. `detail` says in one sentence what was seen."""

    name: str
    held: bool
    detail: str


@dataclass(frozen=True)
class Copy:
    """Bytes somebody moved that the pipeline did not need.

    `by` names the master and, for a CPU, where its program was (`cpu at
    copy_frame+0x1c (0x80001234)`); `source` and `target` name buffers or memory.
    """

    by: str
    bytes: int
    source: str
    target: str
    pc: int | None = None


@dataclass(frozen=True)
class Fault:
    """One IOMMU fault. `iova` in bytes, `access` read|write, `reason` the event's name."""

    device: str
    stream: int
    iova: int
    access: str
    reason: str
    time: int
    last_owner: str


@dataclass(frozen=True)
class Span:
    """One frame at one engine, for the life lines: ns of virtual time."""

    engine: str
    sequence: int
    buffer: str
    started: int
    ended: int
    fault: str | None = None


@dataclass
class RunResult:
    """One finished run. `reasons` is empty exactly when `passed`; `software` says what drove it."""

    scenario: str
    board: str
    description: str
    width: int
    height: int
    format: str
    verdict: Verdict
    software: str = ""
    checks: list[Check] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    produced: int = 0
    shown: int = 0
    mismatched: int = 0
    moved: int = 0
    minimum: int = 0
    moved_by: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    stale_uses: list[str] = field(default_factory=list)
    incoherences: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    virtual_ns: int = 0
    timeline: list[Span] = field(default_factory=list)
    kernel_log: list[str] = field(default_factory=list)
    uart: str = ""

    @property
    def passed(self) -> bool:
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """The report.json contract; keys are read by others and never change meaning."""
        return {
            "scenario": self.scenario,
            "board": self.board,
            "software": self.software,
            "result": "pass" if self.passed else "fail",
            "reasons": self.reasons,
            "zero_copy": {
                "verdict": self.verdict,
                "copies": [
                    {"by": c.by, "bytes": c.bytes, "from": c.source, "to": c.target, "pc": c.pc}
                    for c in self.copies
                ],
                "checks": [asdict(check) for check in self.checks],
            },
            "frames": {"produced": self.produced, "shown": self.shown, "mismatched": self.mismatched},
            "bytes": {
                "moved": self.moved,
                "minimum": self.minimum,
                "by_master": {k: {"read": r, "written": w} for k, (r, w) in self.moved_by.items()},
            },
            "iommu": {
                "faults": [asdict(fault) for fault in self.faults],
                "stale_uses": self.stale_uses,
            },
            "caches": {"incidents": self.incoherences},
            "references": {"leaked": self.leaked},
            "warnings": self.warnings,
            "virtual_ns": self.virtual_ns,
        }
