"""`soc flow`: one of the sources' flows, step by step."""

from __future__ import annotations

import argparse

from soc.cli.commands import Commands
from soc.cli.status import FAILED, HELD, say
from soc.errors import BadInput
from soc.flows.catalogue import FLOWS
from soc.flows.stage import play_flow
from soc.flows.tables import as_text, listing


def add(commands: Commands) -> None:
    flow = commands.add_parser(
        "flow",
        help="run one of the sources' flows and show the reference counts step by step",
        description="Runs a flow: each call, who made it, and after it the references by holder. "
        "A mistake that the flow shows must be found and named. = stands for the same holders as before.",
        epilog="example: soc flow exynos-vb2; without a name, lists the flows; "
        "exit status: 0 ended as it says, 1 did not",
    )
    flow.add_argument("name", nargs="?", metavar="FLOW", help="its name; without one, all are listed")
    flow.set_defaults(command=_flow)


def _flow(options: argparse.Namespace) -> int:
    if options.name is None:
        say(listing(FLOWS.values()), end="")
        return HELD
    flow = FLOWS.get(options.name)
    if flow is None:
        raise BadInput(f"no flow {options.name!r}; known: {', '.join(FLOWS)}")
    acts = list(play_flow(flow))
    say(as_text(flow, acts), end="")
    return HELD if all(act.held for act in acts) else FAILED
