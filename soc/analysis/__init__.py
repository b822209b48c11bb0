"""Static analysis of guest programs."""

from soc.analysis.blocks import memory_accesses
from soc.analysis.opcodes import MemoryAccess

__all__ = ["MemoryAccess", "memory_accesses"]
