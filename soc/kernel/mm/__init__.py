"""The kernel's memory: pages, CMA and migration, mappings, what debuggers see of them."""
