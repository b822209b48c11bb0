"""What the interrupt controllers of the GIC family have in common; not a model of its own."""
