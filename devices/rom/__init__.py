"""Read-only memory at bus addresses: boot ROM and flash that nobody programs."""
