"""Which device translates through which domain: IOMMU groups, made from the device tree.

Devices that present the same stream id to one IOMMU form a group and share its
domain, so a mapping made for one is seen by the other.
Source: drivers/iommu/{iommu,of_iommu}.c. Like the SMMUv2 driver of
Linux; its SMMUv3 driver refuses the second of two platform devices with one stream.

Not modelled: iommu-map (the tree reader has no buses that need it), ACPI,
changing a group's domain at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from errno import EINVAL, ENODEV
from typing import TYPE_CHECKING

from soc.devicetree.cells import number
from soc.devicetree.tree import Node
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.iommu.domain import DomainKind, IommuDomain
from soc.kernel.iommu.history import IovaOwner
from soc.kernel.iommu.ops import IommuOps, StreamTraits
from soc.kernel.iommu.reserved import reserved_ranges

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel


@dataclass(eq=False)
class IommuGroup:
    """Devices, by name, that share the streams of one IOMMU and so its domain."""

    number: int
    iommu: str
    domain: IommuDomain
    streams: dict[int, list[str]] = field(default_factory=dict)

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for names in self.streams.values() for name in names))


class IommuGroups:
    """The IOMMUs of one kernel by node path (`ops`), and the groups behind them."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.ops: dict[str, IommuOps] = {}
        self.groups: list[IommuGroup] = []
        self._by_stream: dict[tuple[str, int], IommuGroup] = {}
        self._substreams: list[tuple[str, IommuDomain]] = []

    # --- IOMMUs ----------------------------------------------------------------

    @property
    def default_kind(self) -> DomainKind:
        """What the command line makes of new groups."""
        parameters = self._kernel.parameters
        if parameters.iommu_passthrough:
            return DomainKind.IDENTITY
        return DomainKind.DMA if parameters.iommu_strict else DomainKind.DMA_FQ

    def register(self, device: Device, ops: IommuOps) -> None:
        """An IOMMU is ready for use."""
        if not self.ops:
            kind = self.default_kind
            name = "Passthrough" if kind is DomainKind.IDENTITY else "Translated"
            self._kernel.log.info(f"iommu: Default domain type: {name}")
            if kind is not DomainKind.IDENTITY:
                mode = "strict" if kind is DomainKind.DMA else "lazy"
                self._kernel.log.info(f"iommu: DMA domain TLB invalidation policy: {mode} mode")
        self.ops[device.node.path] = ops

    def unregister(self, device: Device) -> None:
        """An IOMMU is gone."""
        self.ops.pop(device.node.path, None)

    def release(self) -> None:
        """Every domain's tables go back; an IOMMU that is still there forgets the streams first."""
        for group in self.groups:
            if (ops := self.ops.get(group.iommu)) is not None:
                for stream in group.streams:
                    ops.detach(stream)
            self._free(group.iommu, group.domain)
        for path, domain in self._substreams:
            self._free(path, domain)
        self.groups.clear()
        self._substreams.clear()
        self._by_stream.clear()

    # --- devices ---------------------------------------------------------------

    def attach(self, node: Node, name: str) -> IommuDomain | None:
        """The default domain of a device's group, made and attached on first use.

        All streams of the device share it. None without `iommus`, and also when the
        IOMMU refuses: like Linux, the device then goes on with direct addresses.
        -EPROBE_DEFER while an IOMMU of the node has not been probed.
        """
        entries = node.phandles("iommus", "#iommu-cells")
        for entry in entries:
            if entry.node.enabled and entry.node.path not in self.ops:
                why = self._kernel.probe_errors.get(entry.node.path)
                told = f"{entry.node.path} has not been probed" + (f": {why}" if why else "")
                raise KernelError(EPROBE_DEFER, told)
        if not entries:
            return None
        try:
            group = self._group_of(node, name)
        except KernelError as error:
            self._kernel.log.error(f"platform {name}: no IOMMU, direct addresses: {error}")
            return None
        return group.domain

    def attach_substream(self, node: Node, name: str, substream: int) -> IommuDomain:
        """A domain of its own for one substream (PASID) of an attached device.

        -ENODEV without IOMMU, -EINVAL beyond the device's `pasid-num-bits` or for 0.
        """
        found = [group for group in self.groups if name in group.devices]
        if not found:
            raise KernelError(ENODEV, f"{name} has no IOMMU")
        group, ops, traits = found[0], self.ops[found[0].iommu], _traits(node)
        if not 0 < substream < 1 << traits.substream_bits:
            raise KernelError(EINVAL, f"{name} has no substream {substream:#x}")
        domain = ops.domain_alloc(DomainKind.DMA)
        for stream, names in group.streams.items():
            if name in names:
                ops.attach_domain(stream, domain, traits, substream)
        self._substreams.append((group.iommu, domain))
        return domain

    def devices_of(self, path: str, stream: int) -> tuple[str, ...]:
        """Names of the devices that issue `stream` at the IOMMU of node `path`."""
        group = self._by_stream.get((path, stream))
        return tuple(group.streams.get(stream, ())) if group else ()

    def stale_owner(self, path: str, stream: int, iova: int, size: int = 1) -> IovaOwner | None:
        """Whose unmapped range [iova, iova + size) touches, for a device of the stream (lazy domains)."""
        group = self._by_stream.get((path, stream))
        return group.domain.stale_owner(iova, size) if group else None

    def _group_of(self, node: Node, name: str) -> IommuGroup:
        """Join or make the group. Nothing has changed if it raises."""
        path, streams = self._streams(node)
        groups = list(
            dict.fromkeys(self._by_stream[path, s] for s in streams if (path, s) in self._by_stream)
        )
        if len(groups) > 1:
            numbers = " and ".join(str(group.number) for group in groups)
            raise KernelError(EINVAL, f"its streams belong to groups {numbers}")
        group = groups[0] if groups else None
        if group is None:
            domain = self.ops[path].domain_alloc(self.default_kind)
            group = IommuGroup(len(self.groups), path, domain)
        try:
            self._reserve(node, name, group.domain)
            self._attach_streams(group, [s for s in streams if s not in group.streams], _traits(node))
        except KernelError:
            if not groups:
                self._free(path, group.domain)
            raise
        if not groups:
            self.groups.append(group)
        for stream in streams:
            self._by_stream[path, stream] = group
            names = group.streams.setdefault(stream, [])
            if name not in names:
                names.append(name)
        self._kernel.log.info(f"platform {name}: Adding to iommu group {group.number}")
        return group

    def _streams(self, node: Node) -> tuple[str, list[int]]:
        """The IOMMU of a node and the stream ids there. -EINVAL for more than one IOMMU."""
        entries = node.phandles("iommus", "#iommu-cells")
        paths = list(dict.fromkeys(entry.node.path for entry in entries))
        if len(paths) > 1:
            raise KernelError(EINVAL, f"its streams belong to {' and '.join(paths)}")
        ops = self.ops.get(paths[0])
        if ops is None:
            raise KernelError(ENODEV, f"{paths[0]} is disabled")
        streams = [stream for entry in entries for stream in ops.of_xlate(entry.args)]
        return paths[0], list(dict.fromkeys(streams))

    def _attach_streams(self, group: IommuGroup, streams: list[int], traits: StreamTraits) -> None:
        """All of them or none."""
        ops = self.ops[group.iommu]
        for index, stream in enumerate(streams):
            try:
                ops.attach_domain(stream, group.domain, traits)
            except KernelError:
                for attached in streams[:index]:
                    ops.detach(attached)
                raise

    def _reserve(self, node: Node, name: str, domain: IommuDomain) -> None:
        if not domain.translates:
            return
        for reserved in reserved_ranges(node):
            try:
                if reserved.direct:
                    domain.map_direct(reserved.start, reserved.size)
                else:
                    domain.reserve(reserved.start, reserved.size)
            except ValueError as error:
                self._kernel.log.error(f"platform {name}: cannot reserve IOVAs: {error}")

    def _free(self, path: str, domain: IommuDomain) -> None:
        domain.release()
        if (ops := self.ops.get(path)) is not None:
            ops.domain_free(domain)


def _traits(node: Node) -> StreamTraits:
    """Source: Documentation/devicetree/bindings/iommu/iommu.txt."""
    prop = node.properties.get("pasid-num-bits")
    bits = number("pasid-num-bits", prop.value) if prop else 0
    return StreamTraits(node.flag("dma-can-stall"), bits)
