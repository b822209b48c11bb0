"""The ways to a cached memory: through the cache, snooping it, and behind it."""

from __future__ import annotations

from soc.address import PAGE_SHIFT
from soc.memory.cache.cache import CpuCache
from soc.memory.rows import Rows
from soc.memory.span import Bytes, PageSpan


class _View:
    """What the three have in common; `who` is named in reports."""

    def __init__(self, cache: CpuCache, who: str) -> None:
        self._cache = cache
        self._who = who

    def holds(self, span: PageSpan) -> bool:
        """Whether all of `span` is DRAM."""
        return self._cache.holds(span)

    def peek(self, span: PageSpan) -> Bytes:
        """The same for a debugger: nothing is reported."""
        return self._cache.dram.read(span)


class CachedView(_View):
    """Memory as the CPU sees it through a cacheable mapping; `who` is named in reports."""

    def read(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        return self._cache.cpu_read(span, self._who, rows)

    def write(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        self._cache.cpu_write(span, data, self._who, rows)


class CleanedView(_View):
    """Memory as code of the CPU sees it that cleans what it writes, whole pages, at once."""

    def read(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        return self._cache.cpu_read(span, self._who, rows)

    def write(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        """ValueError for anything but whole pages."""
        if rows is not None or span.size != len(span.frames) << PAGE_SHIFT:
            raise ValueError(f"{self._who} writes {span.size} bytes, which are not whole pages")
        self._cache.cpu_write_and_clean(span, data, self._who)


class SnoopingView(_View):
    """Memory as a master that is dma-coherent sees it."""

    def read(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        return self._cache.coherent_read(span, self._who, rows)

    def write(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        self._cache.coherent_write(span, data, self._who, rows)


class DramView(_View):
    """Memory as a master that is not coherent sees it, or the CPU through an uncached mapping."""

    def read(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        return self._cache.device_read(span, self._who, rows)

    def write(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        self._cache.device_write(span, data, self._who, rows)

    def peek(self, span: PageSpan) -> Bytes:
        """The same for a debugger: nothing is reported."""
        return self._cache.peek_behind(span)
