"""Registers of the camera, an IP of this project; this table is its datasheet.

Software fills SIZE, FORMAT, the strides and FRAME_PERIOD, puts buffers into the
hardware queue (addresses first, then QUEUE) and sets CTRL.ENABLE. The sensor
starts a frame every FRAME_PERIOD. Each frame takes the oldest queued buffer;
with none queued the frame is lost and OVERRUN is raised. When the last line is
in memory DONE_ADDR names the buffer and FRAME_DONE is raised.
"""

from __future__ import annotations

from soc.registers import Field, Register, RegisterTable

FORMAT_XRGB8888 = 0
FORMAT_NV12 = 1

PATTERN_BARS = 0
PATTERN_GRADIENT = 1
PATTERN_CHECKER = 2

FORMATS = {"XRGB8888": FORMAT_XRGB8888, "NV12": FORMAT_NV12}
"""FORMAT.CODE by fourcc."""
PATTERNS = {"bars": PATTERN_BARS, "gradient": PATTERN_GRADIENT, "checker": PATTERN_CHECKER}
"""PATTERN.CODE by the name people give it."""

QUEUE_DEPTH = 4
LARGEST_SIDE = 8192

_EVENTS = (
    Field("FRAME_DONE", 0, doc="a frame is complete in memory"),
    Field("DMA_ERROR", 1, doc="a write was aborted; the frame is incomplete"),
    Field("OVERRUN", 2, doc="a frame was lost because no buffer was queued"),
)

TABLE = RegisterTable(
    "camera",
    0x1000,
    "this table",
    [
        Register(0x00, "ID", "ro", "Identification, the letters CAM1", reset=0x43414D31),
        Register(
            0x04,
            "CTRL",
            "rw",
            "Control",
            (
                Field("ENABLE", 0, doc="stream; clearing it stops after the frame in flight"),
                Field("RESET", 31, doc="write one: back to reset values, the frame in flight is dropped"),
            ),
        ),
        Register(
            0x08,
            "STATUS",
            "ro",
            "Status",
            (
                Field("BUSY", 0, doc="a frame is in flight"),
                Field("QUEUED", 8, 4, "buffers in the hardware queue"),
            ),
        ),
        Register(0x0C, "IRQ_STATUS", "w1c", "Interrupt status", _EVENTS),
        Register(
            0x10, "IRQ_ENABLE", "rw", "Interrupt enable; the line is STATUS AND ENABLE", _EVENTS, writable=7
        ),
        Register(
            0x14,
            "FORMAT",
            "rw",
            "Pixel format",
            (Field("CODE", 0, 4, "0 XRGB8888, 1 NV12 (Y plane, then interleaved CbCr at half size)"),),
        ),
        Register(
            0x18,
            "SIZE",
            "rw",
            "Frame size in pixels",
            (
                Field("WIDTH", 0, 16, "1 to 8192, a multiple of 2 for NV12"),
                Field("HEIGHT", 16, 16, "1 to 8192, a multiple of 2 for NV12"),
            ),
        ),
        Register(
            0x1C, "PATTERN", "rw", "Test pattern", (Field("CODE", 0, 4, "0 bars, 1 gradient, 2 checker"),)
        ),
        Register(0x20, "STRIDE", "rw", "Bytes from line to line of the first plane"),
        Register(0x24, "STRIDE_UV", "rw", "Bytes from line to line of the CbCr plane (NV12)"),
        Register(0x28, "BUF_ADDR", "rw", "IOVA of the buffer to queue next"),
        Register(0x2C, "BUF_ADDR_UV", "rw", "IOVA of its CbCr plane (NV12)"),
        Register(
            0x30,
            "QUEUE",
            "wo",
            "Write one: put BUF_ADDR and BUF_ADDR_UV into the hardware queue (ignored when it is full)",
            (Field("PUSH", 0),),
        ),
        Register(0x34, "FRAME_PERIOD", "rw", "Nanoseconds from frame start to frame start", reset=16_666_667),
        Register(
            0x38, "FRAME_COUNT", "ro", "Complete frames since reset; the number burnt into the next frame"
        ),
        Register(0x3C, "DONE_ADDR", "ro", "IOVA of the buffer completed last"),
    ],
)

ENABLE = TABLE.mask("CTRL", "ENABLE")
RESET = TABLE.mask("CTRL", "RESET")
PUSH = TABLE.mask("QUEUE", "PUSH")
FRAME_DONE = TABLE.mask("IRQ_STATUS", "FRAME_DONE")
DMA_ERROR = TABLE.mask("IRQ_STATUS", "DMA_ERROR")
OVERRUN = TABLE.mask("IRQ_STATUS", "OVERRUN")
EVENTS = FRAME_DONE | DMA_ERROR | OVERRUN
"""What IRQ_STATUS can say and IRQ_ENABLE let through."""
