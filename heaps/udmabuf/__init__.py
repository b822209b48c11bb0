"""udmabuf: dma-bufs of a memfd's pages. Source: drivers/dma-buf/udmabuf.c (6.12)."""
