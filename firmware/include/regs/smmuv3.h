/* Generated from the register table "smmuv3"; do not edit.
 * Source: ARM IHI 0070, chapter 6
 */
#ifndef SMMUV3_REGS_H
#define SMMUV3_REGS_H

#define SMMUV3_SPAN                             0x20000 /* bytes of address space */
#define SMMUV3_IDR0                             0x00000 /* ro: Features */
#define SMMUV3_IDR0_S2P_SHIFT                   0 /* stage 2 */
#define SMMUV3_IDR0_S2P_MASK                    0x00000001
#define SMMUV3_IDR0_S1P_SHIFT                   1 /* stage 1 */
#define SMMUV3_IDR0_S1P_MASK                    0x00000002
#define SMMUV3_IDR0_TTF_SHIFT                   2 /* 2: AArch64 tables */
#define SMMUV3_IDR0_TTF_MASK                    0x0000000c
#define SMMUV3_IDR0_COHACC_SHIFT                4 /* table and queue accesses are coherent */
#define SMMUV3_IDR0_COHACC_MASK                 0x00000010
#define SMMUV3_IDR0_BTM_SHIFT                   5 /* 0: no broadcast TLB maintenance */
#define SMMUV3_IDR0_BTM_MASK                    0x00000020
#define SMMUV3_IDR0_HTTU_SHIFT                  6 /* 2: access flag and dirty state are updated by hardware */
#define SMMUV3_IDR0_HTTU_MASK                   0x000000c0
#define SMMUV3_IDR0_DORMHINT_SHIFT              8
#define SMMUV3_IDR0_DORMHINT_MASK               0x00000100
#define SMMUV3_IDR0_HYP_SHIFT                   9 /* 0: no EL2 contexts */
#define SMMUV3_IDR0_HYP_MASK                    0x00000200
#define SMMUV3_IDR0_ATS_SHIFT                   10
#define SMMUV3_IDR0_ATS_MASK                    0x00000400
#define SMMUV3_IDR0_NS1ATS_SHIFT                11
#define SMMUV3_IDR0_NS1ATS_MASK                 0x00000800
#define SMMUV3_IDR0_ASID16_SHIFT                12 /* 16-bit ASIDs */
#define SMMUV3_IDR0_ASID16_MASK                 0x00001000
#define SMMUV3_IDR0_MSI_SHIFT                   13 /* interrupts may be messages */
#define SMMUV3_IDR0_MSI_MASK                    0x00002000
#define SMMUV3_IDR0_SEV_SHIFT                   14 /* CMD_SYNC may send a wake-up event */
#define SMMUV3_IDR0_SEV_MASK                    0x00004000
#define SMMUV3_IDR0_ATOS_SHIFT                  15
#define SMMUV3_IDR0_ATOS_MASK                   0x00008000
#define SMMUV3_IDR0_PRI_SHIFT                   16
#define SMMUV3_IDR0_PRI_MASK                    0x00010000
#define SMMUV3_IDR0_VMW_SHIFT                   17
#define SMMUV3_IDR0_VMW_MASK                    0x00020000
#define SMMUV3_IDR0_VMID16_SHIFT                18 /* 16-bit VMIDs */
#define SMMUV3_IDR0_VMID16_MASK                 0x00040000
#define SMMUV3_IDR0_CD2L_SHIFT                  19 /* two-level context descriptor tables */
#define SMMUV3_IDR0_CD2L_MASK                   0x00080000
#define SMMUV3_IDR0_VATOS_SHIFT                 20
#define SMMUV3_IDR0_VATOS_MASK                  0x00100000
#define SMMUV3_IDR0_TTENDIAN_SHIFT              21 /* 2: little endian */
#define SMMUV3_IDR0_TTENDIAN_MASK               0x00600000
#define SMMUV3_IDR0_ATSRECERR_SHIFT             23
#define SMMUV3_IDR0_ATSRECERR_MASK              0x00800000
#define SMMUV3_IDR0_STALL_MODEL_SHIFT           24 /* 0: faults stall or terminate */
#define SMMUV3_IDR0_STALL_MODEL_MASK            0x03000000
#define SMMUV3_IDR0_TERM_MODEL_SHIFT            26 /* 0: CD.A chooses abort or RAZ/WI */
#define SMMUV3_IDR0_TERM_MODEL_MASK             0x04000000
#define SMMUV3_IDR0_ST_LEVEL_SHIFT              27 /* 1: two-level stream tables */
#define SMMUV3_IDR0_ST_LEVEL_MASK               0x18000000
#define SMMUV3_IDR1                             0x00004 /* ro: Sizes */
#define SMMUV3_IDR1_SIDSIZE_SHIFT               0 /* bits of a stream id */
#define SMMUV3_IDR1_SIDSIZE_MASK                0x0000003f
#define SMMUV3_IDR1_SSIDSIZE_SHIFT              6 /* bits of a substream id */
#define SMMUV3_IDR1_SSIDSIZE_MASK               0x000007c0
#define SMMUV3_IDR1_PRIQS_SHIFT                 11
#define SMMUV3_IDR1_PRIQS_MASK                  0x0000f800
#define SMMUV3_IDR1_EVENTQS_SHIFT               16 /* log2 of the most entries */
#define SMMUV3_IDR1_EVENTQS_MASK                0x001f0000
#define SMMUV3_IDR1_CMDQS_SHIFT                 21 /* log2 of the most entries */
#define SMMUV3_IDR1_CMDQS_MASK                  0x03e00000
#define SMMUV3_IDR1_ATTR_PERMS_OVR_SHIFT        26 /* STE.PRIVCFG and INSTCFG are obeyed */
#define SMMUV3_IDR1_ATTR_PERMS_OVR_MASK         0x04000000
#define SMMUV3_IDR1_ATTR_TYPES_OVR_SHIFT        27 /* 0: memory types pass through */
#define SMMUV3_IDR1_ATTR_TYPES_OVR_MASK         0x08000000
#define SMMUV3_IDR1_REL_SHIFT                   28
#define SMMUV3_IDR1_REL_MASK                    0x10000000
#define SMMUV3_IDR1_QUEUES_PRESET_SHIFT         29
#define SMMUV3_IDR1_QUEUES_PRESET_MASK          0x20000000
#define SMMUV3_IDR1_TABLES_PRESET_SHIFT         30
#define SMMUV3_IDR1_TABLES_PRESET_MASK          0x40000000
#define SMMUV3_IDR1_ECMDQ_SHIFT                 31
#define SMMUV3_IDR1_ECMDQ_MASK                  0x80000000
#define SMMUV3_IDR2                             0x00008 /* ro: Place of the VATOS page */
#define SMMUV3_IDR3                             0x0000c /* ro: Features */
#define SMMUV3_IDR3_HAD_SHIFT                   2 /* CD.HAD0 and HAD1 */
#define SMMUV3_IDR3_HAD_MASK                    0x00000004
#define SMMUV3_IDR3_PBHA_SHIFT                  3
#define SMMUV3_IDR3_PBHA_MASK                   0x00000008
#define SMMUV3_IDR3_XNX_SHIFT                   4 /* stage 2 execute-never by exception level */
#define SMMUV3_IDR3_XNX_MASK                    0x00000010
#define SMMUV3_IDR3_MPAM_SHIFT                  7
#define SMMUV3_IDR3_MPAM_MASK                   0x00000080
#define SMMUV3_IDR3_FWB_SHIFT                   8
#define SMMUV3_IDR3_FWB_MASK                    0x00000100
#define SMMUV3_IDR3_STT_SHIFT                   9
#define SMMUV3_IDR3_STT_MASK                    0x00000200
#define SMMUV3_IDR3_RIL_SHIFT                   10 /* range invalidation and level hint */
#define SMMUV3_IDR3_RIL_MASK                    0x00000400
#define SMMUV3_IDR3_BBML_SHIFT                  11
#define SMMUV3_IDR3_BBML_MASK                   0x00001800
#define SMMUV3_IDR3_E0PD_SHIFT                  13
#define SMMUV3_IDR3_E0PD_MASK                   0x00002000
#define SMMUV3_IDR4                             0x00010 /* ro: Implementation defined */
#define SMMUV3_IDR5                             0x00014 /* ro: Address sizes, granules, stalls */
#define SMMUV3_IDR5_OAS_SHIFT                   0 /* 2: 40 bits */
#define SMMUV3_IDR5_OAS_MASK                    0x00000007
#define SMMUV3_IDR5_GRAN4K_SHIFT                4
#define SMMUV3_IDR5_GRAN4K_MASK                 0x00000010
#define SMMUV3_IDR5_GRAN16K_SHIFT               5
#define SMMUV3_IDR5_GRAN16K_MASK                0x00000020
#define SMMUV3_IDR5_GRAN64K_SHIFT               6
#define SMMUV3_IDR5_GRAN64K_MASK                0x00000040
#define SMMUV3_IDR5_VAX_SHIFT                   10 /* 0: 48-bit virtual addresses */
#define SMMUV3_IDR5_VAX_MASK                    0x00000c00
#define SMMUV3_IDR5_STALL_MAX_SHIFT             16 /* most transactions that can be stalled */
#define SMMUV3_IDR5_STALL_MAX_MASK              0xffff0000
#define SMMUV3_IIDR                             0x00018 /* ro: Implementer */
#define SMMUV3_AIDR                             0x0001c /* ro: Architecture revision */
#define SMMUV3_AIDR_ARCHMINORREV_SHIFT          0
#define SMMUV3_AIDR_ARCHMINORREV_MASK           0x0000000f
#define SMMUV3_AIDR_ARCHMAJORREV_SHIFT          4 /* 0: SMMUv3 */
#define SMMUV3_AIDR_ARCHMAJORREV_MASK           0x000000f0
#define SMMUV3_CR0                              0x00020 /* rw: Enables */
#define SMMUV3_CR0_SMMUEN_SHIFT                 0 /* translate */
#define SMMUV3_CR0_SMMUEN_MASK                  0x00000001
#define SMMUV3_CR0_PRIQEN_SHIFT                 1
#define SMMUV3_CR0_PRIQEN_MASK                  0x00000002
#define SMMUV3_CR0_EVENTQEN_SHIFT               2 /* record events */
#define SMMUV3_CR0_EVENTQEN_MASK                0x00000004
#define SMMUV3_CR0_CMDQEN_SHIFT                 3 /* process commands */
#define SMMUV3_CR0_CMDQEN_MASK                  0x00000008
#define SMMUV3_CR0_ATSCHK_SHIFT                 4
#define SMMUV3_CR0_ATSCHK_MASK                  0x00000010
#define SMMUV3_CR0_VMW_SHIFT                    6
#define SMMUV3_CR0_VMW_MASK                     0x000001c0
#define SMMUV3_CR0ACK                           0x00024 /* ro: The enables that are in force */
#define SMMUV3_CR0ACK_SMMUEN_SHIFT              0 /* translate */
#define SMMUV3_CR0ACK_SMMUEN_MASK               0x00000001
#define SMMUV3_CR0ACK_PRIQEN_SHIFT              1
#define SMMUV3_CR0ACK_PRIQEN_MASK               0x00000002
#define SMMUV3_CR0ACK_EVENTQEN_SHIFT            2 /* record events */
#define SMMUV3_CR0ACK_EVENTQEN_MASK             0x00000004
#define SMMUV3_CR0ACK_CMDQEN_SHIFT              3 /* process commands */
#define SMMUV3_CR0ACK_CMDQEN_MASK               0x00000008
#define SMMUV3_CR0ACK_ATSCHK_SHIFT              4
#define SMMUV3_CR0ACK_ATSCHK_MASK               0x00000010
#define SMMUV3_CR0ACK_VMW_SHIFT                 6
#define SMMUV3_CR0ACK_VMW_MASK                  0x000001c0
#define SMMUV3_CR1                              0x00028 /* rw: Attributes of table and queue accesses */
#define SMMUV3_CR1_QUEUE_IC_SHIFT               0 /* inner cacheability of queue accesses */
#define SMMUV3_CR1_QUEUE_IC_MASK                0x00000003
#define SMMUV3_CR1_QUEUE_OC_SHIFT               2 /* outer cacheability of queue accesses */
#define SMMUV3_CR1_QUEUE_OC_MASK                0x0000000c
#define SMMUV3_CR1_QUEUE_SH_SHIFT               4 /* shareability of queue accesses */
#define SMMUV3_CR1_QUEUE_SH_MASK                0x00000030
#define SMMUV3_CR1_TABLE_IC_SHIFT               6 /* inner cacheability of table accesses */
#define SMMUV3_CR1_TABLE_IC_MASK                0x000000c0
#define SMMUV3_CR1_TABLE_OC_SHIFT               8 /* outer cacheability of table accesses */
#define SMMUV3_CR1_TABLE_OC_MASK                0x00000300
#define SMMUV3_CR1_TABLE_SH_SHIFT               10 /* shareability of table accesses */
#define SMMUV3_CR1_TABLE_SH_MASK                0x00000c00
#define SMMUV3_CR2                              0x0002c /* rw: Control */
#define SMMUV3_CR2_E2H_SHIFT                    0 /* reserved without Hyp */
#define SMMUV3_CR2_E2H_MASK                     0x00000001
#define SMMUV3_CR2_RECINVSID_SHIFT              1 /* record C_BAD_STREAMID */
#define SMMUV3_CR2_RECINVSID_MASK               0x00000002
#define SMMUV3_CR2_PTM_SHIFT                    2 /* reserved without BTM */
#define SMMUV3_CR2_PTM_MASK                     0x00000004
#define SMMUV3_CR2_REC_CFG_ATS_SHIFT            3
#define SMMUV3_CR2_REC_CFG_ATS_MASK             0x00000008
#define SMMUV3_STATUSR                          0x00040 /* ro: Status */
#define SMMUV3_STATUSR_DORMANT_SHIFT            0
#define SMMUV3_STATUSR_DORMANT_MASK             0x00000001
#define SMMUV3_GBPA                             0x00044 /* rw: What happens to traffic while translation is off */
#define SMMUV3_GBPA_MEMATTR_SHIFT               0
#define SMMUV3_GBPA_MEMATTR_MASK                0x0000000f
#define SMMUV3_GBPA_MTCFG_SHIFT                 4
#define SMMUV3_GBPA_MTCFG_MASK                  0x00000010
#define SMMUV3_GBPA_ALLOCCFG_SHIFT              8
#define SMMUV3_GBPA_ALLOCCFG_MASK               0x00000f00
#define SMMUV3_GBPA_SHCFG_SHIFT                 12 /* 1: as incoming */
#define SMMUV3_GBPA_SHCFG_MASK                  0x00003000
#define SMMUV3_GBPA_PRIVCFG_SHIFT               16 /* 0: as incoming */
#define SMMUV3_GBPA_PRIVCFG_MASK                0x00030000
#define SMMUV3_GBPA_INSTCFG_SHIFT               18 /* 0: as incoming */
#define SMMUV3_GBPA_INSTCFG_MASK                0x000c0000
#define SMMUV3_GBPA_ABORT_SHIFT                 20 /* abort instead of bypass */
#define SMMUV3_GBPA_ABORT_MASK                  0x00100000
#define SMMUV3_GBPA_UPDATE_SHIFT                31 /* must be written as 1; reads as 0 when the write has taken effect */
#define SMMUV3_GBPA_UPDATE_MASK                 0x80000000
#define SMMUV3_AGBPA                            0x00048 /* ro: Implementation defined */
#define SMMUV3_IRQ_CTRL                         0x00050 /* rw: Interrupt enables */
#define SMMUV3_IRQ_CTRL_GERROR_IRQEN_SHIFT      0
#define SMMUV3_IRQ_CTRL_GERROR_IRQEN_MASK       0x00000001
#define SMMUV3_IRQ_CTRL_PRIQ_IRQEN_SHIFT        1
#define SMMUV3_IRQ_CTRL_PRIQ_IRQEN_MASK         0x00000002
#define SMMUV3_IRQ_CTRL_EVENTQ_IRQEN_SHIFT      2
#define SMMUV3_IRQ_CTRL_EVENTQ_IRQEN_MASK       0x00000004
#define SMMUV3_IRQ_CTRLACK                      0x00054 /* ro: The interrupt enables that are in force */
#define SMMUV3_IRQ_CTRLACK_GERROR_IRQEN_SHIFT   0
#define SMMUV3_IRQ_CTRLACK_GERROR_IRQEN_MASK    0x00000001
#define SMMUV3_IRQ_CTRLACK_PRIQ_IRQEN_SHIFT     1
#define SMMUV3_IRQ_CTRLACK_PRIQ_IRQEN_MASK      0x00000002
#define SMMUV3_IRQ_CTRLACK_EVENTQ_IRQEN_SHIFT   2
#define SMMUV3_IRQ_CTRLACK_EVENTQ_IRQEN_MASK    0x00000004
#define SMMUV3_GERROR                           0x00060 /* ro: Global errors; active where it differs from GERRORN */
#define SMMUV3_GERROR_CMDQ_ERR_SHIFT            0 /* CMDQ_CONS.ERR says which */
#define SMMUV3_GERROR_CMDQ_ERR_MASK             0x00000001
#define SMMUV3_GERROR_EVENTQ_ABT_ERR_SHIFT      2 /* an event could not be written */
#define SMMUV3_GERROR_EVENTQ_ABT_ERR_MASK       0x00000004
#define SMMUV3_GERROR_PRIQ_ABT_ERR_SHIFT        3
#define SMMUV3_GERROR_PRIQ_ABT_ERR_MASK         0x00000008
#define SMMUV3_GERROR_MSI_CMDQ_ABT_ERR_SHIFT    4 /* the MSI of a CMD_SYNC could not be written */
#define SMMUV3_GERROR_MSI_CMDQ_ABT_ERR_MASK     0x00000010
#define SMMUV3_GERROR_MSI_EVENTQ_ABT_ERR_SHIFT  5 /* the MSI of the event queue could not be written */
#define SMMUV3_GERROR_MSI_EVENTQ_ABT_ERR_MASK   0x00000020
#define SMMUV3_GERROR_MSI_PRIQ_ABT_ERR_SHIFT    6
#define SMMUV3_GERROR_MSI_PRIQ_ABT_ERR_MASK     0x00000040
#define SMMUV3_GERROR_MSI_GERROR_ABT_ERR_SHIFT  7 /* the MSI of a global error could not be written */
#define SMMUV3_GERROR_MSI_GERROR_ABT_ERR_MASK   0x00000080
#define SMMUV3_GERROR_SFM_ERR_SHIFT             8
#define SMMUV3_GERROR_SFM_ERR_MASK              0x00000100
#define SMMUV3_GERRORN                          0x00064 /* rw: Acknowledged global errors */
#define SMMUV3_GERRORN_CMDQ_ERR_SHIFT           0 /* CMDQ_CONS.ERR says which */
#define SMMUV3_GERRORN_CMDQ_ERR_MASK            0x00000001
#define SMMUV3_GERRORN_EVENTQ_ABT_ERR_SHIFT     2 /* an event could not be written */
#define SMMUV3_GERRORN_EVENTQ_ABT_ERR_MASK      0x00000004
#define SMMUV3_GERRORN_PRIQ_ABT_ERR_SHIFT       3
#define SMMUV3_GERRORN_PRIQ_ABT_ERR_MASK        0x00000008
#define SMMUV3_GERRORN_MSI_CMDQ_ABT_ERR_SHIFT   4 /* the MSI of a CMD_SYNC could not be written */
#define SMMUV3_GERRORN_MSI_CMDQ_ABT_ERR_MASK    0x00000010
#define SMMUV3_GERRORN_MSI_EVENTQ_ABT_ERR_SHIFT 5 /* the MSI of the event queue could not be written */
#define SMMUV3_GERRORN_MSI_EVENTQ_ABT_ERR_MASK  0x00000020
#define SMMUV3_GERRORN_MSI_PRIQ_ABT_ERR_SHIFT   6
#define SMMUV3_GERRORN_MSI_PRIQ_ABT_ERR_MASK    0x00000040
#define SMMUV3_GERRORN_MSI_GERROR_ABT_ERR_SHIFT 7 /* the MSI of a global error could not be written */
#define SMMUV3_GERRORN_MSI_GERROR_ABT_ERR_MASK  0x00000080
#define SMMUV3_GERRORN_SFM_ERR_SHIFT            8
#define SMMUV3_GERRORN_SFM_ERR_MASK             0x00000100
#define SMMUV3_GERROR_IRQ_CFG0                  0x00068 /* rw: MSI of GERROR: address; 0 sends none */
#define SMMUV3_GERROR_IRQ_CFG0_ADDR_SHIFT       2
#define SMMUV3_GERROR_IRQ_CFG0_ADDR_MASK        0x000ffffffffffffc
#define SMMUV3_GERROR_IRQ_CFG1                  0x00070 /* rw: MSI of GERROR: data */
#define SMMUV3_GERROR_IRQ_CFG1_DATA_SHIFT       0
#define SMMUV3_GERROR_IRQ_CFG1_DATA_MASK        0xffffffff
#define SMMUV3_GERROR_IRQ_CFG2                  0x00074 /* rw: MSI of GERROR: memory attributes */
#define SMMUV3_GERROR_IRQ_CFG2_MEMATTR_SHIFT    0
#define SMMUV3_GERROR_IRQ_CFG2_MEMATTR_MASK     0x0000000f
#define SMMUV3_GERROR_IRQ_CFG2_SH_SHIFT         4
#define SMMUV3_GERROR_IRQ_CFG2_SH_MASK          0x00000030
#define SMMUV3_STRTAB_BASE                      0x00080 /* rw: Stream table */
#define SMMUV3_STRTAB_BASE_ADDR_SHIFT           6
#define SMMUV3_STRTAB_BASE_ADDR_MASK            0x000fffffffffffc0
#define SMMUV3_STRTAB_BASE_RA_SHIFT             62
#define SMMUV3_STRTAB_BASE_RA_MASK              0x4000000000000000
#define SMMUV3_STRTAB_BASE_CFG                  0x00088 /* rw: Stream table format */
#define SMMUV3_STRTAB_BASE_CFG_LOG2SIZE_SHIFT   0 /* bits of stream id it covers */
#define SMMUV3_STRTAB_BASE_CFG_LOG2SIZE_MASK    0x0000003f
#define SMMUV3_STRTAB_BASE_CFG_SPLIT_SHIFT      6 /* bits of stream id that a level-2 table covers: 6, 8 or 10 */
#define SMMUV3_STRTAB_BASE_CFG_SPLIT_MASK       0x000007c0
#define SMMUV3_STRTAB_BASE_CFG_FMT_SHIFT        16 /* 0 linear, 1 two levels */
#define SMMUV3_STRTAB_BASE_CFG_FMT_MASK         0x00030000
#define SMMUV3_CMDQ_BASE                        0x00090 /* rw: Command queue */
#define SMMUV3_CMDQ_BASE_LOG2SIZE_SHIFT         0 /* log2 of its 16-byte entries */
#define SMMUV3_CMDQ_BASE_LOG2SIZE_MASK          0x000000000000001f
#define SMMUV3_CMDQ_BASE_ADDR_SHIFT             5
#define SMMUV3_CMDQ_BASE_ADDR_MASK              0x000fffffffffffe0
#define SMMUV3_CMDQ_BASE_RA_SHIFT               62
#define SMMUV3_CMDQ_BASE_RA_MASK                0x4000000000000000
#define SMMUV3_CMDQ_PROD                        0x00098 /* rw: Command queue write index */
#define SMMUV3_CMDQ_PROD_WR_SHIFT               0
#define SMMUV3_CMDQ_PROD_WR_MASK                0x000fffff
#define SMMUV3_CMDQ_CONS                        0x0009c /* rw: Command queue read index */
#define SMMUV3_CMDQ_CONS_RD_SHIFT               0
#define SMMUV3_CMDQ_CONS_RD_MASK                0x000fffff
#define SMMUV3_CMDQ_CONS_ERR_SHIFT              24 /* 1 illegal command, 2 fetch aborted */
#define SMMUV3_CMDQ_CONS_ERR_MASK               0x7f000000
#define SMMUV3_EVENTQ_BASE                      0x000a0 /* rw: Event queue */
#define SMMUV3_EVENTQ_BASE_LOG2SIZE_SHIFT       0 /* log2 of its 32-byte entries */
#define SMMUV3_EVENTQ_BASE_LOG2SIZE_MASK        0x000000000000001f
#define SMMUV3_EVENTQ_BASE_ADDR_SHIFT           5
#define SMMUV3_EVENTQ_BASE_ADDR_MASK            0x000fffffffffffe0
#define SMMUV3_EVENTQ_BASE_WA_SHIFT             62
#define SMMUV3_EVENTQ_BASE_WA_MASK              0x4000000000000000
#define SMMUV3_EVENTQ_IRQ_CFG0                  0x000b0 /* rw: MSI of the event queue: address; 0 sends none */
#define SMMUV3_EVENTQ_IRQ_CFG0_ADDR_SHIFT       2
#define SMMUV3_EVENTQ_IRQ_CFG0_ADDR_MASK        0x000ffffffffffffc
#define SMMUV3_EVENTQ_IRQ_CFG1                  0x000b8 /* rw: MSI of the event queue: data */
#define SMMUV3_EVENTQ_IRQ_CFG1_DATA_SHIFT       0
#define SMMUV3_EVENTQ_IRQ_CFG1_DATA_MASK        0xffffffff
#define SMMUV3_EVENTQ_IRQ_CFG2                  0x000bc /* rw: MSI of the event queue: memory attributes */
#define SMMUV3_EVENTQ_IRQ_CFG2_MEMATTR_SHIFT    0
#define SMMUV3_EVENTQ_IRQ_CFG2_MEMATTR_MASK     0x0000000f
#define SMMUV3_EVENTQ_IRQ_CFG2_SH_SHIFT         4
#define SMMUV3_EVENTQ_IRQ_CFG2_SH_MASK          0x00000030
#define SMMUV3_ID_REGS(n)                       (0x00fd0 + 4 * (n)) /* ro: Implementation defined identification */
#define SMMUV3_ID_REGS_COUNT                    12
#define SMMUV3_EVENTQ_PROD                      0x100a8 /* rw: Event queue write index */
#define SMMUV3_EVENTQ_PROD_WR_SHIFT             0
#define SMMUV3_EVENTQ_PROD_WR_MASK              0x000fffff
#define SMMUV3_EVENTQ_PROD_OVFLG_SHIFT          31
#define SMMUV3_EVENTQ_PROD_OVFLG_MASK           0x80000000
#define SMMUV3_EVENTQ_CONS                      0x100ac /* rw: Event queue read index */
#define SMMUV3_EVENTQ_CONS_RD_SHIFT             0
#define SMMUV3_EVENTQ_CONS_RD_MASK              0x000fffff
#define SMMUV3_EVENTQ_CONS_OVACKFLG_SHIFT       31
#define SMMUV3_EVENTQ_CONS_OVACKFLG_MASK        0x80000000

#endif /* SMMUV3_REGS_H */
