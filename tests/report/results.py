"""Made-up results of runs: one for every verdict."""

from __future__ import annotations

from soc.verify.result import Check, Copy, Fault, RunResult, Span

FRAME = 1920 * 1080 * 4
PERIOD = 16_666_667
BUFFERS = ("frame-0", "frame-1", "frame-2")
CONDITIONS = ("same pages", "minimal bytes", "CPU did not touch", "shown equals produced")


def timeline(frames: int, fault_at: int | None = None, fault: str = "unmapped") -> list[Span]:
    """Camera and display taking turns on three buffers; the display stops for good at `fault_at`."""
    spans = []
    for sequence in range(frames):
        buffer = BUFFERS[sequence % len(BUFFERS)]
        start = 1_000_000 + sequence * PERIOD
        spans.append(Span("camera", sequence, buffer, start, start + 11_000_000))
        scan = start + PERIOD
        if sequence == fault_at:
            spans.append(Span("lcdif", sequence, buffer, scan, scan + 6_000_000, fault))
        elif fault_at is None or sequence < fault_at:
            spans.append(Span("lcdif", sequence, buffer, scan, scan + 15_000_000))
    return spans


def proven() -> RunResult:
    return RunResult(
        scenario="camera-to-display",
        board="rehearsal",
        description="120 frames of 1080p go from the camera to the display through three carveout buffers.",
        width=1920,
        height=1080,
        format="XRGB8888",
        verdict="proven",
        checks=[Check(name, True, f"{name}: seen in every one of 120 frames") for name in CONDITIONS],
        produced=120,
        shown=120,
        moved=240 * FRAME,
        minimum=240 * FRAME,
        moved_by={"camera": (0, 120 * FRAME), "lcdif": (120 * FRAME, 0)},
        virtual_ns=121 * PERIOD,
        timeline=timeline(120),
        kernel_log=["smmu 2b400000.iommu: 3 streams", "camera 32000000.camera: probed"],
        uart="first light\n",
    )


def copied() -> RunResult:
    result = proven()
    result.scenario = "cpu-copy"
    result.description = "The CPU copies each frame to a second buffer before the display gets it."
    result.verdict = "copied"
    result.checks[2] = Check(CONDITIONS[2], False, "the CPU read frame-0 and wrote shadow-0, 120 times")
    result.copies = [
        Copy("cpu at copy_frame+0x1c (0x80001234)", FRAME, "frame-0", "shadow-0", pc=0x8000_1234)
        for _ in range(120)
    ]
    result.moved += 240 * FRAME
    result.moved_by["cpu"] = (120 * FRAME, 120 * FRAME)
    result.reasons = ["zero-copy was expected, but cpu at copy_frame+0x1c (0x80001234) copied every frame"]
    return result


def unproven() -> RunResult:
    result = proven()
    result.scenario = "early-unmap"
    result.description = "A driver unmaps while the display still reads."
    result.verdict = "unproven"
    result.checks[3] = Check(CONDITIONS[3], False, "frame 60 was cut short: the SMMU refused 2,073,600 bytes")
    result.timeline = timeline(120, fault_at=60)
    result.produced, result.shown, result.mismatched = 120, 60, 1
    result.moved -= 59 * FRAME + FRAME // 4
    result.moved_by["lcdif"] = (result.moved - 120 * FRAME, 0)
    result.faults = [
        Fault(
            device="lcdif",
            stream=0x10,
            iova=0x1_0040_0000,
            access="read",
            reason="F_TRANSLATION",
            time=1_000_000 + 61 * PERIOD + 6_000_000,
            last_owner="frame-0, attached by lcdif, unmapped 0.120 ms before",
        )
    ]
    result.leaked = ["frame-0: 1 reference held by fd 7 of process 1"]
    result.warnings = ["WARNING: lcdif: unmapped while scanning out"]
    result.reasons = ["1 IOMMU fault", "60 of 120 frames shown"]
    return result
