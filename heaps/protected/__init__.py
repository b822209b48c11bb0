"""Protected heaps: memory of the secure world that only some devices reach, and no CPU."""
