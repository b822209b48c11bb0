"""Registers of the DMA-330, and the configuration this one was synthesised with.

Eight channels, 32 peripheral request interfaces, 32 events, a 64-bit bus and an
MFIFO of 128 lines of it.
"""

from __future__ import annotations

from enum import IntEnum

from soc.registers import Field, Register, RegisterTable

CHANNELS = 8
PERIPHERALS = 32
EVENTS = 32
BUS_BYTES = 8
MFIFO_BYTES = 128 * BUS_BYTES
CACHE_LINES, CACHE_LINE = 16, 32
"""The instruction cache: how many lines, and bytes in each."""

CCR_RESET = 0x0080_0200
"""Single bytes from and to fixed addresses, non-secure."""


class State(IntEnum):
    """DSR.DMA_STATUS and CSR.CHANNEL_STATUS; the manager has the first five and FAULTING only."""

    STOPPED = 0
    EXECUTING = 1
    CACHE_MISS = 2
    UPDATING_PC = 3
    WAITING_FOR_EVENT = 4
    AT_BARRIER = 5
    WAITING_FOR_PERIPHERAL = 7
    KILLING = 8
    COMPLETING = 9
    FAULTING_COMPLETING = 14
    FAULTING = 15


_FAULTS = (
    Field("UNDEF_INSTR", 0, doc="no such instruction"),
    Field("OPERAND_INVALID", 1, doc="an operand that this configuration does not have"),
)
_FETCH = Field("INSTR_FETCH_ERR", 16, doc="the instruction could not be read")
_DEBUG = Field("DBG_INSTR", 30, doc="the instruction came through DBGINST, not from memory")

MANAGER_FAULTS = (
    *_FAULTS,
    Field("DMAGO_ERR", 4, doc="a non-secure manager wanted to start a secure channel"),
    Field("MGR_EVNT_ERR", 5, doc="a non-secure manager touched a secure event"),
    _FETCH,
    _DEBUG,
)

CHANNEL_FAULTS = (
    *_FAULTS,
    Field("CH_EVNT_ERR", 5, doc="a non-secure channel touched a secure event"),
    Field("CH_PERIPH_ERR", 6, doc="a non-secure channel touched a secure peripheral"),
    Field("CH_RDWR_ERR", 7, doc="a non-secure channel programmed secure transfers"),
    Field("MFIFO_ERR", 12, doc="the MFIFO is too small for what the channel holds in it"),
    Field("ST_DATA_UNAVAILABLE", 13, doc="a store of more than was loaded"),
    _FETCH,
    Field("DATA_WRITE_ERR", 17, doc="a store was answered by an error"),
    Field("DATA_READ_ERR", 18, doc="a load was answered by an error"),
    _DEBUG,
    Field("LOCKUP_ERR", 31, doc="starved of MFIFO space for 1024 cycles"),
)

CSR = (
    Field("CHANNEL_STATUS", 0, 4, "state of the thread"),
    Field("WAKEUP_NUMBER", 4, 5, "the event or peripheral it waits for"),
    Field("DMAWFP_B_NS", 14, doc="DMAWFP burst"),
    Field("DMAWFP_PERIPH", 15, doc="DMAWFP periph"),
    Field("CNS", 21, doc="the channel is non-secure"),
)

CCR = (
    Field("SRC_INC", 0, doc="the address goes up"),
    Field("SRC_BURST_SIZE", 1, 3, "log2 of the bytes in a beat"),
    Field("SRC_BURST_LEN", 4, 4, "beats - 1"),
    Field("SRC_PROT_CTRL", 8, 3, "ARPROT; bit 1 non-secure"),
    Field("SRC_CACHE_CTRL", 11, 3, "ARCACHE[2:0]"),
    Field("DST_INC", 14, doc="the address goes up"),
    Field("DST_BURST_SIZE", 15, 3, "log2 of the bytes in a beat"),
    Field("DST_BURST_LEN", 18, 4, "beats - 1"),
    Field("DST_PROT_CTRL", 22, 3, "AWPROT; bit 1 non-secure"),
    Field("DST_CACHE_CTRL", 25, 3, "AWCACHE[3,1:0]"),
    Field("ENDIAN_SWAP_SIZE", 28, 3, "bytes swapped in groups of 2 to this"),
)


def _per_channel(channel: int) -> list[Register]:
    status, transfer = 0x100 + 8 * channel, 0x400 + 0x20 * channel
    return [
        Register(status, f"CSR{channel}", "ro", f"Status of channel {channel}", CSR),
        Register(status + 4, f"CPC{channel}", "ro", f"Program counter of channel {channel}"),
        Register(transfer, f"SAR{channel}", "ro", f"Source address of channel {channel}"),
        Register(transfer + 4, f"DAR{channel}", "ro", f"Destination address of channel {channel}"),
        Register(transfer + 8, f"CCR{channel}", "ro", f"Transfers of channel {channel}", CCR, CCR_RESET),
        Register(transfer + 12, f"LC0_{channel}", "ro", f"Loop counter 0 of channel {channel}"),
        Register(transfer + 16, f"LC1_{channel}", "ro", f"Loop counter 1 of channel {channel}"),
    ]


