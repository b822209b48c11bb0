"""All flows, in the order in which the sources came."""

from __future__ import annotations

from soc.flows.dmabuf_test.flow import FROM_KERNEL, FROM_USER
from soc.flows.exynos.flow import EXYNOS
from soc.flows.flow import Flow
from soc.flows.framebuffer.flow import AS_ASKED, CORRECTED
from soc.flows.heaps.flow import HEAPS
from soc.flows.processes.flow import PROCESSES

FLOWS: dict[str, Flow] = {
    flow.name: flow for flow in (AS_ASKED, CORRECTED, FROM_KERNEL, FROM_USER, EXYNOS, PROCESSES, HEAPS)
}
