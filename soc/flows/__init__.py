"""The flows of the sources as examples that run: each call, who made it, and the references after it.

A flow (flow.py) is one of the sources' stories in acts; each act plays on a kernel of its own
(stage.py) and is written down step by step (steps.py). An act that shows a mistake says
which words of the kernel's log, ledger or sanitizers must name it: it has failed if they do
not, or if anything else is complained of. `soc flow` runs them (catalogue.py), docs/flows.md
shows them (tables.py).
"""
