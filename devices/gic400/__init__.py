"""GIC-400, the Arm CoreLink interrupt controller of the GICv2 architecture."""
