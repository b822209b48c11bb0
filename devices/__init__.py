"""The IPs of the SoC, one folder each: regs.py, hardware.py, driver.py."""
