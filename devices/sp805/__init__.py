"""SP805, the Arm watchdog module."""