def _identification() -> list[Register]:
    """Part 0x330 of designer 0x41 (ARM), revision r1p2; then the PrimeCell number."""
    bytes_of = {"periph_id": (0xFE0, (0x30, 0x13, 0x34, 0x00)), "pcell_id": (0xFF0, (0x0D, 0xF0, 0x05, 0xB1))}
    return [
        Register(base + 4 * index, f"{name}_{index}", "ro", f"{name} byte {index}", reset=value)
        for name, (base, values) in bytes_of.items()
        for index, value in enumerate(values)
    ]


TABLE = RegisterTable(
    "pl330",
    0x1000,
    "Arm DDI 0424, CoreLink DMA-330 Technical Reference Manual, chapter 3",
    [
        Register(
            0x000,
            "DSR",
            "ro",
            "Status of the manager",
            (
                Field("DMA_STATUS", 0, 4, "state of the thread"),
                Field("WAKEUP_EVENT", 4, 5, "the event it waits for"),
                Field("DNS", 9, doc="the manager is non-secure"),
            ),
            reset=1 << 9,
        ),
        Register(0x004, "DPC", "ro", "Program counter of the manager"),
        Register(0x020, "INTEN", "rw", "Bit n: DMASEV n raises interrupt n instead of event n"),
        Register(0x024, "INT_EVENT_RIS", "ro", "Bit n: event n is pending or interrupt n is raised"),
        Register(0x028, "INTMIS", "ro", "Bit n: interrupt n is raised"),
        Register(0x02C, "INTCLR", "wo", "Write one to bit n: lower interrupt n"),
        Register(0x030, "FSRD", "ro", "Manager fault", (Field("FS_MGR", 0, doc="it is faulting"),)),
        Register(0x034, "FSRC", "ro", "Channel faults", (Field("FAULT_STATUS", 0, 8, "who is faulting"),)),
        Register(0x038, "FTRD", "ro", "Why the manager faulted", MANAGER_FAULTS),
        Register(0x040, "FTR", "ro", "Why channel n faulted", CHANNEL_FAULTS, count=CHANNELS),
        *(register for channel in range(CHANNELS) for register in _per_channel(channel)),
        Register(0xD00, "DBGSTATUS", "ro", "Debug status", (Field("BUSY", 0, doc="an instruction waits"),)),
        Register(0xD04, "DBGCMD", "wo", "Write 0: execute DBGINST", (Field("DBGCMD", 0, 2),)),
        Register(
            0xD08,
            "DBGINST0",
            "wo",
            "Debug instruction, first half",
            (
                Field("DEBUG_THREAD", 0, doc="0 the manager, 1 a channel"),
                Field("CHANNEL_NUMBER", 8, 3, "which"),
                Field("INSTRUCTION", 16, 16, "bytes 0 and 1"),
            ),
        ),
        Register(0xD0C, "DBGINST1", "wo", "Debug instruction, bytes 2 to 5"),
        Register(
            0xE00,
            "CR0",
            "ro",
            "Configuration",
            (
                Field("PERIPH_REQ", 0, doc="there are peripheral request interfaces"),
                Field("BOOT_EN", 1, doc="the manager starts out of reset"),
                Field("MGR_NS_AT_RST", 2, doc="the manager is non-secure"),
                Field("NUM_CHNLS", 4, 3, "channels - 1"),
                Field("NUM_PERIPH_REQ", 12, 5, "peripheral request interfaces - 1"),
                Field("NUM_EVENTS", 17, 5, "events - 1"),
            ),
            reset=(EVENTS - 1) << 17 | (PERIPHERALS - 1) << 12 | (CHANNELS - 1) << 4 | 1 << 2 | 1,
        ),
        Register(
            0xE04,
            "CR1",
            "ro",
            "Instruction cache",
            (Field("I_CACHE_LEN", 0, 3, "log2 of a line's bytes"), Field("NUM_I_CACHE_LINES", 4, 4, "- 1")),
            reset=(CACHE_LINES - 1) << 4 | CACHE_LINE.bit_length() - 1,
        ),
        Register(0xE08, "CR2", "ro", "Boot address"),
        Register(0xE0C, "CR3", "ro", "Bit n: event n is non-secure", reset=0xFFFF_FFFF),
        Register(0xE10, "CR4", "ro", "Bit n: peripheral n is non-secure", reset=0xFFFF_FFFF),
        Register(
            0xE14,
            "CRD",
            "ro",
            "Data path",
            (
                Field("DATA_WIDTH", 0, 3, "log2 of the bus width in bytes"),
                Field("WR_CAP", 4, 3, "writes in flight - 1"),
                Field("WR_Q_DEP", 8, 4, "write queue lines - 1"),
                Field("RD_CAP", 12, 3, "reads in flight - 1"),
                Field("RD_Q_DEP", 16, 4, "read queue lines - 1"),
                Field("DATA_BUFFER_DEP", 20, 10, "MFIFO lines - 1"),
            ),
            reset=(MFIFO_BYTES // BUS_BYTES - 1) << 20 | 0xF_7F70 | BUS_BYTES.bit_length() - 1,
        ),
        Register(
            0xE80,
            "WD",
            "rw",
            "Watchdog",
            (Field("WD_IRQ_ONLY", 0, doc="a lock-up raises irq_abort and aborts nobody"),),
            writable=1,
        ),
        *_identification(),
    ],
)
