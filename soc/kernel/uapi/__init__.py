"""What user programs and the modelled kernel share byte by byte: ioctl numbers, structures and flags.

One module per Linux header; `catalogue.py` knows every ioctl by number and by name, `layout.py` reads a
structure's offsets for people and tests. Little endian, 64-bit user space unless a module says otherwise.
"""
