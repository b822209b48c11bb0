"""The AArch64 core: run loop, exceptions, system registers, images, watch windows."""

from soc.cpu.core import Cpu
from soc.cpu.image import Image, flat_image, load_image, parse_elf
from soc.cpu.symbols import Symbol, SymbolTable
from soc.cpu.watch import Touch
from soc.processor import StopReason

__all__ = [
    "Cpu",
    "Image",
    "StopReason",
    "Symbol",
    "SymbolTable",
    "Touch",
    "flat_image",
    "load_image",
    "parse_elf",
]
