"""YAML events to raw nodes; nothing here knows what a property means.

A mapping is a node, an anchor on it is its label, an alias is a phandle.
Names of bindings hold commas, which inside {...} and [...] YAML takes as
separators. Where that reading makes no sense the name is put together again:
in `{compatible: arm,smmu-v3, reg: ...}` (a key without a value, right after a
comma), and in `compatible: [arm,pl011, arm,primecell]` (no space behind the comma).
"""

from __future__ import annotations

from pathlib import Path

import yaml

from soc.devicetree.names import LABEL, MAX_DEPTH, NODE_NAME, PROPERTY_NAME
from soc.devicetree.scalars import read_scalar
from soc.devicetree.values import (
    MEMRESERVE,
    Array,
    Flag,
    Number,
    Property,
    RawNode,
    Reference,
    Row,
    Text,
    Value,
    brief,
)
from soc.devicetree.yaml_events import Events, is_plain
from soc.errors import BadInput, Where


def parse(path: Path, text: str, what: str = "board") -> RawNode:
    """The root node of `text`; `path` and `what` are for messages only. BadInput for every mistake."""
    return _Source(Events(path, text), Where(path, 1), what).root()


class _Source:
    """One pass over the events of a file."""

    def __init__(self, events: Events, start: Where, what: str) -> None:
        self._what = what
        self._events = events
        self._start = start
        self._labels: dict[str, Where] = {}

    def root(self) -> RawNode:
        self._events.next()  # stream start
        if isinstance(self._events.next(), yaml.StreamEndEvent):
            problem = f"the file is empty: a {self._what} is a mapping of nodes and properties"
            raise BadInput(problem, self._start)
        event = self._events.next()
        if not isinstance(event, yaml.MappingStartEvent):
            kind = "a list" if isinstance(event, yaml.SequenceStartEvent) else "a single value"
            problem = f"a {self._what} is a mapping of nodes and properties, not {kind}"
            raise BadInput(problem, self._events.where(event))
        node = self._node("", self._events.where(event), event, depth=1)
        self._events.next()  # document end
        event = self._events.next()
        if not isinstance(event, yaml.StreamEndEvent):
            problem = f"a second document starts here: a {self._what} is one document"
            raise BadInput(problem, self._events.where(event))
        return node

    # --- nodes -------------------------------------------------------------

    def _node(self, name: str, where: Where, start: yaml.MappingStartEvent, depth: int) -> RawNode:
        self._events.core_tag(start)
        node = RawNode(name, self._label(start), where)
        seen: dict[str, Where] = {}
        last: yaml.Event = start
        while not isinstance(key := self._events.next(), yaml.MappingEndEvent):
            at = self._events.where(key)
            child_name = self._key(key)
            value = self._events.next()
            if self._is_rest_of_name(last, key, value):
                self._join(node, child_name)
                last = key
                continue
            is_node = isinstance(value, yaml.MappingStartEvent)
            if child_name in seen:
                kind = "node" if is_node else "property"
                raise BadInput(f"duplicate {kind} {brief(child_name)}, first at {seen[child_name]}", at)
            seen[child_name] = at
            if is_node or child_name != MEMRESERVE or depth > 1 or self._what != "board":
                self._check_name(child_name, is_node, at)
            if isinstance(value, yaml.MappingStartEvent):
                self._check_depth(depth + 1, at)
                node.children.append(self._node(child_name, at, value, depth + 1))
            else:
                content = self._value(value, depth, split_names=child_name == "compatible")
                node.properties[child_name] = Property(child_name, content, at)
            last = value
        return node

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise BadInput("a key must be the name of a node or property", self._events.where(event))
        self._events.core_tag(event)
        self._no_anchor(event)
        if event.value == "<<":
            problem = "merge keys (<<) have no place in a board: write the properties out"
            raise BadInput(problem, self._events.where(event))
        return str(event.value)

    def _label(self, event: yaml.MappingStartEvent) -> str | None:
        label = event.anchor
        if label is None:
            return None
        where = self._events.where(event)
        if not LABEL.fullmatch(label):
            raise BadInput(f"label {brief(repr(label))} must be letters, digits and _, as in a DTS", where)
        if label in self._labels:
            raise BadInput(f"duplicate label &{label}, first at {self._labels[label]}", where)
        self._labels[label] = where
        return str(label)

    # --- values ------------------------------------------------------------

    def _value(self, event: yaml.Event, depth: int, split_names: bool = False) -> Value:
        where = self._events.where(event)
        if isinstance(event, yaml.AliasEvent):
            label = event.anchor or ""
            return Reference(label, where, early=label not in self._labels)
        if isinstance(event, yaml.ScalarEvent):
            tag = self._events.core_tag(event)
            self._no_anchor(event)
            return read_scalar(event.value, tag, event.style is None and event.tag != "!", where)
        if isinstance(event, yaml.SequenceStartEvent):
            bits = self._events.array_bits(event)
            self._no_anchor(event)
            self._check_depth(depth + 1, where)
            items = self._items(event, depth + 1, split_names)
            return _array(bits, items, where) if bits else Row(items, where)
        raise BadInput("a node cannot stand inside a list", where)

    def _items(self, start: yaml.SequenceStartEvent, depth: int, split_names: bool) -> tuple[Value, ...]:
        items: list[Value] = []
        last: yaml.Event = start
        while not isinstance(event := self._events.next(), yaml.SequenceEndEvent):
            if split_names and items and self._events.split_by_comma(last, event):
                items[-1] = _joined(items[-1], getattr(event, "value", ""))
            else:
                items.append(self._value(event, depth))
            if isinstance(items[-1], Flag):
                raise BadInput("true stands alone: it cannot be in a list", items[-1].where)
            last = event
        if not items:
            advice = "write true for an empty property" if self._what == "board" else "leave it out for none"
            raise BadInput(f"an empty list: {advice}", self._events.where(start))
        return tuple(items)

    def _is_rest_of_name(self, last: yaml.Event, key: yaml.Event, value: yaml.Event) -> bool:
        """Whether `key` is the end of the name that began with the value before it."""
        empty = is_plain(value) and getattr(value, "value", None) == ""
        return empty and self._events.split_by_comma(last, key)

    def _join(self, node: RawNode, rest: str) -> None:
        name, prop = node.properties.popitem()
        node.properties[name] = Property(name, _joined(prop.value, rest), prop.where)

    # --- rules -------------------------------------------------------------

    def _check_name(self, name: str, is_node: bool, where: Where) -> None:
        if is_node and not NODE_NAME.fullmatch(name):
            problem = f"{brief(repr(name))} is not a node name: use name or name@unit-address"
            raise BadInput(problem, where)
        if not is_node and not PROPERTY_NAME.fullmatch(name):
            raise BadInput(f"{brief(repr(name))} is not a property name (a node needs a mapping)", where)

    def _check_depth(self, depth: int, where: Where) -> None:
        if depth > MAX_DEPTH:
            raise BadInput(f"nested deeper than {MAX_DEPTH} levels", where)

    def _no_anchor(self, event: yaml.ScalarEvent | yaml.SequenceStartEvent) -> None:
        if event.anchor is not None:
            problem = f"label {brief(f'&{event.anchor}')} is on a value: only nodes have labels"
            raise BadInput(problem, self._events.where(event))


def _array(bits: int, items: tuple[Value, ...], where: Where) -> Array:
    """Numbers of `bits` each. BadInput for anything else."""
    numbers = []
    for item in items:
        if not isinstance(item, Number):
            raise BadInput(f"!u{bits}: {item} stands where a number is needed", item.where)
        if item.value >> bits:
            raise BadInput(f"!u{bits}: {item} does not fit {bits} bits", item.where)
        numbers.append(item)
    return Array(bits, tuple(numbers), where)


def _joined(value: Value, rest: str) -> Text:
    """`value` and `rest` as the one name with a comma that they are."""
    start = value.value if isinstance(value, Text) else str(value)
    return Text(f"{start},{rest}", value.where)
