"""The CPU's data cache as the rest of the machine meets it: two views of one memory."""
