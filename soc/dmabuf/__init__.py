"""dma-buf: buffers as files, shared between devices. The 2011 generation of the framework."""
