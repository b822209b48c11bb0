"""A domain of the SMMUv3 driver: its identifiers, its structures, and how it is invalidated.

Source: drivers/iommu/arm/arm-smmu-v3; ARM IHI 0070, 4.4 (invalidation), 5.2 and 5.4.
"""

from __future__ import annotations

from devices.smmuv3.driver.features import Feature, Probed
from devices.smmuv3.driver.queue import Encoded, encode
from devices.smmuv3.driver.tables import ContextTable
from devices.smmuv3.spec import Command, ContextDescriptor, Opcode, StreamTableEntry
from devices.smmuv3.spec.features import ADDRESS_BITS
from devices.smmuv3.spec.granules import TG0, TLBI_TG
from devices.smmuv3.spec.ste import DefaultSubstream, SteConfig
from soc.clock import Clock
from soc.kernel.iommu.domain import DomainKind, IommuDomain
from soc.kernel.iommu.io_pgtable import CACHEABLE_INDEX, UNCACHED_INDEX, Geometry
from soc.kernel.iommu.ops import IommuOps, StreamTraits
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import Granule

MAIR = 0xFF << (8 * CACHEABLE_INDEX) | 0x44 << (8 * UNCACHED_INDEX)
"""Normal write-back, normal uncached."""

MOST_SINGLE_PAGES = 16
"""Pages that are invalidated one by one where the SMMU has no range commands."""

LARGEST_NUM = 31
"""Blocks of 1 << SCALE pages in one range command; NUM holds one less."""

INCOMING, INNER_SHAREABLE, WRITE_BACK = 1, 3, 1


class SmmuDomain(IommuDomain):
    """A domain of one SMMU. `asid` tags it at stage 1, `vmid` at stage 2; identity domains have neither."""

    def __init__(
        self,
        ops: IommuOps,
        probed: Probed,
        table: PageTable | None,
        kind: DomainKind,
        clock: Clock,
        asid: int = 0,
        vmid: int = 0,
    ) -> None:
        geometry = Geometry(probed.input_bits, probed.granule, probed.stage)
        super().__init__(ops, table, geometry, kind, clock)
        self.asid = asid
        self.vmid = vmid
        self._probed = probed
        self._templates: dict[tuple[int, int], Encoded] = {}

    # --- structures ------------------------------------------------------------

    def context(self, traits: StreamTraits) -> ContextDescriptor:
        """The stage-1 descriptor: faults are recorded and abort, or stall where the device can wait."""
        probed, table = self._probed, self.table
        stalls = probed.has(Feature.STALL_FORCE) or (probed.has(Feature.STALLS) and traits.can_stall)
        return ContextDescriptor(
            t0sz=table.t0sz,
            tg0=_code(TG0, probed.granule),
            ir0=WRITE_BACK,
            or0=WRITE_BACK,
            sh0=INNER_SHAREABLE,
            epd1=True,
            endi=not probed.has(Feature.TT_LE),
            valid=True,
            ips=ADDRESS_BITS.index(probed.oas),
            aa64=True,
            stall=stalls,
            record=True,
            abort=True,
            aset=True,
            asid=self.asid,
            ttb0=table.root,
            mair=MAIR,
        )

    def stream_entry(self, contexts: ContextTable | None, traits: StreamTraits) -> StreamTableEntry:
        """The STE of a stream: bypass, stage 1 through `contexts`, or stage 2."""
        probed = self._probed
        if not self.translates:
            return StreamTableEntry(valid=True, config=SteConfig.BYPASS, sh_cfg=INCOMING)
        if contexts is not None:
            can_choose = probed.has(Feature.STALLS) and not probed.has(Feature.STALL_FORCE)
            return StreamTableEntry(
                valid=True,
                config=SteConfig.STAGE1,
                s1_fmt=contexts.format,
                s1_context_ptr=contexts.base,
                s1_cd_max=contexts.bits,
                s1_dss=DefaultSubstream.SUBSTREAM0,
                s1_cir=WRITE_BACK,
                s1_cor=WRITE_BACK,
                s1_csh=INNER_SHAREABLE,
                s1_stalld=can_choose and not traits.can_stall,
                sh_cfg=INCOMING,
            )
        table = self.table
        return StreamTableEntry(
            valid=True,
            config=SteConfig.STAGE2,
            sh_cfg=INCOMING,
            s2_vmid=self.vmid,
            s2_t0sz=table.t0sz,
            s2_sl0=(2 if probed.granule is Granule.K4 else 3) - table.start_level,
            s2_ir0=WRITE_BACK,
            s2_or0=WRITE_BACK,
            s2_sh0=INNER_SHAREABLE,
            s2_tg=_code(TG0, probed.granule),
            s2_ps=ADDRESS_BITS.index(probed.oas),
            s2_aa64=True,
            s2_endi=not probed.has(Feature.TT_LE),
            s2_ptw=True,
            s2_s=probed.has(Feature.STALL_FORCE),
            s2_r=True,
            s2_ttb=table.root,
        )

    # --- invalidation ----------------------------------------------------------

    def invalidate_all_commands(self) -> list[Encoded]:
        """One command for the whole address space."""
        if not self.translates:
            return []
        if self.geometry.stage == 1:
            return [encode(Command(Opcode.TLBI_NH_ASID, asid=self.asid))]
        return [encode(Command(Opcode.TLBI_S12_VMALL, vmid=self.vmid))]

    def invalidate_commands(self, iova: int, size: int) -> list[Encoded]:
        """For [iova, iova + size): range commands, or one per page, or the whole space as one is cheaper.

        A range is cut as Linux does it, from its lowest set bits up: at most one
        command for each five bits of its length in pages.
        """
        shift = int(self.geometry.granule)
        pages = size >> shift
        if not self._probed.has(Feature.RANGE_INV):
            if pages > MOST_SINGLE_PAGES:
                return self.invalidate_all_commands()
            return [self._page(iova + (page << shift)) for page in range(pages)]
        commands: list[Encoded] = []
        while pages:
            scale = (pages & -pages).bit_length() - 1
            num = pages >> scale & LARGEST_NUM
            commands.append(self._range(iova, num, scale))
            iova += num << scale << shift
            pages -= num << scale
        return commands

    def _page(self, iova: int) -> Encoded:
        return self._range(iova, 1, 0)

    def _range(self, iova: int, num: int, scale: int) -> Encoded:
        """`num` << `scale` pages at `iova`; a single page has no range, as TTL is not given."""
        template = self._templates.get((num, scale))
        if template is None:
            stage1 = self.geometry.stage == 1
            opcode = Opcode.TLBI_NH_VA if stage1 else Opcode.TLBI_S2_IPA
            tg = 0 if (num, scale) == (1, 0) else _code(TLBI_TG, self._probed.granule)
            command = Command(opcode, asid=self.asid, vmid=self.vmid, num=num - 1, scale=scale, tg=tg)
            template = self._templates[num, scale] = encode(command)
        low, high = template
        return low, high | iova


def _code(codes: dict[int, Granule], granule: Granule) -> int:
    """How one of the granule fields encodes `granule`."""
    return next(code for code, of in codes.items() if of is granule)
