"""The classic bugs of buffer sharing, by the number of their row in the specification (section 9)."""

from __future__ import annotations

HERE = {
    1: "put in the wrong order: before unmap and detach",
    2: "dma_buf_fd taken for a call that takes a reference",
    3: "put_unused_fd after fd_install",
    4: "use of the buffer after its fd is public",
    5: "double put or leak when dma_buf_fd fails",
    6: "fds that user space never closes, or passes on by exec",
    7: "ION: more imports than frees",
    8: "PRIME: a handle closed by two libraries",
    9: "ION: two FREEs of one handle",
    10: "ION: a handle freed while it is shared or mapped",
    11: "ION: user space takes references of the kernel",
    12: "memory that is not cleared between owners",
    18: "scattered pages for a device that needs one run",
    19: "a CMA area full of fragments and pinned pages",
    21: "fence deadlocks",
    22: "fences that user space is to signal",
    23: "implicit fences that are ignored or say the wrong thing",
    24: "an fd closed while its buffer is polled",
    25: "ioctl numbers and sizes of a heap",
    26: "a fault handler that goes one page too far",
    30: "an attachment that an error path forgets",
    35: "a device of 32 bits and memory above 4 GiB",
    36: "another device is attached than the one that is used",
    37: "a fallback to a heap that nobody meant",
    38: "memory that is freed later",
    39: "a buffer in flight, and its sender gone",
    40: "a handle's number that names another buffer by now",
}
"""What the reference ledger and the sanitizer of buffer sharing find. Each has a planted and a clean test."""

ELSEWHERE = {
    13: "no brackets around CPU access: the model of the caches",
    14: "a dirty line evicted after a device wrote: the model of the caches",
    15: "hidden copies by bounce buffers: the DMA API and the bus ledger",
    16: "IOMMU faults: the SMMU",
    17: "nents and orig_nents: the DMA API",
    20: "cacheable aliases of uncached memory: heaps/aliases.py",
    27: "PFN mappings in the accounts of memory: programs' memory",
    28: "udmabuf: indices, sizes and seals",
    29: "GEM handles and frame buffers: KMS",
    31: "vb2: mmap against REQBUFS",
    32: "a stale frame after a stream restarts",
    33: "a frame queued again too early: the race checker, once KMS and V4L2 use it",
    34: "a bracket that is begun and not ended: soc/dmabuf/brackets.py",
}
"""What other layers find."""
