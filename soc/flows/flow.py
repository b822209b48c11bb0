"""A flow: one of the sources' stories, told in acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.flows.stage import Stage
    from soc.flows.steps import Step


@dataclass(frozen=True)
class Finding:
    """A mistake that an act shows: its name, and the very words that must name it."""

    mistake: str
    words: str


@dataclass(frozen=True)
class Act:
    """What `play` does on a kernel of `generation`. `text` says what there is to see.

    `findings` are all that is to be complained of: by the log, in order, then of fds, then of what is left.
    """

    name: str
    text: str
    generation: Generation
    play: Callable[[Stage], None]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Flow:
    """`title` is one line for a list; `source` the document it is from; `text` introduces the acts."""

    name: str
    title: str
    source: str
    text: str
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Played:
    """What came of an act: `complaints` ordered as findings are, and the last words of one that broke off."""

    act: Act
    steps: tuple[Step, ...]
    complaints: tuple[str, ...]
    broke_off: str = ""

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What should have been found and was not."""
        return tuple(finding for finding in self.act.findings if finding.words not in self.complaints)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """What nobody said would be complained of."""
        known = [finding.words for finding in self.act.findings]
        return tuple(words for words in self.complaints if words not in known)

    @property
    def held(self) -> bool:
        """Whether it ended as it says: each finding once and in its place, and nothing else."""
        return not self.broke_off and [f.words for f in self.act.findings] == list(self.complaints)
