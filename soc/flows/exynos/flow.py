"""exynos-vb2: the flow and its acts."""

from __future__ import annotations

from soc.flows.exynos import right, shared_count, wrong
from soc.flows.flow import Act, Finding, Flow
from soc.kernel.generation import Generation

BUFFER = "dma-buf 2 'exynos'"
PENDING = """\
DMA-API: platform fimc: device driver has pending DMA allocations while released from device [count=1]
One of leaked entries details: [device address=0x0000000082000000] [size=65536 bytes] \
[mapped with DMA_FROM_DEVICE] [mapped as scatter-gather]"""

RIGHT = Act(
    "right",
    "The exporter's object is referred to by its dma-buf from export to release. The importer has a "
    "reference to the dma-buf of its own, which it drops itself after its last detach. So the user can let "
    "go of the fd and of the handle while the camera writes: the memory stays until vb2 is done, and then "
    "it is the exporter who frees it.",
    Generation.V2011,
    right.play,
)

PUT_BEFORE_DETACH = Act(
    "put-before-detach",
    "An importer that puts before it unmaps and detaches. Its reference is the last, so the put releases "
    "the dma-buf, and with that the object and its pages, while the camera still has their address.",
    Generation.V2011,
    wrong.put_before_detach,
    (
        Finding("put before detach", f"dma_buf_release: {BUFFER} is still attached to fimc"),
        Finding(
            "put before unmap",
            f"dma_buf_release: {BUFFER} is still mapped by fimc at iova 0x82000000 (FROM_DEVICE)",
        ),
        Finding(
            "the device writes to freed memory",
            "use after free: fimc wrote 65536 bytes on 16 freed pages of gem object 1 of card0 "
            "of heap exynos, the first at 0x82000000",
        ),
        Finding("unmap after the end", f"dma_buf_unmap_attachment: {BUFFER} used after its release"),
        Finding("detach after the end", f"dma_buf_detach: {BUFFER} used after its release"),
        Finding("a DMA mapping is lost", PENDING),
        Finding("a DMA mapping is lost", "left in the end: DMA mappings +1"),
    ),
)

PUT_IN_DETACH = Act(
    "put-in-detach",
    "An exporter whose detach puts the dma-buf, as the thread's first mail would have it. The importer, "
    "who got its reference with dma_buf_get, puts it too. What it drops then is the reference of the "
    "program's fd.",
    Generation.V2011,
    wrong.put_in_detach,
    (
        Finding(
            "a reference is dropped twice",
            f"{BUFFER}: put by importer fimc, which has no reference; held by fd 1 of camera-app (pid 100)",
        ),
    ),
)

IMPORTER_FREES = Act(
    "importer-frees",
    "An importer that takes the pages of the sg_table for its own and frees them with its vb2 buffer, as "
    "the thread's question has it. They are given to the next object while the first still has them, and "
    "in the end are freed twice. An importer never frees the storage.",
    Generation.V2011,
    wrong.importer_frees,
    (
        Finding(
            "one memory for two objects",
            "DMA-API: exynos-drm exynos-drm: cacheline tracking EEXIST, "
            "overlapping mappings aren't supported",
        ),
        Finding(
            "one memory for two objects",
            "exynos: gem object 2 of card0 was given frame 0x82000, "
            "which belongs to gem object 1 of card0 of heap exynos",
        ),
        Finding(
            "the exporter frees what the importer freed",
            "kernel BUG: release of 16 pages at frame 0x82000: "
            "frame 0x82000 is not allocated from CMA area linux,cma@82000000",
        ),
    ),
)

SHARED_COUNT = Act(
    "get-shared-cnt",
    "The call that the thread's first mail adds: an importer asks how many share the buffer, and frees it "
    "if there is nobody else. Two that let go at the same time both hear of two, and nobody frees; had "
    "they asked after letting go, both might. A reference that its owner drops needs no such count: the "
    "last one releases.",
    Generation.V2011,
    shared_count.play,
    (Finding("nobody frees the memory", "left in the end: free pages -16"),),
)

EXYNOS = Flow(
    "exynos-vb2",
    "a GEM object exported by PRIME and imported by vb2: who drops which reference",
    "dma-buf-lifetime-thread-2012.txt",
    "A program allocates through GEM, makes a dma-buf of the handle, and queues its fd at a camera. "
    "Neither driver knows when the other is done with the memory, and none has to: dma-buf and object "
    "count for them.",
    (RIGHT, PUT_BEFORE_DETACH, PUT_IN_DETACH, IMPORTER_FREES, SHARED_COUNT),
)
