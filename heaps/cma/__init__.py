"""Heaps on contiguous memory areas: one run of pages that the kernel lends out until somebody wants it."""
