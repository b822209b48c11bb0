"""The register of a syscon: storage, as often as the node's `reg` has room for it."""

from __future__ import annotations

from soc.registers import Register, RegisterTable

WORD = 4

TABLE = RegisterTable(
    "syscon",
    WORD,
    "the devicetree binding mfd/syscon.yaml",
    [Register(0x0, "WORD", "rw", "Plain storage; one in every four bytes of the node's reg")],
)
