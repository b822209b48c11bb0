"""Registers of LCDIF as the i.MX 6SoloX and 8M Mini reference manuals list them.

The control registers come in fours: the register, and its SET, CLR and TOG
aliases at +4, +8 and +12, which change only the bits that are written as one.
"""

from __future__ import annotations

from soc.registers import Field, Register, RegisterTable

WORD_LENGTH_16 = 0
WORD_LENGTH_24 = 3
DATABUS_WIDTH_24 = 3

WORD_LENGTHS = {"XRGB8888": WORD_LENGTH_24, "RGB565": WORD_LENGTH_16}
"""CTRL.WORD_LENGTH by the fourcc of the pictures it fits."""
BYTE_PACKINGS = {"XRGB8888": 0x7, "RGB565": 0xF}
"""CTRL1.BYTE_PACKING_FORMAT by fourcc: the bytes of each word that are data."""

CTRL = (
    Field("RUN", 0, doc="transfer frames"),
    Field("DATA_FORMAT_24_BIT", 1),
    Field("DATA_FORMAT_18_BIT", 2),
    Field("DATA_FORMAT_16_BIT", 3),
    Field("MASTER", 5, doc="fetch by DMA"),
    Field("WORD_LENGTH", 8, 2, "0: 16 bits, 1: 8, 2: 18, 3: 24 bits a pixel"),
    Field("LCD_DATABUS_WIDTH", 10, 2, "0: 16, 1: 8, 2: 18, 3: 24 wires"),
    Field("DATA_SELECT", 16),
    Field("DOTCLK_MODE", 17, doc="RGB interface with continuous refresh; cleared, RUN drops with the frame"),
    Field("VSYNC_MODE", 18),
    Field("BYPASS_COUNT", 19, doc="frame after frame, one in DOTCLK mode"),
    Field("CLKGATE", 30, doc="stop the clock of the block"),
    Field("SFTRST", 31, doc="registers back to their reset values, and the clock off"),
)

CTRL1 = (
    Field("RESET", 0, doc="reset pin of the panel; SFTRST leaves it alone"),
    Field("VSYNC_EDGE_IRQ", 8),
    Field("CUR_FRAME_DONE_IRQ", 9),
    Field("UNDERFLOW_IRQ", 10),
    Field("OVERFLOW_IRQ", 11),
    Field("VSYNC_EDGE_IRQ_EN", 12),
    Field("CUR_FRAME_DONE_IRQ_EN", 13),
    Field("UNDERFLOW_IRQ_EN", 14),
    Field("OVERFLOW_IRQ_EN", 15),
    Field("BYTE_PACKING_FORMAT", 16, 4, "which bytes of each word are data"),
    Field("FIFO_CLEAR", 21),
    Field("RECOVER_ON_UNDERFLOW", 24),
)

CTRL2 = (
    Field("EVEN_LINE_PATTERN", 12, 3, "the same in lines 2, 4, 6 ..."),
    Field("ODD_LINE_PATTERN", 16, 3, "order of the colours in lines 1, 3, 5 ...; 0: RGB"),
    Field("BURST_LEN_8", 20, doc="bursts of 8 words, not 16"),
    Field("OUTSTANDING_REQS", 21, 3, "n: up to 2 to the power of n memory requests in flight"),
)

VDCTRL0 = (
    Field("VSYNC_PULSE_WIDTH", 0, 18),
    Field("HALF_LINE", 19, doc="half a line more in each frame"),
    Field("VSYNC_PULSE_WIDTH_UNIT", 20, doc="0: pixel clocks, 1: lines"),
    Field("VSYNC_PERIOD_UNIT", 21, doc="0: pixel clocks, 1: lines"),
    Field("ENABLE_POL", 24, doc="1: high while data is valid"),
    Field("DOTCLK_POL", 25, doc="1: data changes at the rising edge"),
    Field("HSYNC_POL", 26, doc="1: the pulse is high"),
    Field("VSYNC_POL", 27, doc="1: the pulse is high"),
    Field("ENABLE_PRESENT", 28, doc="drive ENABLE beside the sync signals"),
    Field("VSYNC_OEB", 29, doc="VSYNC comes from outside"),
)

AS_CTRL = (
    Field("AS_ENABLE", 0, doc="fetch the alpha surface and lay it over the picture"),
    Field("ALPHA_CTRL", 1, 2, "0: alpha of each pixel, 1: ALPHA instead, 2: both multiplied, 3: ROP"),
    Field("ENABLE_COLORKEY", 3),
    Field("FORMAT", 4, 4),
    Field("ALPHA", 8, 8),
    Field("ROP", 16, 4),
    Field("ALPHA_INVERT", 20),
    Field("INPUT_DATA_SWIZZLE", 21, 2),
    Field("PS_DISABLE", 23, doc="without the picture underneath"),
    Field("CSI_VSYNC_ENABLE", 31, doc="frames begin with those of the camera interface"),
)

ALIASES = ("SET", "CLR", "TOG")


def _quad(
    offset: int, name: str, doc: str, fields: tuple[Field, ...] = (), reset: int = 0, modelled: bool = True
) -> list[Register]:
    """A register and its three aliases."""
    rows = [Register(offset, name, "rw", doc, fields, reset, modelled=modelled)]
    for index, alias in enumerate(ALIASES, start=1):
        rows.append(
            Register(
                offset + 4 * index, f"{name}_{alias}", "wo", f"{alias} alias of {name}", modelled=modelled
            )
        )
    return rows


