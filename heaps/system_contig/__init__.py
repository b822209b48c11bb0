"""System contig heaps: one block of the page allocator for each buffer."""
