"""The flattened device tree: the bytes that a boot loader and a kernel are given.

blob      the format: header, structure, strings
phandles  the number of each node that is referred to
encode    a property as the bytes its binding asks for
flatten   a checked tree to bytes; the door out
reader    bytes to raw nodes; the door in
"""

from soc.devicetree.fdt.flatten import ChosenValue, flatten

__all__ = ["ChosenValue", "flatten"]
