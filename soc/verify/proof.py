"""The proof of zero-copy: four conditions, each of which can fail alone.

(a) same pages   every importer's mapping and every frame's transfers resolve to the same page frames
(b) bytes        the masters moved what the pipeline needs and not a byte more
(c) cpu          the CPU did not touch the buffers
(d) content      what the sink fetched is what the source produced, frame by frame
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soc.frames import FrameRecord
from soc.verify.evidence import Evidence
from soc.verify.result import Check, Copy, Verdict


@dataclass(frozen=True)
class Matched:
    """Frames of the sink paired with frames of the source by content.

    `pairs` has each produced frame that was fetched whole, once, in order of
    fetching; `mismatched` are fetches that show no produced frame or go back in time.
    """

    pairs: list[tuple[FrameRecord, FrameRecord]]
    mismatched: list[FrameRecord]


@dataclass(frozen=True)
class Proof:
    verdict: Verdict
    checks: list[Check]
    copies: list[Copy]
    shown: int
    mismatched: int
    moved: int
    minimum: int


def match_frames(produced: list[FrameRecord], fetched: list[FrameRecord]) -> Matched:
    """Pair by digest. A picture on screen for several refreshes is one pair."""
    by_digest = {record.digest: record for record in produced if record.complete}
    pairs: list[tuple[FrameRecord, FrameRecord]] = []
    mismatched = []
    last = -1
    for record in fetched:
        source = by_digest.get(record.digest) if record.complete else None
        if source is None or source.sequence < last:
            mismatched.append(record)
        elif source.sequence > last:
            pairs.append((source, record))
            last = source.sequence
    return Matched(pairs, mismatched)


def prove(evidence: Evidence) -> Proof:
    """Judge the evidence."""
    matched = match_frames(list(evidence.produced), list(evidence.fetched))
    complete = [r for r in evidence.produced if r.complete], [r for r in evidence.fetched if r.complete]
    minimum = evidence.frame_bytes * (len(complete[0]) + len(complete[1]))
    moved = sum(reads + writes for reads, writes in evidence.moved.values())
    copies = [*evidence.cpu_copies, *_engine_copies(evidence)]
    checks = [
        _same_pages(evidence, matched),
        _bytes(evidence, moved, minimum),
        _cpu(evidence),
        _content(evidence, matched),
    ]
    if copies:
        verdict: Verdict = "copied"
    elif all(check.held for check in checks):
        verdict = "proven"
    else:
        verdict = "unproven"
    return Proof(verdict, checks, copies, len(matched.pairs), len(matched.mismatched), moved, minimum)


def _same_pages(evidence: Evidence, matched: Matched) -> Check:
    name = "same pages"
    for sharing in evidence.sharing:
        views = list(sharing.importers.items())
        for device, frames in views[1:]:
            if not np.array_equal(frames, views[0][1]):
                return Check(name, False, f"{device} and {views[0][0]} see different pages of {sharing.buffer}")
    for source, sink in matched.pairs:
        if not np.array_equal(source.frames, sink.frames):
            where = evidence.name_of(source.frames), evidence.name_of(sink.frames)
            return Check(
                name,
                False,
                f"frame {source.sequence} was produced in {where[0]} and fetched from {where[1]}",
            )
    if not matched.pairs:
        return Check(name, False, "no frame travelled from source to sink")
    importers = f"{len(evidence.sharing)} buffers mapped by both engines and " if evidence.sharing else ""
    return Check(name, True, f"{importers}{len(matched.pairs)} frames resolve to the same page frames on both sides")


def _bytes(evidence: Evidence, moved: int, minimum: int) -> Check:
    detail = f"{moved:,} bytes moved on the buffers, {minimum:,} needed"
    if moved != minimum or not minimum:
        extra = sorted(set(evidence.moved) - {evidence.source, evidence.sink})
        who = f"; besides the engines: {', '.join(extra)}" if extra else ""
        return Check("bytes", False, detail + who)
    return Check("bytes", True, detail)


def _cpu(evidence: Evidence) -> Check:
    reads, writes = evidence.moved.get("cpu", (0, 0))
    if reads or writes:
        return Check("cpu", False, f"the CPU read {reads:,} and wrote {writes:,} bytes of the buffers")
    return Check("cpu", True, "the CPU read and wrote 0 bytes of the buffers")


def _content(evidence: Evidence, matched: Matched) -> Check:
    produced = sum(record.complete for record in evidence.produced)
    shown = len(matched.pairs)
    if matched.mismatched:
        first = matched.mismatched[0]
        why = first.fault or "its content was produced by nobody"
        return Check(
            "content", False, f"{len(matched.mismatched)} fetches do not match, the first is {first.sequence}: {why}"
        )
    if shown != produced or produced != evidence.wanted:
        return Check("content", False, f"{produced} of {evidence.wanted} frames produced, {shown} fetched whole")
    return Check("content", True, f"all {shown} frames fetched are equal to the frames produced, in order")


def _engine_copies(evidence: Evidence) -> list[Copy]:
    """Any master besides the pipeline's two that wrote into the buffers."""
    every = evidence.name_of(np.concatenate([b.frames for b in evidence.buffers])) if evidence.buffers else "the buffers"
    return [
        Copy(name, writes, every, every)
        for name, (_, writes) in evidence.moved.items()
        if writes and name not in (evidence.source, evidence.sink, "cpu")
    ]


def reasons(evidence: Evidence, proof: Proof) -> list[str]:
    """Why the run failed, most telling first; empty if it passed."""
    out = list(evidence.mishaps)
    for copy in proof.copies:
        out.append(f"{copy.by} copied {copy.bytes:,} bytes from {copy.source} to {copy.target}")
    for fault in evidence.faults[:1]:
        more = f" (and {len(evidence.faults) - 1} more)" if len(evidence.faults) > 1 else ""
        out.append(
            f"{fault.reason}: {fault.device} stream {fault.stream:#x} {fault.access} at iova {fault.iova:#x}{more}; "
            f"last owner: {fault.last_owner}"
        )
    out.extend(f"{check.name}: {check.detail}" for check in proof.checks if not check.held)
    out.extend(f"leaked: {line}" for line in evidence.leaked)
    out.extend(f"warning: {line}" for line in evidence.warnings)
    return out
