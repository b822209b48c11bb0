"""The proof that nobody copied a buffer, or the name of who did."""
