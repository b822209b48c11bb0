"""/sys/kernel/debug/dma-api: what the checks found, and their switches.

Source: Documentation/core-api/dma-api.rst, "Debug drivers use of the DMA-API".
"""

from __future__ import annotations

from collections.abc import Callable

from soc.kernel.dma.attrs import ADDRESS_MASK
from soc.kernel.dma.debug.complaints import driver_string
from soc.kernel.dma.debug.debug import DmaDebug
from soc.kernel.dma.debug.entry import Entry, spell
from soc.kernel.fs.pseudofs import Views, parse_unsigned

DIRECTORY = "/sys/kernel/debug/dma-api"
HASH_SHIFT = 13
HASH_MASK = (1 << 14) - 1


def add_views(views: Views, debug: DmaDebug) -> None:
    """Register the nine files of `debug`. ValueError if they exist."""
    records = debug.records
    complaints, ledger = records.complaints, records.ledger

    def set_all_errors(text: str) -> None:
        complaints.all_errors = parse_unsigned(text)

    def set_num_errors(text: str) -> None:
        complaints.num_errors = parse_unsigned(text)

    def number(value: Callable[[], int]) -> Callable[[], str]:
        return lambda: f"{value()}\n"

    def path(name: str) -> str:
        return f"{DIRECTORY}/{name}"

    views.add(path("all_errors"), number(lambda: complaints.all_errors), set_all_errors)
    views.add(path("num_errors"), number(lambda: complaints.num_errors), set_num_errors)
    views.add(path("error_count"), number(lambda: complaints.error_count))
    views.add(path("disabled"), lambda: "Y\n" if records.disabled else "N\n")
    views.add(path("num_free_entries"), number(lambda: ledger.free))
    views.add(path("min_free_entries"), number(lambda: ledger.least_free))
    views.add(path("nr_total_entries"), number(lambda: ledger.total))
    views.add(
        path("driver_filter"),
        lambda: f"{complaints.filter}\n" if complaints.filter else "",
        complaints.set_filter,
    )
    views.add(path("dump"), lambda: "".join(line for entry in ledger for line in _dump(entry)))


def _dump(entry: Entry) -> list[str]:
    """One line per segment: hash bucket, physical address (P), DMA address (D), bytes (L), cache line."""
    device = entry.device
    lines = []
    physical = entry.physical
    for start, length in zip(entry.addresses.tolist(), entry.lengths.tolist(), strict=True):
        address = start & ADDRESS_MASK
        bucket = (address >> HASH_SHIFT) & HASH_MASK
        lines.append(
            f"{driver_string(device)} {device.name} {entry.type.value} idx {bucket} P={physical:#018x} "
            f"D={address:x} L={length:x} cln={physical >> 6:#018x} {spell(entry.direction)} "
            f"{entry.check.value}\n"
        )
        physical += length
    return lines
