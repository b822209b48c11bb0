"""Chunk heaps: a reserved region, cut in pieces of one size."""
