"""The board as a device tree: YAML, DTS or a flattened tree in, a checked tree or a flattened one out.

yaml_source  text and positions: raw nodes, no meaning
dts          the text that dtc compiles, as raw nodes
fdt          flattened trees, read as raw nodes and written
names        what nodes, properties and labels may be called
values       what a property can hold, each value with its place in the file
scalars      plain words: numbers, sizes, flags, strings
cells        what rows of values mean: reg, ranges, phandles, specifiers
node         a node and its properties by their bindings
bindings     which properties hold addresses, phandles or strings
shape        cells of a DTS or a flattened tree to the rows of a board
reserved     /reserved-memory: placement and rules
check        rules of the whole board
tree         the tree; `load_board` is the door
report       the text of `soc check`
yaml_writer  raw nodes as the text of a board
"""
