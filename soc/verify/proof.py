"""The proof of zero-copy: five conditions, each of which can fail alone.

(a) same pages   every importer's mapping and every frame's transfers resolve to the same page frames
(b) bytes        each master moved each whole frame once, the sink once a refresh, and not a byte more
(c) cpu          the CPU did not touch the buffers
(d) content      what the sink fetched is what the source produced, frame by frame
(e) caches       nobody met a cache line that was stale, or lost what he wrote to one
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soc.frames import STOPPED, FrameRecord
from soc.verify.evidence import Evidence, Sharing
from soc.verify.result import Check, Copy, Verdict

CPU = "cpu"
"""The bus master that executes software."""

CACHES = "caches"
"""The condition that says most when it fails: stale lines make frames differ."""

NOTHING = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Matched:
    """Frames of the sink paired with frames of the source by content.

    `pairs` has each produced frame that was fetched whole, once, in order of
    fetching; `mismatched` are fetches that show no produced frame or go back in time, and why.
    """

    pairs: list[tuple[FrameRecord, FrameRecord]]
    mismatched: list[tuple[FrameRecord, str]]


@dataclass(frozen=True)
class Proof:
    verdict: Verdict
    checks: list[Check]
    copies: list[Copy]
    shown: int
    mismatched: int
    moved: int
    minimum: int


def match_frames(produced: Sequence[FrameRecord], fetched: Sequence[FrameRecord]) -> Matched:
    """Pair by digest. A picture on screen for several refreshes is one pair."""
    by_digest: dict[str | None, list[FrameRecord]] = {}
    for record in produced:
        if record.complete:
            by_digest.setdefault(record.digest, []).append(record)
    pairs: list[tuple[FrameRecord, FrameRecord]] = []
    mismatched = []
    last = -1
    for record in fetched:
        if record.fault == STOPPED:
            continue
        equals = by_digest.get(record.digest) if record.complete else None
        if equals is None:
            mismatched.append((record, record.fault or "its content was produced by nobody"))
            continue
        source = _shown(record, equals)
        if source.sequence < last:
            mismatched.append((record, f"it shows frame {source.sequence} after frame {last}"))
        elif source.sequence > last:
            pairs.append((source, record))
            last = source.sequence
    return Matched(pairs, mismatched)


def _shown(fetch: FrameRecord, equals: list[FrameRecord]) -> FrameRecord:
    """Which of the produced frames `equals`, all with the content of `fetch`, it shows.

    The newest that was complete by then in the pages that were fetched: a still
    scene gives many frames of one content. In other pages, the newest of all.
    """
    newest = bisect_right(equals, fetch.ended, key=lambda record: record.ended)
    for record in reversed(equals[:newest]):
        if np.array_equal(record.frames, fetch.frames):
            return record
    return equals[max(newest - 1, 0)]


def prove(evidence: Evidence) -> Proof:
    """Judge the evidence."""
    matched = match_frames(evidence.produced, evidence.fetched)
    needed = _needed(evidence)
    minimum = _sum(needed)
    moved = _sum(evidence.moved)
    copies = [*evidence.cpu_copies, *_other_copies(evidence)]
    checks = [
        _same_pages(evidence, matched),
        _bytes(evidence, needed),
        _cpu(evidence),
        _content(evidence, matched),
        _caches(evidence),
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
        if problem := _not_shared(evidence, sharing):
            return Check(name, False, problem)
    if not matched.pairs:
        return Check(name, False, "no frame travelled from source to sink")
    for source, sink in matched.pairs:
        if not np.array_equal(source.frames, sink.frames):
            where = evidence.name_of(source.frames), evidence.name_of(sink.frames)
            detail = f"frame {source.sequence} was produced in {where[0]} and fetched from {where[1]}"
            return Check(name, False, detail)
    importers = f"{len(evidence.sharing)} buffers mapped by both engines and " if evidence.sharing else ""
    detail = f"{importers}{len(matched.pairs)} frames resolve to the same page frames on both sides"
    if evidence.untranslated:
        detail += f"; no IOMMU before {', '.join(evidence.untranslated)}, whose addresses are physical"
    return Check(name, True, detail)


def _not_shared(evidence: Evidence, sharing: Sharing) -> str | None:
    """Why a buffer is not one and the same memory for source, sink and every other importer."""
    for engine in (evidence.source, evidence.sink):
        if not len(sharing.importers.get(engine, ())):
            return f"{sharing.buffer} is not mapped for {engine}"
    views = list(sharing.importers.items())
    for engine, frames in views[1:]:
        if not np.array_equal(frames, views[0][1]):
            return f"{engine} and {views[0][0]} see different pages of {sharing.buffer}"
    return None


def _needed(evidence: Evidence) -> dict[str, tuple[int, int]]:
    """Bytes (read, written) the pipeline needs of each master.

    Every whole frame moves once at each end; one that was stopped moved what it moved.
    """
    produced, fetched = (
        sum(evidence.frame_bytes for record in records if record.complete)
        + sum(record.size for record in records if record.fault == STOPPED)
        for records in (evidence.produced, evidence.fetched)
    )
    return {evidence.source: (0, produced), evidence.sink: (fetched, 0)}


def _sum(moved: dict[str, tuple[int, int]]) -> int:
    return sum(reads + writes for reads, writes in moved.values())


def _bytes(evidence: Evidence, needed: dict[str, tuple[int, int]]) -> Check:
    """Master by master, so that one that moved too little cannot hide one that moved too much."""
    wrong = []
    for name in dict.fromkeys([*needed, *sorted(evidence.moved)]):
        for did, moved, due in zip(
            ("read", "wrote"), evidence.moved.get(name, (0, 0)), needed.get(name, (0, 0)), strict=True
        ):
            if moved != due:
                wrong.append(f"{name} {did} {moved:,} bytes, {due:,} needed")
    if wrong:
        return Check("bytes", False, "; ".join(wrong))
    total = _sum(needed)
    if not total:
        return Check("bytes", False, "no whole frame was moved")
    return Check("bytes", True, f"{total:,} bytes moved on the buffers, as many as needed")


def _cpu(evidence: Evidence) -> Check:
    reads, writes = evidence.moved.get(CPU, (0, 0))
    if reads or writes:
        places = f": {'; '.join(evidence.cpu_places)}" if evidence.cpu_places else ""
        return Check(
            "cpu", False, f"the CPU read {reads:,} and wrote {writes:,} bytes of the buffers{places}"
        )
    return Check("cpu", True, "the CPU read and wrote 0 bytes of the buffers")


def _content(evidence: Evidence, matched: Matched) -> Check:
    produced = sum(record.complete for record in evidence.produced)
    shown = len(matched.pairs)
    wrong = []
    if produced != evidence.wanted or (shown != produced and not matched.mismatched):
        wrong.append(f"{produced} of {evidence.wanted} frames produced, {shown} fetched whole")
    if matched.mismatched:
        first, why = matched.mismatched[0]
        share = f"{len(matched.mismatched)} of {len(evidence.fetched)} fetches mismatched"
        wrong.append(f"{share}, the first is fetch {first.sequence}: {why}")
    if wrong:
        return Check("content", False, "; ".join(wrong))
    return Check("content", True, f"all {shown} frames fetched are equal to the frames produced, in order")


def _caches(evidence: Evidence) -> Check:
    found = evidence.incoherences
    if not found:
        return Check(CACHES, True, "no access met a stale cache line")
    more = f" (the first of {len(found):,} such accesses)" if len(found) > 1 else ""
    return Check(CACHES, False, f"{found[0]}{more}")


def _other_copies(evidence: Evidence) -> list[Copy]:
    """What masters besides the pipeline's two copied that has not been named more closely."""
    copies = []
    for name, (reads, writes) in evidence.moved.items():
        if not writes or name in (evidence.source, evidence.sink):
            continue
        if name == CPU and (evidence.cpu_copies or not reads):
            continue
        read, written = (evidence.name_of(frames) for frames in evidence.touched.get(name, NOTHING))
        copies.append(Copy(name, writes, read if reads else "elsewhere", written))
    return copies