TABLE = RegisterTable(
    "lcdif",
    0x10000,
    "i.MX 6SoloX and i.MX 8M Mini Applications Processor Reference Manuals, chapter eLCDIF",
    [
        *_quad(0x000, "CTRL", "General control", CTRL, reset=0xC0000000),
        *_quad(0x010, "CTRL1", "General control 1", CTRL1, reset=0x000F0000),
        *_quad(0x020, "CTRL2", "General control 2", CTRL2, reset=0x00200000),
        Register(
            0x030,
            "TRANSFER_COUNT",
            "rw",
            "Active picture",
            (Field("H_COUNT", 0, 16, "pixels a line"), Field("V_COUNT", 16, 16, "lines a frame")),
            reset=0x00010000,
        ),
        Register(0x040, "CUR_BUF", "rw", "Bus address of the frame being transferred"),
        Register(
            0x050, "NEXT_BUF", "rw", "Bus address of the next frame, taken when the present one is done"
        ),
        Register(0x060, "TIMING", "rw", "System interface timing", modelled=False),
        *_quad(0x070, "VDCTRL0", "VSYNC mode and dotclk control 0", VDCTRL0),
        Register(
            0x080,
            "VDCTRL1",
            "rw",
            "A frame in all, in the units of VDCTRL0.VSYNC_PERIOD_UNIT",
            (Field("VSYNC_PERIOD", 0, 32),),
        ),
        Register(
            0x090,
            "VDCTRL2",
            "rw",
            "Horizontal period",
            (Field("HSYNC_PERIOD", 0, 18, "pixel clocks a line in all"), Field("HSYNC_PULSE_WIDTH", 18, 14)),
        ),
        Register(
            0x0A0,
            "VDCTRL3",
            "rw",
            "Waits before the active picture",
            (
                Field("VERTICAL_WAIT_CNT", 0, 16, "from the edge of VSYNC, in units of VSYNC_PERIOD"),
                Field("HORIZONTAL_WAIT_CNT", 16, 12, "pixel clocks from the edge of HSYNC"),
                Field("VSYNC_ONLY", 28),
                Field("MUX_SYNC_SIGNALS", 29),
            ),
        ),
        Register(
            0x0B0,
            "VDCTRL4",
            "rw",
            "Dotclk control 4",
            (
                Field("DOTCLK_H_VALID_DATA_CNT", 0, 18, "pixel clocks a line with data"),
                Field("SYNC_SIGNALS_ON", 18),
                Field("DOTCLK_DLY_SEL", 29, 3),
            ),
        ),
        Register(0x180, "DATA", "rw", "Data by programmed I/O", modelled=False),
        Register(0x190, "BM_ERROR_STAT", "rw", "Bus address of the last DMA error"),
        Register(0x1A0, "CRC_STAT", "ro", "CRC of the last frame", modelled=False),
        Register(
            0x1B0,
            "STAT",
            "ro",
            "Status",
            (
                Field("LFIFO_COUNT", 0, 9),
                Field("TXFIFO_EMPTY", 26),
                Field("TXFIFO_FULL", 27),
                Field("LFIFO_EMPTY", 28),
                Field("LFIFO_FULL", 29),
                Field("DMA_REQ", 30),
                Field("PRESENT", 31),
            ),
            reset=0x95000000,
        ),
        Register(0x1C0, "VERSION", "ro", "Version 4.1", reset=0x04010000),
        Register(0x200, "THRES", "rw", "FIFO thresholds", reset=0x0100000F, modelled=False),
        Register(0x210, "AS_CTRL", "rw", "Alpha surface control", AS_CTRL),
        Register(0x220, "AS_BUF", "rw", "Alpha surface buffer", modelled=False),
        Register(0x230, "AS_NEXT_BUF", "rw", "Alpha surface next buffer", modelled=False),
        Register(0x240, "AS_CLRKEYLOW", "rw", "Alpha surface colour key low", reset=0xFFFFFF, modelled=False),
        Register(0x250, "AS_CLRKEYHIGH", "rw", "Alpha surface colour key high", modelled=False),
    ],
)

RUN = TABLE.mask("CTRL", "RUN")
MASTER = TABLE.mask("CTRL", "MASTER")
DOTCLK_MODE = TABLE.mask("CTRL", "DOTCLK_MODE")
BYPASS_COUNT = TABLE.mask("CTRL", "BYPASS_COUNT")
CLKGATE = TABLE.mask("CTRL", "CLKGATE")
SFTRST = TABLE.mask("CTRL", "SFTRST")

PANEL_RESET = TABLE.mask("CTRL1", "RESET")
VSYNC_EDGE = TABLE.mask("CTRL1", "VSYNC_EDGE_IRQ")
FRAME_DONE = TABLE.mask("CTRL1", "CUR_FRAME_DONE_IRQ")
UNDERFLOW = TABLE.mask("CTRL1", "UNDERFLOW_IRQ")
OVERFLOW = TABLE.mask("CTRL1", "OVERFLOW_IRQ")
EVENTS = VSYNC_EDGE | FRAME_DONE | UNDERFLOW | OVERFLOW
ENABLE_SHIFT = TABLE["CTRL1"].field("VSYNC_EDGE_IRQ_EN").lsb - TABLE["CTRL1"].field("VSYNC_EDGE_IRQ").lsb
"""From an event's bit in CTRL1 to that of its enable."""

WITHOUT_MODEL = (
    ("CTRL2", "EVEN_LINE_PATTERN"),
    ("CTRL2", "ODD_LINE_PATTERN"),
    ("VDCTRL0", "HALF_LINE"),
    ("VDCTRL0", "VSYNC_OEB"),
    ("AS_CTRL", "AS_ENABLE"),
    ("AS_CTRL", "PS_DISABLE"),
    ("AS_CTRL", "CSI_VSYNC_ENABLE"),
)
"""Fields of modelled registers that would change what is shown, or when, and do not here."""
