"""heaps-rfc: a heap of its own node, and ION."""

from __future__ import annotations

from soc.flows.flow import Act, Flow
from soc.flows.heaps import play
from soc.kernel.generation import Generation

HEAPS = Flow(
    "heaps-rfc",
    "a buffer from /dev/dma_heap/system as the RFC proposes, and the same from ION",
    "dma-buf-heaps-rfc-2019.txt",
    "Each heap has a node of its own, and the framework is only the way to it: one ioctl allocates and "
    "returns a dma-buf. What the buffer can do is the heap's. ION has one node for all heaps, and a handle "
    "between the buffer and its dma-bufs.",
    (
        Act(
            "dma-heap",
            "The fd has the only reference. The heap's own fd can be closed at once.",
            Generation.V6_12,
            play.dma_heap,
        ),
        Act(
            "ion",
            "The buffer has its own count: one of the handle, one of the dma-buf. SYNC maps it for the "
            "kernel, which is all it does on 4.9.",
            Generation.V4_9,
            play.ion,
        ),
    ),
)
