"""Bounce buffers: memory every device reaches, through which DMA goes that cannot go directly."""
