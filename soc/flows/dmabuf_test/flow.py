"""dmabuf-test-from-kernel and dmabuf-test-from-user: the introduction's driver, both ways and as printed."""

from __future__ import annotations

from soc.flows.dmabuf_test import play
from soc.flows.flow import Act, Finding, Flow
from soc.kernel.generation import Generation

SOURCE = "ion-introduction-zh.txt"
FORGOTTEN = "remove forgets client and buffer"
ION_LEFT = (
    Finding(FORGOTTEN, "ion_heap_destroy: heap system (id 0) still has 1 buffers"),
    Finding(FORGOTTEN, "ion_device_destroy: ion client dmabuf-test-client-0 is still there, with 1 handles"),
    Finding(
        FORGOTTEN, "ion_device_destroy: ion buffer 1 (4096 bytes of system) is still there, 1 references"
    ),
)
MEMORY_LOST = "the object's memory is lost"
NOT_PUT = "the error path neither ends nor puts"
PENDING = """\
DMA-API: platform exynos-drm: device driver has pending DMA allocations while released from device [count=1]
One of leaked entries details: [device address=0x0000000082000000] [size=65536 bytes] \
[mapped with DMA_BIDIRECTIONAL] [mapped as coherent]"""

FROM_KERNEL = Flow(
    "dmabuf-test-from-kernel",
    "the test driver of the ION introduction: its buffer goes to a program",
    SOURCE,
    "The driver allocates a page from ION, writes a text through the kernel's mapping, and gives a program "
    "an fd of the buffer each time it is asked. Handle and dma-buf both refer to the buffer, so the "
    "program's part ends with its fd and its mapping, the driver's with its handle.",
    (
        Act(
            "corrected",
            "The fd takes the one reference of a new dma-buf. munmap and close give the two back.",
            Generation.V4_9,
            play.from_kernel,
        ),
        Act(
            "as-printed",
            "The answer cannot be copied to the program, so the program does not know its fd, and it stays "
            "open. And the printed remove only unregisters the device: nobody frees client and buffer.",
            Generation.V4_9,
            play.from_kernel_printed,
            (
                *ION_LEFT,
                Finding(
                    "an fd that nobody was told stays open",
                    "test (pid 100) ends with fd 1 open: dma-buf 2 'ion'",
                ),
                Finding(FORGOTTEN, "left in the end: free pages -1"),
            ),
        ),
    ),
)

FROM_USER = Flow(
    "dmabuf-test-from-user",
    "the same driver reads a program's buffer, and one that it cannot map",
    SOURCE,
    "A program allocates from ION, writes a text and gives the driver the fd. The driver takes a reference, "
    "begins CPU access, maps a page and prints it; then it undoes all three, in reverse.",
    (
        Act(
            "corrected",
            "For the length of the ioctl the driver holds the buffer, too.",
            Generation.V4_9,
            play.from_user,
        ),
        Act(
            "cannot-map",
            "The program gives it a GEM object's dma-buf, whose exporter has no kmap. The call fails, and "
            "what was begun is ended and put.",
            Generation.V4_9,
            play.cannot_map,
        ),
        Act(
            "as-printed",
            "The printed driver returns at once when kmap gives it nothing. CPU access stays begun, the "
            "reference is lost, and with it the object, although the program closes everything.",
            Generation.V4_9,
            play.cannot_map_printed,
            (
                Finding(
                    NOT_PUT,
                    "dmabuf-test is unloaded and leaves dma-buf 3 'exynos': a reference, "
                    "CPU access begun by camera-app (pid 100) and not ended",
                ),
                Finding(MEMORY_LOST, PENDING),
                *ION_LEFT,
                Finding(MEMORY_LOST, "left in the end: DMA mappings +1"),
                Finding(MEMORY_LOST, "left in the end: free pages -17"),
                Finding(NOT_PUT, "left in the end: open files dma-buf +1"),
                Finding(MEMORY_LOST, "left in the end: pages of CMA area linux,cma@82000000 +16"),
            ),
        ),
    ),
)
