"""Messages that may come in floods: so many in an interval, the rest counted.

Source: lib/ratelimit.c, include/linux/ratelimit.h.
"""

from __future__ import annotations

from soc.clock import SECOND, Clock

INTERVAL = 5 * SECOND
BURST = 10


class RateLimit:
    """At most `burst` messages in any `interval` ns of virtual time that begins with one."""

    def __init__(self, clock: Clock, interval: int = INTERVAL, burst: int = BURST) -> None:
        self._clock = clock
        self._interval = interval
        self._burst = burst
        self._began: int | None = None
        self._printed = 0
        self._missed = 0

    def allows(self) -> tuple[bool, int]:
        """Whether a message may be printed now, and how many were kept back in an interval now over."""
        missed = 0
        if self._began is None or self._clock.now > self._began + self._interval:
            missed, self._missed = self._missed, 0
            self._began, self._printed = self._clock.now, 0
        if self._printed < self._burst:
            self._printed += 1
            return True, missed
        self._missed += 1
        return False, missed
