"""Device tree source: the text that dtc compiles, read with the place of every value.

reader      characters of a file and of those it includes
expression  numbers and what can be computed from them
values      the right side of a property
nodes       the tree under construction: labels, extensions, deletions
parser      the grammar of a file
source      the finished tree as raw nodes; `read_dts` is the door
"""
