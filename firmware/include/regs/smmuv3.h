/* Generated from the register table "smmuv3"; do not edit.
 * Source: ARM IHI 0070, chapter 6
 */
#ifndef SMMUV3_REGS_H
#define SMMUV3_REGS_H

#define SMMUV3_SPAN                           0x20000 /* bytes of address space */
#define SMMUV3_IDR0                           0x00000 /* ro: Features */
#define SMMUV3_IDR0_S2P_SHIFT                 0 /* stage 2 */
#define SMMUV3_IDR0_S2P_MASK                  0x00000001
#define SMMUV3_IDR0_S1P_SHIFT                 1 /* stage 1 */
#define SMMUV3_IDR0_S1P_MASK                  0x00000002
#define SMMUV3_IDR0_TTF_SHIFT                 2 /* 2: AArch64 tables */
#define SMMUV3_IDR0_TTF_MASK                  0x0000000c
#define SMMUV3_IDR0_COHACC_SHIFT              4 /* table and queue accesses are coherent */
#define SMMUV3_IDR0_COHACC_MASK               0x00000010
#define SMMUV3_IDR0_BTM_SHIFT                 5
#define SMMUV3_IDR0_BTM_MASK                  0x00000020
#define SMMUV3_IDR0_HTTU_SHIFT                6
#define SMMUV3_IDR0_HTTU_MASK                 0x000000c0
#define SMMUV3_IDR0_ATS_SHIFT                 10
#define SMMUV3_IDR0_ATS_MASK                  0x00000400
#define SMMUV3_IDR0_ASID16_SHIFT              12
#define SMMUV3_IDR0_ASID16_MASK               0x00001000
#define SMMUV3_IDR0_MSI_SHIFT                 13
#define SMMUV3_IDR0_MSI_MASK                  0x00002000
#define SMMUV3_IDR0_SEV_SHIFT                 14
#define SMMUV3_IDR0_SEV_MASK                  0x00004000
#define SMMUV3_IDR0_PRI_SHIFT                 16
#define SMMUV3_IDR0_PRI_MASK                  0x00010000
#define SMMUV3_IDR0_VMID16_SHIFT              18
#define SMMUV3_IDR0_VMID16_MASK               0x00040000
#define SMMUV3_IDR0_CD2L_SHIFT                19
#define SMMUV3_IDR0_CD2L_MASK                 0x00080000
#define SMMUV3_IDR0_TTENDIAN_SHIFT            21 /* 2: little endian */
#define SMMUV3_IDR0_TTENDIAN_MASK             0x00600000
#define SMMUV3_IDR0_STALL_MODEL_SHIFT         24 /* 1: faults terminate */
#define SMMUV3_IDR0_STALL_MODEL_MASK          0x03000000
#define SMMUV3_IDR0_TERM_MODEL_SHIFT          26 /* 1: a terminated access always aborts, CD.A must be 1 */
#define SMMUV3_IDR0_TERM_MODEL_MASK           0x04000000
#define SMMUV3_IDR0_ST_LEVEL_SHIFT            27 /* 0: linear stream table only */
#define SMMUV3_IDR0_ST_LEVEL_MASK             0x18000000
#define SMMUV3_IDR1                           0x00004 /* ro: Sizes */
#define SMMUV3_IDR1_SIDSIZE_SHIFT             0 /* bits of a stream id */
#define SMMUV3_IDR1_SIDSIZE_MASK              0x0000003f
#define SMMUV3_IDR1_SSIDSIZE_SHIFT            6
#define SMMUV3_IDR1_SSIDSIZE_MASK             0x000007c0
#define SMMUV3_IDR1_PRIQS_SHIFT               11
#define SMMUV3_IDR1_PRIQS_MASK                0x0000f800
#define SMMUV3_IDR1_EVENTQS_SHIFT             16 /* log2 of the most entries */
#define SMMUV3_IDR1_EVENTQS_MASK              0x001f0000
#define SMMUV3_IDR1_CMDQS_SHIFT               21 /* log2 of the most entries */
#define SMMUV3_IDR1_CMDQS_MASK                0x03e00000
#define SMMUV3_IDR2                           0x00008 /* ro: Features */
#define SMMUV3_IDR3                           0x0000c /* ro: Features */
#define SMMUV3_IDR4                           0x00010 /* ro: Implementation defined */
#define SMMUV3_IDR5                           0x00014 /* ro: Address sizes and granules */
#define SMMUV3_IDR5_OAS_SHIFT                 0 /* 2: 40 bits */
#define SMMUV3_IDR5_OAS_MASK                  0x00000007
#define SMMUV3_IDR5_GRAN4K_SHIFT              4
#define SMMUV3_IDR5_GRAN4K_MASK               0x00000010
#define SMMUV3_IDR5_GRAN16K_SHIFT             5
#define SMMUV3_IDR5_GRAN16K_MASK              0x00000020
#define SMMUV3_IDR5_GRAN64K_SHIFT             6
#define SMMUV3_IDR5_GRAN64K_MASK              0x00000040
#define SMMUV3_IIDR                           0x00018 /* ro: Implementer */
#define SMMUV3_AIDR                           0x0001c /* ro: Architecture 3.0 */
#define SMMUV3_CR0                            0x00020 /* rw: Enables */
#define SMMUV3_CR0_SMMUEN_SHIFT               0 /* translate */
#define SMMUV3_CR0_SMMUEN_MASK                0x00000001
#define SMMUV3_CR0_PRIQEN_SHIFT               1
#define SMMUV3_CR0_PRIQEN_MASK                0x00000002
#define SMMUV3_CR0_EVENTQEN_SHIFT             2 /* record events */
#define SMMUV3_CR0_EVENTQEN_MASK              0x00000004
#define SMMUV3_CR0_CMDQEN_SHIFT               3 /* process commands */
#define SMMUV3_CR0_CMDQEN_MASK                0x00000008
#define SMMUV3_CR0_ATSCHK_SHIFT               4
#define SMMUV3_CR0_ATSCHK_MASK                0x00000010
#define SMMUV3_CR0ACK                         0x00024 /* ro: The enables that are in force */
#define SMMUV3_CR0ACK_SMMUEN_SHIFT            0 /* translate */
#define SMMUV3_CR0ACK_SMMUEN_MASK             0x00000001
#define SMMUV3_CR0ACK_PRIQEN_SHIFT            1
#define SMMUV3_CR0ACK_PRIQEN_MASK             0x00000002
#define SMMUV3_CR0ACK_EVENTQEN_SHIFT          2 /* record events */
#define SMMUV3_CR0ACK_EVENTQEN_MASK           0x00000004
#define SMMUV3_CR0ACK_CMDQEN_SHIFT            3 /* process commands */
#define SMMUV3_CR0ACK_CMDQEN_MASK             0x00000008
#define SMMUV3_CR0ACK_ATSCHK_SHIFT            4
#define SMMUV3_CR0ACK_ATSCHK_MASK             0x00000010
#define SMMUV3_CR1                            0x00028 /* rw: Attributes of table and queue accesses */
#define SMMUV3_CR2                            0x0002c /* rw: Control */
#define SMMUV3_CR2_RECINVSID_SHIFT            1 /* record C_BAD_STREAMID */
#define SMMUV3_CR2_RECINVSID_MASK             0x00000002
#define SMMUV3_CR2_PTM_SHIFT                  2
#define SMMUV3_CR2_PTM_MASK                   0x00000004
#define SMMUV3_STATUSR                        0x00040 /* ro: Status */
#define SMMUV3_GBPA                           0x00044 /* rw: What happens to traffic while translation is off */
#define SMMUV3_GBPA_ABORT_SHIFT               20 /* abort instead of bypass */
#define SMMUV3_GBPA_ABORT_MASK                0x00100000
#define SMMUV3_GBPA_UPDATE_SHIFT              31
#define SMMUV3_GBPA_UPDATE_MASK               0x80000000
#define SMMUV3_AGBPA                          0x00048 /* rw: Implementation defined */
#define SMMUV3_IRQ_CTRL                       0x00050 /* rw: Interrupt enables */
#define SMMUV3_IRQ_CTRL_GERROR_IRQEN_SHIFT    0
#define SMMUV3_IRQ_CTRL_GERROR_IRQEN_MASK     0x00000001
#define SMMUV3_IRQ_CTRL_PRIQ_IRQEN_SHIFT      1
#define SMMUV3_IRQ_CTRL_PRIQ_IRQEN_MASK       0x00000002
#define SMMUV3_IRQ_CTRL_EVENTQ_IRQEN_SHIFT    2
#define SMMUV3_IRQ_CTRL_EVENTQ_IRQEN_MASK     0x00000004
#define SMMUV3_IRQ_CTRLACK                    0x00054 /* ro: The interrupt enables that are in force */
#define SMMUV3_GERROR                         0x00060 /* ro: Global errors; active where it differs from GERRORN */
#define SMMUV3_GERROR_CMDQ_ERR_SHIFT          0 /* CMDQ_CONS.ERR says which */
#define SMMUV3_GERROR_CMDQ_ERR_MASK           0x00000001
#define SMMUV3_GERROR_EVENTQ_ABT_ERR_SHIFT    2 /* an event could not be written */
#define SMMUV3_GERROR_EVENTQ_ABT_ERR_MASK     0x00000004
#define SMMUV3_GERROR_SFM_ERR_SHIFT           8
#define SMMUV3_GERROR_SFM_ERR_MASK            0x00000100
#define SMMUV3_GERRORN                        0x00064 /* rw: Acknowledged global errors */
#define SMMUV3_GERRORN_CMDQ_ERR_SHIFT         0 /* CMDQ_CONS.ERR says which */
#define SMMUV3_GERRORN_CMDQ_ERR_MASK          0x00000001
#define SMMUV3_GERRORN_EVENTQ_ABT_ERR_SHIFT   2 /* an event could not be written */
#define SMMUV3_GERRORN_EVENTQ_ABT_ERR_MASK    0x00000004
#define SMMUV3_GERRORN_SFM_ERR_SHIFT          8
#define SMMUV3_GERRORN_SFM_ERR_MASK           0x00000100
#define SMMUV3_GERROR_IRQ_CFG0                0x00068 /* rw: MSI of GERROR */
#define SMMUV3_GERROR_IRQ_CFG1                0x00070 /* rw: MSI of GERROR */
#define SMMUV3_GERROR_IRQ_CFG2                0x00074 /* rw: MSI of GERROR */
#define SMMUV3_STRTAB_BASE                    0x00080 /* rw: Stream table */
#define SMMUV3_STRTAB_BASE_ADDR_SHIFT         6
#define SMMUV3_STRTAB_BASE_ADDR_MASK          0x000fffffffffffc0
#define SMMUV3_STRTAB_BASE_RA_SHIFT           62
#define SMMUV3_STRTAB_BASE_RA_MASK            0x4000000000000000
#define SMMUV3_STRTAB_BASE_CFG                0x00088 /* rw: Stream table format */
#define SMMUV3_STRTAB_BASE_CFG_LOG2SIZE_SHIFT 0 /* bits of stream id it covers */
#define SMMUV3_STRTAB_BASE_CFG_LOG2SIZE_MASK  0x0000003f
#define SMMUV3_STRTAB_BASE_CFG_SPLIT_SHIFT    6
#define SMMUV3_STRTAB_BASE_CFG_SPLIT_MASK     0x000007c0
#define SMMUV3_STRTAB_BASE_CFG_FMT_SHIFT      16
#define SMMUV3_STRTAB_BASE_CFG_FMT_MASK       0x00030000
#define SMMUV3_CMDQ_BASE                      0x00090 /* rw: Command queue */
#define SMMUV3_CMDQ_BASE_LOG2SIZE_SHIFT       0 /* log2 of its 16-byte entries */
#define SMMUV3_CMDQ_BASE_LOG2SIZE_MASK        0x000000000000001f
#define SMMUV3_CMDQ_BASE_ADDR_SHIFT           5
#define SMMUV3_CMDQ_BASE_ADDR_MASK            0x000fffffffffffe0
#define SMMUV3_CMDQ_BASE_RA_SHIFT             62
#define SMMUV3_CMDQ_BASE_RA_MASK              0x4000000000000000
#define SMMUV3_CMDQ_PROD                      0x00098 /* rw: Command queue write index */
#define SMMUV3_CMDQ_PROD_WR_SHIFT             0
#define SMMUV3_CMDQ_PROD_WR_MASK              0x000fffff
#define SMMUV3_CMDQ_CONS                      0x0009c /* rw: Command queue read index */
#define SMMUV3_CMDQ_CONS_RD_SHIFT             0
#define SMMUV3_CMDQ_CONS_RD_MASK              0x000fffff
#define SMMUV3_CMDQ_CONS_ERR_SHIFT            24 /* 1 illegal command, 2 fetch aborted */
#define SMMUV3_CMDQ_CONS_ERR_MASK             0x7f000000
#define SMMUV3_EVENTQ_BASE                    0x000a0 /* rw: Event queue */
#define SMMUV3_EVENTQ_BASE_LOG2SIZE_SHIFT     0 /* log2 of its 32-byte entries */
#define SMMUV3_EVENTQ_BASE_LOG2SIZE_MASK      0x000000000000001f
#define SMMUV3_EVENTQ_BASE_ADDR_SHIFT         5
#define SMMUV3_EVENTQ_BASE_ADDR_MASK          0x000fffffffffffe0
#define SMMUV3_EVENTQ_BASE_WA_SHIFT           62
#define SMMUV3_EVENTQ_BASE_WA_MASK            0x4000000000000000
#define SMMUV3_EVENTQ_IRQ_CFG0                0x000b0 /* rw: MSI of the event queue */
#define SMMUV3_EVENTQ_IRQ_CFG1                0x000b8 /* rw: MSI of the event queue */
#define SMMUV3_EVENTQ_IRQ_CFG2                0x000bc /* rw: MSI of the event queue */
#define SMMUV3_EVENTQ_PROD                    0x100a8 /* rw: Event queue write index */
#define SMMUV3_EVENTQ_PROD_WR_SHIFT           0
#define SMMUV3_EVENTQ_PROD_WR_MASK            0x000fffff
#define SMMUV3_EVENTQ_PROD_OVFLG_SHIFT        31
#define SMMUV3_EVENTQ_PROD_OVFLG_MASK         0x80000000
#define SMMUV3_EVENTQ_CONS                    0x100ac /* rw: Event queue read index */
#define SMMUV3_EVENTQ_CONS_RD_SHIFT           0
#define SMMUV3_EVENTQ_CONS_RD_MASK            0x000fffff
#define SMMUV3_EVENTQ_CONS_OVACKFLG_SHIFT     31
#define SMMUV3_EVENTQ_CONS_OVACKFLG_MASK      0x80000000

#endif /* SMMUV3_REGS_H */
