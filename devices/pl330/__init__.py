"""ARM PrimeCell DMA controller, PL330 (DMA-330)."""
