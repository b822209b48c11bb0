"""Android's system-uncached heap."""
