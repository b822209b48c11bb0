"""A GIC of the GICv3 architecture, for one CPU."""
