"""Flows for people: on the terminal, and as pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from soc.flows.flow import Flow, Played
from soc.flows.steps import Change, Step

WIDTH = 110
INDENT = "       "


def listing(flows: Iterable[Flow]) -> str:
    """One line for each flow."""
    return "".join(f"{flow.name:24} {flow.title}\n" for flow in flows)


def as_text(flow: Flow, acts: Iterable[Played]) -> str:
    """A flow with its acts, each a table of steps; unchanged counts without their holders."""
    lines = [f"{flow.name}: {flow.title}", f"source: {flow.source}", "", *_wrapped(flow.text)]
    for played in acts:
        lines += ["", *_act_text(played)]
    return "\n".join(lines) + "\n"


def as_markdown(flow: Flow, acts: Iterable[Played]) -> str:
    """The same as a section of a page."""
    title = f"{flow.title[:1].upper()}{flow.title[1:]}. Source: {flow.source}."
    lines = [f"## {flow.name}", "", title, "", *_wrapped(flow.text)]
    for played in acts:
        lines += ["", *_act_markdown(played)]
    return "\n".join(lines) + "\n"


# --- the terminal ---------------------------------------------------------------------


def _act_text(played: Played) -> Iterator[str]:
    act = played.act
    yield f"--- {act.name} (Linux {act.generation}) ---"
    yield from _wrapped(act.text)
    yield ""
    who = max((len(step.who) for step in played.steps), default=0)
    what = max((len(change.count.what) for step in played.steps for change in step.counts), default=0)
    for number, step in enumerate(played.steps, 1):
        result = f"  -> {step.result}" if step.result else ""
        yield from _wrapped(step.call + result, f"{number:4}  {step.who:{who}}  {'  ' * step.depth}")
        for change in step.counts:
            yield from _wrapped(change.who or "=", f"{INDENT}{change.count.what:{what}}  {change.number:9}  ")
        for complaint in step.complaints:
            yield from _wrapped(complaint, f"{INDENT}! ")
    yield ""
    yield from _verdict(played)


def _verdict(played: Played) -> Iterator[str]:
    for finding in played.act.findings:
        yield f"{'NOT FOUND' if finding in played.missing else 'found'}: {finding.mistake}"
        yield from _wrapped(finding.words, "    ")
    for words in played.unexpected:
        yield from _wrapped(words, "UNEXPECTED: ")
    if played.broke_off:
        yield f"BROKE OFF: {played.broke_off}"
    if not played.held:
        yield "DOES NOT END AS IT SAYS"
    elif played.act.findings:
        yield "ends as it says"
    else:
        yield "ends as it says: nothing is wrong and nothing is left"


def _wrapped(text: str, first: str = "") -> list[str]:
    """Lines of at most WIDTH, the first behind `first`, the others below its text."""
    rest = " " * len(first)
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


# --- pages ------------------------------------------------------------------------------


def _act_markdown(played: Played) -> Iterator[str]:
    act = played.act
    yield f"### {act.name}"
    yield ""
    yield from _wrapped(f"Linux {act.generation}. {act.text}")
    yield ""
    yield "| | who | call | references after it |"
    yield "|---|---|---|---|"
    for number, step in enumerate(played.steps, 1):
        yield f"| {number} | {_cell(step.who)} | {_call(step)} | {_counts(step)} |"
    yield ""
    if not act.findings:
        yield "Nothing is complained of, and every count is back where it was."
        return
    yield "Found, and nothing else:"
    yield ""
    for finding in act.findings:
        yield f"- {finding.mistake}: {_cell(finding.words)}"


def _call(step: Step) -> str:
    result = f" → {step.result}" if step.result else ""
    return _cell("· " * step.depth + step.call + result)


def _counts(step: Step) -> str:
    changes = [_change(change) for change in step.counts]
    complaints = [f"**!** {_cell(complaint)}" for complaint in step.complaints]
    return "<br>".join([*changes, *complaints])


def _change(change: Change) -> str:
    what, number = _cell(change.count.what), _cell(change.number)
    return f"{what}: **{number}**: {_cell(change.who)}" if change.changed else f"{what}: {number}"


def _cell(text: str) -> str:
    """What a cell of a table can hold: one line, no bars, nothing that is markup."""
    for mark in ("|", "*", "<", ">", "`"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
