"""DRAM, its pages and who allocates them."""
