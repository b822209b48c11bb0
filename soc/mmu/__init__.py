"""VMSAv8-64 translation tables: the format, the walk, the builder."""
