"""System heaps: blocks from the page allocator, scattered."""
