"""The memory behind the heaps' buffers: where it comes from, who clears it, and when.

A `MemorySource` gives `HeapMemory` and takes it back. The front ends (ION,
dma-heap) turn it into buffers.
"""