def _told(copies: list[Copy]) -> list[str]:
    """One line for each culprit, however many times it copied."""
    lines = []
    for culprit in dict.fromkeys(copy.by for copy in copies):
        mine = [copy for copy in copies if copy.by == culprit]
        sources = ", ".join(dict.fromkeys(copy.source for copy in mine))
        targets = ", ".join(dict.fromkeys(copy.target for copy in mine))
        lines.append(
            f"{culprit} copied {sum(copy.bytes for copy in mine):,} bytes from {sources} to {targets}"
        )
    return lines


def reasons(evidence: Evidence, proof: Proof) -> list[str]:
    """Why the run failed, most telling first; empty if it passed."""
    out = list(evidence.mishaps)
    out.extend(_told(proof.copies))
    for fault in evidence.faults[:1]:
        more = f" (and {len(evidence.faults) - 1} more)" if len(evidence.faults) > 1 else ""
        out.append(
            f"{fault.reason}: {fault.device} stream {fault.stream:#x} {fault.access} "
            f"at iova {fault.iova:#x}{more}; last owner: {fault.last_owner}"
        )
    failed = [check for check in proof.checks if not check.held]
    for check in sorted(failed, key=lambda check: check.name != CACHES):
        out.append(f"{check.name}: {check.detail}")
    if not evidence.faults:
        out.extend(_cut_short(evidence.produced))
    out.extend(f"leaked: {line}" for line in evidence.leaked)
    out.extend(f"warning: {line}" for line in evidence.warnings)
    if out:
        out.extend(f"before that: {line}" for line in evidence.setbacks)
    elif evidence.planted:
        out.append(f"planted {', '.join(evidence.planted)}: nothing was there to notice it")
    return out


def _cut_short(records: Sequence[FrameRecord]) -> list[str]:
    """Why frames of the source did not become whole, told once."""
    broken = [record for record in records if record.fault not in (None, STOPPED, "reset")]
    if not broken:
        return []
    first = broken[0]
    return [f"{first.engine}: {len(broken)} frames cut short, the first is {first.sequence}: {first.fault}"]
