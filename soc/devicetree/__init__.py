"""The board as a device tree: YAML in, a checked tree out.

yaml_source  text and positions: raw nodes, no meaning
values       what a property can hold, each value with its place in the file
scalars      plain words: numbers, sizes, flags, strings
cells        what rows of values mean: reg, ranges, phandles, specifiers
node         a node and its properties by their bindings
reserved     /reserved-memory: placement and rules
check        rules of the whole board
tree         the tree; `load_board` is the door
report       the text of `soc check`
"""
