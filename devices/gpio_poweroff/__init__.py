"""Lines of a GPIO block that switch the board off or reset it."""
