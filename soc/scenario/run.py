"""Runs a scenario: rig up, let the software drive, judge what the hardware saw."""

from __future__ import annotations

from dataclasses import dataclass, field

from soc.scenario.firmware import FirmwareSession
from soc.scenario.kernel import KernelSession
from soc.scenario.outcome import Outcome
from soc.scenario.rig import Picture, Progress, Rig
from soc.scenario.spec import KernelRun, Scenario
from soc.verify.evidence import Evidence
from soc.verify.proof import Proof, prove, reasons
from soc.verify.result import RunResult, Span


@dataclass
class Run:
    """A finished run: the result, and the pictures `first` and `last` as (h, w, 3) arrays."""

    result: RunResult
    pictures: dict[str, Picture] = field(default_factory=dict)


def run_scenario(scenario: Scenario, progress: Progress = lambda shown: None) -> Run:
    """Carry out `scenario`. BadInput if board, scenario and image do not fit together."""
    rig = Rig(scenario, progress)
    try:
        software = scenario.software
        if isinstance(software, KernelRun):
            outcome = KernelSession(rig, software).run()
        else:
            outcome = FirmwareSession(rig, software).run()
        evidence = _evidence(rig, outcome)
        return Run(_result(rig, outcome, evidence, prove(evidence)), rig.pictures)
    finally:
        rig.close()


def _evidence(rig: Rig, outcome: Outcome) -> Evidence:
    scenario = rig.scenario
    return Evidence(
        source=rig.camera.frames.engine,
        sink=rig.display.frames.engine,
        frame_bytes=scenario.picture.size,
        wanted=scenario.frames,
        produced=rig.camera.frames.records,
        fetched=rig.display.frames.records,
        moved=outcome.moved,
        buffers=outcome.buffers,
        sharing=outcome.sharing,
        cpu_copies=outcome.copies,
        faults=rig.faults,
        leaked=outcome.leaked,
        warnings=outcome.warnings,
        mishaps=outcome.mishaps,
    )


def _result(rig: Rig, outcome: Outcome, evidence: Evidence, proof: Proof) -> RunResult:
    scenario = rig.scenario
    return RunResult(
        scenario=scenario.name,
        board=rig.machine.tree.model,
        description=scenario.description,
        width=scenario.picture.width,
        height=scenario.picture.height,
        format=scenario.picture.fourcc,
        verdict=proof.verdict,
        checks=proof.checks,
        copies=proof.copies,
        produced=sum(record.complete for record in evidence.produced),
        shown=proof.shown,
        mismatched=proof.mismatched,
        moved=proof.moved,
        minimum=proof.minimum,
        moved_by=outcome.moved,
        faults=evidence.faults,
        leaked=evidence.leaked,
        warnings=evidence.warnings,
        reasons=reasons(evidence, proof),
        virtual_ns=rig.machine.clock.now,
        timeline=_timeline(evidence),
        kernel_log=outcome.kernel_log,
        uart=rig.uart,
    )


def _timeline(evidence: Evidence) -> list[Span]:
    records = sorted([*evidence.produced, *evidence.fetched], key=lambda record: record.started)
    return [
        Span(
            record.engine,
            record.sequence,
            evidence.name_of(record.frames),
            record.started,
            record.ended,
            record.fault,
        )
        for record in records
    ]
