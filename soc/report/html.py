"""report.html: one self-contained page. No script, no network, light and dark, every value escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from soc.report.files import whole_file
from soc.report.lifelines import life_lines
from soc.report.text import count_text, size_text, time_text, visible
from soc.report.verdict import headline, merged_copies, outcome
from soc.verify.result import RunResult

MOST_FAULTS = 50


def render_html(result: RunResult, pictures: Sequence[str]) -> str:
    """The page as text. `pictures` names the pictures that lie beside it as NAME.png."""
    environment = Environment(
        loader=PackageLoader("soc.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(size=size_text, time=time_text, count=count_text)
    return environment.get_template("report.html.j2").render(
        result=result,
        pictures=pictures,
        headline=headline(result),
        outcome=outcome(result),
        copies=merged_copies(result.copies),
        faults=result.faults[:MOST_FAULTS],
        more_faults=max(0, len(result.faults) - MOST_FAULTS),
        extra=result.moved - result.minimum,
        busiest=max((r + w for r, w in result.moved_by.values()), default=0),
        life=life_lines(result),
    )


def write_html(result: RunResult, pictures: Sequence[str], path: Path) -> None:
    """Write the page. Raises OSError."""
    with whole_file(path) as partial:
        partial.write_text(render_html(result, pictures), encoding="utf-8")


def _shown(value: object) -> object:
    """Applied to every value the template prints, before it is escaped."""
    return visible(value) if type(value) is str else value
