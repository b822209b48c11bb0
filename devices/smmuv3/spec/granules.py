"""Granules as the structures and commands encode them, each field in its own way."""

from __future__ import annotations

from soc.mmu.vmsa import Granule

TG0 = {0: Granule.K4, 1: Granule.K64, 2: Granule.K16}
"""CD.TG0 and STE.S2TG; 3 is reserved."""

TG1 = {1: Granule.K16, 2: Granule.K4, 3: Granule.K64}
"""CD.TG1; 0 is reserved."""

TLBI_TG = {1: Granule.K4, 2: Granule.K16, 3: Granule.K64}
"""TG of the address-based CMD_TLBI_*; 0 is a command for entries of any granule."""
