"""PL061, the Arm PrimeCell GPIO."""
