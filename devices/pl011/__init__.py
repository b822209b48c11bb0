"""PL011, the Arm PrimeCell UART."""
