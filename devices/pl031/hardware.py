"""PL031 real-time clock: seconds of virtual time since a date of its own, and an alarm.

The date is that of power-on, midnight UTC of 1 January 2026 unless the board is told
another, so that two runs see the same time. The block was started and set before
power-on, as one behind a battery is: RTCCR reads one and RTCDR counts at once, a step
at each whole second of virtual time. The alarm is raised in the instant in which RTCDR
becomes RTCMR, by counting, by a new time or by a new match.

Source: Arm DDI 0224.

Not modelled: RTCCR before it is started, the edge of the 1 Hz clock that a write of
RTCLR waits for (the time is set at once), a match with the reset value of RTCMR (no
alarm before one was written), the next match 136 years after one, the integration test
registers.
"""

from __future__ import annotations

from typing import ClassVar

from devices.pl031.regs import ALARM, TABLE
from soc.bus import Target
from soc.clock import SECOND, Event
from soc.device import Slot
from soc.registers import RegisterFile, RegisterTable

EPOCH = 1_767_225_600
"""2026-01-01T00:00:00Z in seconds since 1970."""

WORD = 0xFFFF_FFFF


class Pl031:
    """One real-time clock. `set_epoch` tells it another date of power-on."""

    compatible: ClassVar[tuple[str, ...]] = ("arm,pl031",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self._clock = slot.clock
        self._line = slot.irqs[0] if slot.irqs else None
        self._epoch = EPOCH
        self._matching = False
        self._alarm: Event | None = None
        self._regs = regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (regs,)
        regs.on_read("RTCDR", self._time)
        regs.on_write("RTCMR", self._set_match)
        regs.on_write("RTCLR", self._load)
        regs.on_write("RTCIMSC", self._set_mask)
        regs.on_write("RTCICR", self._clear)

    def set_epoch(self, seconds: int) -> None:
        """RTCDR at virtual time zero: seconds since 1970, of which the low 32 bits count."""
        self._epoch = seconds
        self._arm()

    def _time(self) -> int:
        return (self._epoch + self._clock.now // SECOND) & WORD

    def _load(self, value: int) -> None:
        self._regs.set("RTCLR", value)
        self._epoch += value - self._time()
        self._arm()

    def _set_match(self, value: int) -> None:
        self._regs.set("RTCMR", value)
        self._matching = True
        self._arm()

    def _arm(self) -> None:
        """Have the alarm raised once RTCDR is RTCMR: now, or in as many seconds as lie between."""
        if self._alarm:
            self._alarm.cancel()
        if not self._matching:
            return
        seconds = (self._regs.get("RTCMR") - self._time()) & WORD
        if seconds:
            self._alarm = self._clock.at((self._clock.now // SECOND + seconds) * SECOND, self._match)
        else:
            self._match()

    def _match(self) -> None:
        self._refresh(ALARM)

    def _set_mask(self, value: int) -> None:
        self._regs.set("RTCIMSC", value & ALARM)
        self._refresh(self._regs.get("RTCRIS"))

    def _clear(self, value: int) -> None:
        self._refresh(self._regs.get("RTCRIS") & ~value)

    def _refresh(self, raw: int) -> None:
        masked = raw & self._regs.get("RTCIMSC")
        self._regs.set("RTCRIS", raw)
        self._regs.set("RTCMIS", masked)
        if self._line:
            self._line.set(masked != 0)
