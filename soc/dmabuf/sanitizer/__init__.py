"""Checks across devices, of rules that the kernel trusts its drivers to keep."""
