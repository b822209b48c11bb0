"""The dma-buf heaps of the RFC mail, and what took ION for the same."""
