"""PL031, the Arm PrimeCell real-time clock."""
