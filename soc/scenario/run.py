"""Runs a scenario: rig up, let the software drive, judge what the hardware saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from soc.scenario.firmware import FirmwareSession
from soc.scenario.kernel import KernelSession
from soc.scenario.outcome import Outcome
from soc.scenario.rig import Picture, Progress, Rig
from soc.scenario.spec import FirmwareRun, KernelRun, Scenario
from soc.verify.evidence import Evidence, buffers_used
from soc.verify.proof import Proof, prove, reasons
from soc.verify.result import RunResult, Span

MOST_INCIDENTS = 100
"""Cache incidents that a report lists; the check says how many there were."""


@dataclass
class Run:
    """A finished run: the result, and the pictures `first` and `last` as (h, w, 3) arrays."""

    result: RunResult
    pictures: dict[str, Picture] = field(default_factory=dict)


def run_scenario(
    scenario: Scenario,
    progress: Progress = lambda shown: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Run:
    """Carry out `scenario`. BadInput if board, scenario and image do not fit together.

    KeyboardInterrupt between two slices of the machine once `interrupted()`.
    """
    rig = Rig(scenario, progress)
    rig.machine.interrupted = interrupted
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
    produced, fetched = rig.camera.frames.records, rig.display.frames.records
    buffers = buffers_used([*produced, *fetched], outcome.names)
    parts = [outcome.watched, *(buffer.frames for buffer in (*outcome.names, *buffers))]
    pages = np.unique(np.concatenate(parts))
    return Evidence(
        source=rig.camera.frames.engine,
        sink=rig.display.frames.engine,
        frame_bytes=scenario.picture.size,
        wanted=scenario.frames,
        produced=produced,
        fetched=fetched,
        moved=outcome.window.moved(pages) if outcome.window else {},
        buffers=buffers,
        touched=outcome.window.touched(pages) if outcome.window else {},
        untranslated=rig.untranslated(),
        cpu_places=outcome.cpu_places,
        sharing=outcome.sharing,
        cpu_copies=outcome.copies,
        faults=rig.faults,
        incoherences=rig.machine.cache.incidents if rig.machine.cache else [],
        leaked=outcome.leaked,
        warnings=outcome.warnings,
        setbacks=outcome.setbacks,
        planted=scenario.software.bugs if isinstance(scenario.software, KernelRun) else (),
        mishaps=outcome.mishaps,
    )


def _result(rig: Rig, outcome: Outcome, evidence: Evidence, proof: Proof) -> RunResult:
    scenario = rig.scenario
    return RunResult(
        scenario=scenario.name,
        board=rig.machine.tree.model,
        description=scenario.description,
        software=_software(scenario.software),
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
        moved_by=evidence.moved,
        faults=evidence.faults,
        stale_uses=outcome.stale_uses,
        incoherences=[str(incident) for incident in evidence.incoherences[:MOST_INCIDENTS]],
        leaked=evidence.leaked,
        warnings=evidence.warnings,
        reasons=reasons(evidence, proof),
        virtual_ns=rig.machine.clock.now,
        timeline=_timeline(evidence),
        kernel_log=outcome.kernel_log,
        uart=rig.uart,
    )


def _timeline(evidence: Evidence) -> list[Span]:
    """Every frame at each engine; a fetch carries the number of the frame it shows."""
    shows = {record.digest: record.sequence for record in evidence.produced if record.complete}
    records = sorted([*evidence.produced, *evidence.fetched], key=lambda record: record.started)
    return [
        Span(
            record.engine,
            shows.get(record.digest, record.sequence),
            evidence.name_of(record.frames) if len(record.frames) else "no memory",
            record.started,
            record.ended,
            record.fault,
        )
        for record in records
    ]


def _software(software: KernelRun | FirmwareRun) -> str:
    """What drove the machine, for people."""
    if isinstance(software, FirmwareRun):
        arguments = " ".join(str(argument) for argument in software.arguments)
        return f"firmware {software.image.name} {arguments}".rstrip()
    bugs = f", planted: {', '.join(software.bugs)}" if software.bugs else ""
    return f"kernel model, {software.buffers} buffers from {software.heap}{bugs}"
