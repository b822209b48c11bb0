"""A clock that always runs at one rate."""
