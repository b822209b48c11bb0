"""Flags of memfd_create and the seals of its file.

Source: include/uapi/linux/memfd.h, include/uapi/linux/fcntl.h.

Not modelled: the encodings of huge page sizes (MFD_HUGE_*).
"""

from __future__ import annotations

MFD_CLOEXEC = 0x0001
MFD_ALLOW_SEALING = 0x0002
MFD_HUGETLB = 0x0004
MFD_NOEXEC_SEAL = 0x0008
MFD_EXEC = 0x0010

F_ADD_SEALS = 1024 + 9
F_GET_SEALS = 1024 + 10

F_SEAL_SEAL = 0x0001
F_SEAL_SHRINK = 0x0002
F_SEAL_GROW = 0x0004
F_SEAL_WRITE = 0x0008
F_SEAL_FUTURE_WRITE = 0x0010
F_SEAL_EXEC = 0x0020
