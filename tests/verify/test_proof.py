"""The five conditions: each fails alone when the one thing it looks for is there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.frames import STOPPED
from soc.memory.cache.incoherence import Incoherence, Kind, Party
from soc.memory.span import Frames
from soc.verify.evidence import Evidence
from soc.verify.proof import Proof, prove, reasons
from soc.verify.result import Copy, Fault
from tests.verify.crafted import FRAME, fetched, good, pages, produced, record

NAMES = ["same pages", "bytes", "cpu", "content", "caches"]


def failed(evidence: Evidence) -> dict[str, str]:
    """The conditions that did not hold, with what was seen."""
    proof = prove(evidence)
    assert [check.name for check in proof.checks] == NAMES
    return {check.name: check.detail for check in proof.checks if not check.held}


def refetched(evidence: Evidence, *contents: str | None, fault: str | None = None) -> Evidence:
    """The display fetched these instead, and read no more than they need."""
    evidence.fetched = fetched(*contents, fault=fault)
    evidence.moved["display"] = (FRAME * sum(content is not None for content in contents), 0)
    return evidence


def test_a_good_run_is_proven() -> None:
    evidence = good()
    proof = prove(evidence)
    assert (proof.verdict, proof.copies, proof.shown, proof.mismatched) == ("proven", [], 4, 0)
    assert (proof.moved, proof.minimum) == (8 * FRAME, 8 * FRAME)
    assert [(check.name, check.held, check.detail) for check in proof.checks] == [
        (
            "same pages",
            True,
            "3 buffers mapped by both engines and 4 frames resolve to the same page frames on both sides",
        ),
        ("bytes", True, "131,072 bytes moved on the buffers, as many as needed"),
        ("cpu", True, "the CPU read and wrote 0 bytes of the buffers"),
        ("content", True, "all 4 frames fetched are equal to the frames produced, in order"),
        ("caches", True, "no access met a stale cache line"),
    ]
    assert reasons(evidence, proof) == []


def test_software_that_keeps_no_books_can_be_proven_by_its_frames() -> None:
    evidence = good()
    evidence.sharing = []
    proof = prove(evidence)
    assert proof.verdict == "proven"
    assert proof.checks[0].detail == "4 frames resolve to the same page frames on both sides"


# --- (a) same pages ------------------------------------------------------------


def test_importers_that_see_different_pages() -> None:
    evidence = good()
    evidence.sharing[1].importers["other"] = pages(2)
    assert failed(evidence) == {"same pages": "other and camera see different pages of buffer 1"}
    assert prove(evidence).verdict == "unproven"


@pytest.mark.parametrize("engine", ["camera", "display"])
def test_a_buffer_that_one_of_the_engines_does_not_have(engine: str) -> None:
    evidence = good()
    evidence.sharing[2].importers[engine] = pages(2)[:0]
    assert failed(evidence) == {"same pages": f"buffer 2 is not mapped for {engine}"}
    del evidence.sharing[2].importers[engine]
    assert failed(evidence) == {"same pages": f"buffer 2 is not mapped for {engine}"}


def test_mappings_alone_prove_nothing() -> None:
    evidence = good()
    evidence.fetched = []
    evidence.moved["display"] = (0, 0)
    assert failed(evidence)["same pages"] == "no frame travelled from source to sink"


def test_a_missing_iommu_is_said() -> None:
    evidence = good()
    evidence.untranslated = ["display"]
    proof = prove(evidence)
    assert proof.verdict == "proven"
    assert proof.checks[0].detail.endswith("; no IOMMU before display, whose addresses are physical")


@pytest.mark.parametrize("view", [pages(0)[:-1], pages(0)[::-1], pages(0)[:0]])
def test_importers_that_see_fewer_pages_or_another_order(view: Frames) -> None:
    evidence = good()
    evidence.sharing[0].importers["other"] = view
    assert failed(evidence) == {"same pages": "other and camera see different pages of buffer 0"}


def test_a_frame_fetched_from_other_pages_than_it_was_produced_in() -> None:
    evidence = good()
    evidence.fetched = [*evidence.fetched[:2], record("display", 2, "frame 2", 1), evidence.fetched[3]]
    assert failed(evidence) == {"same pages": "frame 2 was produced in buffer 2 and fetched from buffer 1"}


def test_a_frame_fetched_from_memory_that_is_no_buffer() -> None:
    evidence = good()
    evidence.fetched = [*evidence.fetched[:3], record("display", 3, "frame 3", 9)]
    assert failed(evidence) == {
        "same pages": "frame 3 was produced in buffer 0 and fetched from memory at 0x80024000"
    }


# --- (b) bytes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("master", "moved", "detail"),
    [
        ("camera", (0, 4 * FRAME + 1), "camera wrote 65,537 bytes, 65,536 needed"),
        ("camera", (8, 4 * FRAME), "camera read 8 bytes, 0 needed"),
        ("display", (4 * FRAME - 64, 0), "display read 65,472 bytes, 65,536 needed"),
        ("display", (4 * FRAME, 1), "display wrote 1 bytes, 0 needed"),
        ("spy", (4096, 0), "spy read 4,096 bytes, 0 needed"),
    ],
)
def test_a_master_that_moves_more_or_less_than_needed(
    master: str, moved: tuple[int, int], detail: str
) -> None:
    evidence = good()
    evidence.moved[master] = moved
    assert failed(evidence) == {"bytes": detail}


def test_too_little_of_one_master_does_not_hide_too_much_of_another() -> None:
    evidence = good()
    evidence.moved["camera"] = (0, 3 * FRAME)
    evidence.moved["display"] = (5 * FRAME, 0)
    proof = prove(evidence)
    assert proof.moved == proof.minimum
    assert failed(evidence) == {
        "bytes": "camera wrote 49,152 bytes, 65,536 needed; display read 81,920 bytes, 65,536 needed"
    }


# --- (c) the CPU -----------------------------------------------------------------


@pytest.mark.parametrize(("reads", "writes"), [(4096, 0), (0, 1), (0, 2000)])
def test_a_cpu_that_touches_the_buffers(reads: int, writes: int) -> None:
    evidence = good()
    evidence.moved["cpu"] = (reads, writes)
    found = failed(evidence)
    assert found.pop("cpu") == f"the CPU read {reads:,} and wrote {writes:,} bytes of the buffers"
    assert list(found) == ["bytes"]
    assert prove(evidence).verdict == "unproven"


def test_a_cpu_that_reads_and_writes_the_buffers_copied() -> None:
    evidence = good()
    evidence.moved["cpu"] = (64, 2000)
    evidence.touched["cpu"] = (pages(0)[:1], pages(2))
    evidence.cpu_places = ["memcpy+0x8 wrote 2,000 bytes"]
    proof = prove(evidence)
    assert (proof.verdict, proof.copies) == ("copied", [Copy("cpu", 2000, "buffer 0", "buffer 2")])
    assert failed(evidence)["cpu"].endswith("bytes of the buffers: memcpy+0x8 wrote 2,000 bytes")


def test_a_copy_that_is_named_closely_is_named_once() -> None:
    evidence = good()
    evidence.moved["cpu"] = (64, 64)
    evidence.cpu_copies = [Copy("cpu at memcpy", 64, "buffer 0", "buffer 2")]
    assert prove(evidence).copies == evidence.cpu_copies


# --- (d) content -------------------------------------------------------------------


def test_a_fetch_that_shows_what_nobody_produced() -> None:
    evidence = refetched(good(), "frame 0", "noise", "frame 2", "frame 3")
    assert failed(evidence) == {
        "content": "1 of 4 fetches mismatched, the first is fetch 1: its content was produced by nobody"
    }
    proof = prove(evidence)
    assert (proof.shown, proof.mismatched) == (3, 1)


def test_frames_shown_in_another_order() -> None:
    evidence = good()
    swapped = [record("display", n, f"frame {f}", f % 3) for n, f in enumerate((0, 2, 1, 3))]
    evidence.fetched = swapped
    assert failed(evidence) == {
        "content": "1 of 4 fetches mismatched, the first is fetch 2: it shows frame 1 after frame 2"
    }


def test_a_frame_that_is_never_shown() -> None:
    evidence = good()
    evidence.fetched = [evidence.fetched[n] for n in (0, 1, 3)]
    evidence.moved["display"] = (3 * FRAME, 0)
    assert failed(evidence) == {"content": "4 of 4 frames produced, 3 fetched whole"}


def test_fewer_frames_than_asked_and_a_mismatch_are_both_told() -> None:
    evidence = refetched(good(), "frame 0", "noise", "frame 2", "frame 3")
    evidence.wanted = 5
    assert failed(evidence) == {
        "content": "4 of 5 frames produced, 3 fetched whole; 1 of 4 fetches mismatched, "
        "the first is fetch 1: its content was produced by nobody"
    }


def test_fewer_frames_than_were_asked_for() -> None:
    evidence = good()
    evidence.wanted = 5
    assert failed(evidence) == {"content": "4 of 5 frames produced, 4 fetched whole"}


def test_a_fetch_that_was_cut_short() -> None:
    evidence = refetched(good(), "frame 0", "frame 1", "frame 2", None, fault="F_TRANSLATION at iova 0x1000")
    found = failed(evidence)
    assert found == {
        "content": "1 of 4 fetches mismatched, the first is fetch 3: F_TRANSLATION at iova 0x1000"
    }
    evidence.moved["display"] = (3 * FRAME + FRAME // 2, 0)
    assert failed(evidence)["bytes"] == "display read 57,344 bytes, 49,152 needed"


def test_a_produced_frame_that_was_cut_short_is_no_frame() -> None:
    evidence = good()
    evidence.produced = produced("frame 0", "frame 1", "frame 2", None)
    evidence.fetched = fetched("frame 0", "frame 1", "frame 2")
    evidence.moved = {"camera": (0, 3 * FRAME), "display": (3 * FRAME, 0)}
    assert failed(evidence) == {"content": "3 of 4 frames produced, 3 fetched whole"}


def test_a_picture_on_screen_for_several_refreshes_is_no_fault() -> None:
    evidence = good(3)
    shown = [("frame 0", 0), ("frame 0", 0), ("frame 1", 1), ("frame 2", 2), ("frame 2", 2)]
    evidence.fetched = [record("display", n, content, buffer) for n, (content, buffer) in enumerate(shown)]
    evidence.moved["display"] = (5 * FRAME, 0)
    proof = prove(evidence)
    assert (proof.verdict, proof.shown, proof.minimum) == ("proven", 3, 8 * FRAME)


def test_nothing_produced_and_nothing_shown_proves_nothing() -> None:
    evidence = good(0)
    evidence.wanted = 1
    evidence.sharing = []
    assert failed(evidence) == {
        "same pages": "no frame travelled from source to sink",
        "bytes": "no whole frame was moved",
        "content": "0 of 1 frames produced, 0 fetched whole",
    }


# --- copies and reasons --------------------------------------------------------------


def test_a_copy_is_named_even_when_every_condition_holds() -> None:
    evidence = good()
    evidence.cpu_copies = [Copy("cpu at copy+0x4 (0x80001234)", 100, "buffer 0", "shadow", 0x8000_1234)]
    proof = prove(evidence)
    assert (proof.verdict, failed(evidence)) == ("copied", {})
    assert reasons(evidence, proof) == [
        "cpu at copy+0x4 (0x80001234) copied 100 bytes from buffer 0 to shadow"
    ]


def test_many_copies_of_one_culprit_are_one_reason() -> None:
    evidence = good()
    evidence.cpu_copies = [Copy("cpu at copy+0x4", 100, f"buffer {n % 3}", "shadow") for n in range(12)]
    evidence.cpu_copies.append(Copy("cpu at memset+0x8", 7, "buffer 0", "buffer 1"))
    assert reasons(evidence, prove(evidence)) == [
        "cpu at copy+0x4 copied 1,200 bytes from buffer 0, buffer 1, buffer 2 to shadow",
        "cpu at memset+0x8 copied 7 bytes from buffer 0 to buffer 1",
    ]


def test_another_engine_that_writes_into_the_buffers_copied() -> None:
    evidence = good()
    evidence.moved["dma"] = (FRAME, 2 * FRAME)
    evidence.touched["dma"] = (pages(0), np.concatenate([pages(1), pages(2)]))
    proof = prove(evidence)
    expected = Copy("dma", 2 * FRAME, "buffer 0", "buffer 1, buffer 2")
    assert (proof.verdict, proof.copies) == ("copied", [expected])
    assert failed(evidence) == {"bytes": "dma read 16,384 bytes, 0 needed; dma wrote 32,768 bytes, 0 needed"}


def test_another_engine_that_only_reads_did_not_copy() -> None:
    evidence = good()
    evidence.moved["dma"] = (FRAME, 0)
    assert prove(evidence).verdict == "unproven"


def fault(iova: int) -> Fault:
    return Fault("lcdif", 0x10, iova, "read", "F_TRANSLATION", 5, "the camera app")


def test_reasons_are_told_the_most_telling_first() -> None:
    evidence = refetched(good(), "frame 0", "frame 1", "frame 2", None, fault="F_TRANSLATION")
    evidence.mishaps = ["not done after 2 s of virtual time"]
    evidence.cpu_copies = [Copy("cpu", 5, "buffer 0", "buffer 1")]
    evidence.faults = [fault(0x1000), fault(0x2000), fault(0x3000)]
    evidence.leaked = ["dma-buf 1"]
    evidence.warnings = ["bad unmap"]
    assert reasons(evidence, prove(evidence)) == [
        "not done after 2 s of virtual time",
        "cpu copied 5 bytes from buffer 0 to buffer 1",
        "F_TRANSLATION: lcdif stream 0x10 read at iova 0x1000 (and 2 more); last owner: the camera app",
        "content: 1 of 4 fetches mismatched, the first is fetch 3: F_TRANSLATION",
        "leaked: dma-buf 1",
        "warning: bad unmap",
    ]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda e: e.leaked.append("dma-buf 1"), "leaked: dma-buf 1"),
        (lambda e: e.warnings.append("early put"), "warning: early put"),
        (lambda e: e.mishaps.append("the CPU stopped"), "the CPU stopped"),
        (
            lambda e: e.faults.append(fault(0x1000)),
            "F_TRANSLATION: lcdif stream 0x10 read at iova 0x1000; last owner: the camera app",
        ),
    ],
)
def test_a_proven_run_can_still_fail(spoil: Callable[[Evidence], None], reason: str) -> None:
    evidence = good()
    spoil(evidence)
    proof: Proof = prove(evidence)
    assert (proof.verdict, reasons(evidence, proof)) == ("proven", [reason])


def test_what_a_stopped_engine_had_moved_is_needed_and_no_more() -> None:
    evidence = good()
    cut = record("display", 4, None, fault=STOPPED)
    evidence.fetched = [*evidence.fetched, cut]
    evidence.moved["display"] = (4 * FRAME + cut.size, 0)
    assert prove(evidence).verdict == "proven"
    evidence.moved["display"] = (4 * FRAME, 0)
    assert failed(evidence) == {"bytes": "display read 65,536 bytes, 73,728 needed"}


# --- (e) caches --------------------------------------------------------------------


def test_a_stale_line_fails_the_run_though_every_byte_is_in_place() -> None:
    evidence = good()
    device, cpu = Party("display", 2000), Party("overlay", 1000)
    views = bytes([1]) * 64, bytes(64)
    incident = Incoherence(Kind.STALE_DEVICE_READ, 2000, PhysAddr(0x8000_0040), 3, cpu, device, *views)
    evidence.incoherences = [incident, incident]
    told = (
        "display read data that the CPU still had in its cache (no sync for the device): line 0x80000040 "
        "and 2 more; at byte 0 the CPU sees 01 01 01 01 01 01 01 01, DRAM has 00 00 00 00 00 00 00 00; "
        "CPU side overlay at 0.000001 s, device side display at 0.000002 s (the first of 2 such accesses)"
    )
    assert failed(evidence) == {"caches": told}
    assert prove(evidence).verdict == "unproven"
    assert reasons(evidence, prove(evidence)) == [f"caches: {told}"]


# --- reasons beside the conditions ---------------------------------------------------


def test_frames_that_the_source_could_not_write_are_told_once() -> None:
    evidence = good()
    lost = "nothing answers there at iova 0x30000000"
    evidence.produced = [record("camera", n, None, n, lost) for n in range(3)]
    told = reasons(evidence, prove(evidence))
    assert f"camera: 3 frames cut short, the first is 0: {lost}" in told
    evidence.faults = [Fault("camera", 0x11, 0x3000_0000, "write", "F_TRANSLATION", 0, "nobody")]
    assert not any("cut short" in reason for reason in reasons(evidence, prove(evidence)))


def test_setbacks_are_told_when_something_failed_and_only_then() -> None:
    evidence = good()
    evidence.setbacks = ["platform camera: no IOMMU, direct addresses: -ENOMEM"]
    assert reasons(evidence, prove(evidence)) == []
    evidence.leaked = ["dma-buf 1"]
    assert reasons(evidence, prove(evidence))[-1] == f"before that: {evidence.setbacks[0]}"


def test_a_planted_bug_that_passes_is_a_failure() -> None:
    evidence = good()
    evidence.planted = ("one", "two")
    assert reasons(evidence, prove(evidence)) == ["planted one, two: nothing was there to notice it"]
