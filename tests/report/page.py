"""A report page taken apart with the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser

APART = frozenset({"td", "th", "br", "figcaption"})
VOID = frozenset({"meta", "img", "br", "rect", "line", "path"})


class Page(HTMLParser):
    """`tags` in order, their `attributes`, the `text` outside <style>, cells apart. Raises on bad nesting."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        if self._open:
            raise ValueError(f"never closed: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text += " " if tag in APART else ""
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def values(self, tag: str, attribute: str) -> list[str | None]:
        return [value for t, name, value in self.attributes if (t, name) == (tag, attribute)]

    @property
    def words(self) -> str:
        """The text with every run of white space as one space."""
        return " ".join(self.text.split())
