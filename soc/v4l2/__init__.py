"""V4L2's queues of buffers (videobuf2), as far as they import dma-bufs."""
