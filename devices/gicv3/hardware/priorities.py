"""Priorities of the CPU interface: the mask, the binary points, and what is in service.

A priority has five bits; those that the binary point of its group leaves form
its group priority, which alone decides preemption. What is in service is a bit
for each group priority in AP0R0 and AP1R0; the running priority is the lowest
bit of both.
Source: Arm IHI 0069, section 4.8.
"""

from __future__ import annotations

from devices.gicv3.regs.cpu_interface import MIN_POINTS
from devices.gicv3.regs.distributor import PRIORITY_MASK

IDLE = 0xFF
LEVEL_SHIFT = 3
ALL_LEVELS = 0xFFFF_FFFF
LARGEST_POINT = 7


class Priorities:
    """`mask` is ICC_PMR_EL1, `running` ICC_RPR_EL1, `levels` are ICC_AP0R0_EL1 and ICC_AP1R0_EL1."""

    def __init__(self) -> None:
        self.mask = 0
        self.running = IDLE
        self.levels = [0, 0]
        self._points = list(MIN_POINTS)
        self._shared = False
        self._deciding = [0, 0]
        self._divide()

    def preempts(self, priority: int, group: int) -> bool:
        """Whether it passes the mask and, in the bits that decide, what is in service."""
        if priority >= self.mask:
            return False
        deciding = self._deciding[group]
        return self.running == IDLE or priority & deciding < self.running & deciding

    def enter(self, priority: int, group: int) -> None:
        """An interrupt that preempts is acknowledged."""
        self.running = priority & self._deciding[group]
        self.levels[group] |= 1 << (self.running >> LEVEL_SHIFT)

    def leave(self, group: int) -> bool:
        """Drop the running priority; False, and nothing done, if what runs is not of this group."""
        own, other = self.levels[group], self.levels[1 - group]
        if not own or 0 < other & -other < own & -own:
            return False
        self.set_levels(group, own & own - 1)
        return True

    def set_mask(self, value: int) -> None:
        self.mask = value & PRIORITY_MASK

    def set_levels(self, group: int, value: int) -> None:
        self.levels[group] = value & ALL_LEVELS
        either = self.levels[0] | self.levels[1]
        self.running = ((either & -either).bit_length() - 1) << LEVEL_SHIFT if either else IDLE

    # --- binary points -------------------------------------------------------

    def point(self, group: int) -> int:
        """ICC_BPR0_EL1 or ICC_BPR1_EL1; with one point for both, group 1 sees it one higher."""
        return min(self._points[0] + 1, LARGEST_POINT) if group and self._shared else self._points[group]

    def set_point(self, group: int, value: int) -> None:
        """Ignored for group 1 while the point of group 0 holds for both."""
        if not (group and self._shared):
            self._points[group] = max(value & LARGEST_POINT, MIN_POINTS[group])
            self._divide()

    def share_point(self, shared: bool) -> None:
        """ICC_CTLR_EL1.CBPR: the point of group 0 holds for both."""
        self._shared = shared
        self._divide()

    def _divide(self) -> None:
        """Which bits of a priority decide, for each group; group 1 counts its point from one lower."""
        group0 = -2 << self._points[0]
        self._deciding = [group0, group0 if self._shared else -1 << self._points[1]]
