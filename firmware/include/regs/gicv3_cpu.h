/* Generated from the register table "gicv3-cpu"; do not edit.
 * Source: Arm IHI 0069 sections 12.2, 12.4
 * A system register is its place in the instructions MRS and MSR.
 */
#ifndef GICV3_CPU_REGS_H
#define GICV3_CPU_REGS_H

#define GICV3_CPU_SPAN                               0x0 /* bytes of address space */
#define GICV3_CPU_ICC_PMR_EL1                        0x184600 /* rw: Priority mask: only higher priorities (lower numbers) pass */
#define GICV3_CPU_ICC_PMR_EL1_PRIORITY_SHIFT         0
#define GICV3_CPU_ICC_PMR_EL1_PRIORITY_MASK          0x00000000000000ff
#define GICV3_CPU_ICC_IAR0_EL1                       0x18c800 /* ro: Acknowledge, group 0 */
#define GICV3_CPU_ICC_IAR0_EL1_INTID_SHIFT           0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_IAR0_EL1_INTID_MASK            0x0000000000ffffff
#define GICV3_CPU_ICC_EOIR0_EL1                      0x18c820 /* wo: End of interrupt, group 0 */
#define GICV3_CPU_ICC_EOIR0_EL1_INTID_SHIFT          0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_EOIR0_EL1_INTID_MASK           0x0000000000ffffff
#define GICV3_CPU_ICC_HPPIR0_EL1                     0x18c840 /* ro: Highest pending, group 0 */
#define GICV3_CPU_ICC_HPPIR0_EL1_INTID_SHIFT         0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_HPPIR0_EL1_INTID_MASK          0x0000000000ffffff
#define GICV3_CPU_ICC_BPR0_EL1                       0x18c860 /* rw: Binary point, group 0 */
#define GICV3_CPU_ICC_BPR0_EL1_BINARYPOINT_SHIFT     0 /* priority bits above this one preempt; at least 2 */
#define GICV3_CPU_ICC_BPR0_EL1_BINARYPOINT_MASK      0x0000000000000007
#define GICV3_CPU_ICC_AP0R0_EL1                      0x18c880 /* rw: Active priorities, group 0 */
#define GICV3_CPU_ICC_AP0R0_EL1_P_SHIFT              0 /* a bit for each level, the lowest is the highest priority */
#define GICV3_CPU_ICC_AP0R0_EL1_P_MASK               0x00000000ffffffff
#define GICV3_CPU_ICC_AP1R0_EL1                      0x18c900 /* rw: Active priorities, group 1 */
#define GICV3_CPU_ICC_AP1R0_EL1_P_SHIFT              0 /* a bit for each level, the lowest is the highest priority */
#define GICV3_CPU_ICC_AP1R0_EL1_P_MASK               0x00000000ffffffff
#define GICV3_CPU_ICC_DIR_EL1                        0x18cb20 /* wo: Deactivate interrupt */
#define GICV3_CPU_ICC_DIR_EL1_INTID_SHIFT            0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_DIR_EL1_INTID_MASK             0x0000000000ffffff
#define GICV3_CPU_ICC_RPR_EL1                        0x18cb60 /* ro: Running priority, 0xff when idle */
#define GICV3_CPU_ICC_RPR_EL1_PRIORITY_SHIFT         0
#define GICV3_CPU_ICC_RPR_EL1_PRIORITY_MASK          0x00000000000000ff
#define GICV3_CPU_ICC_SGI1R_EL1                      0x18cba0 /* wo: Send an SGI of either group */
#define GICV3_CPU_ICC_SGI1R_EL1_TARGETLIST_SHIFT     0 /* a bit for each Aff0 */
#define GICV3_CPU_ICC_SGI1R_EL1_TARGETLIST_MASK      0x000000000000ffff
#define GICV3_CPU_ICC_SGI1R_EL1_AFF1_SHIFT           16
#define GICV3_CPU_ICC_SGI1R_EL1_AFF1_MASK            0x0000000000ff0000
#define GICV3_CPU_ICC_SGI1R_EL1_INTID_SHIFT          24 /* the SGI */
#define GICV3_CPU_ICC_SGI1R_EL1_INTID_MASK           0x000000000f000000
#define GICV3_CPU_ICC_SGI1R_EL1_AFF2_SHIFT           32
#define GICV3_CPU_ICC_SGI1R_EL1_AFF2_MASK            0x000000ff00000000
#define GICV3_CPU_ICC_SGI1R_EL1_IRM_SHIFT            40 /* to every CPU but this */
#define GICV3_CPU_ICC_SGI1R_EL1_IRM_MASK             0x0000010000000000
#define GICV3_CPU_ICC_SGI1R_EL1_RS_SHIFT             44 /* reserved: there is no range selector */
#define GICV3_CPU_ICC_SGI1R_EL1_RS_MASK              0x0000f00000000000
#define GICV3_CPU_ICC_SGI1R_EL1_AFF3_SHIFT           48
#define GICV3_CPU_ICC_SGI1R_EL1_AFF3_MASK            0x00ff000000000000
#define GICV3_CPU_ICC_ASGI1R_EL1                     0x18cbc0 /* wo: Send an SGI of group 0 */
#define GICV3_CPU_ICC_ASGI1R_EL1_TARGETLIST_SHIFT    0 /* a bit for each Aff0 */
#define GICV3_CPU_ICC_ASGI1R_EL1_TARGETLIST_MASK     0x000000000000ffff
#define GICV3_CPU_ICC_ASGI1R_EL1_AFF1_SHIFT          16
#define GICV3_CPU_ICC_ASGI1R_EL1_AFF1_MASK           0x0000000000ff0000
#define GICV3_CPU_ICC_ASGI1R_EL1_INTID_SHIFT         24 /* the SGI */
#define GICV3_CPU_ICC_ASGI1R_EL1_INTID_MASK          0x000000000f000000
#define GICV3_CPU_ICC_ASGI1R_EL1_AFF2_SHIFT          32
#define GICV3_CPU_ICC_ASGI1R_EL1_AFF2_MASK           0x000000ff00000000
#define GICV3_CPU_ICC_ASGI1R_EL1_IRM_SHIFT           40 /* to every CPU but this */
#define GICV3_CPU_ICC_ASGI1R_EL1_IRM_MASK            0x0000010000000000
#define GICV3_CPU_ICC_ASGI1R_EL1_RS_SHIFT            44 /* reserved: there is no range selector */
#define GICV3_CPU_ICC_ASGI1R_EL1_RS_MASK             0x0000f00000000000
#define GICV3_CPU_ICC_ASGI1R_EL1_AFF3_SHIFT          48
#define GICV3_CPU_ICC_ASGI1R_EL1_AFF3_MASK           0x00ff000000000000
#define GICV3_CPU_ICC_SGI0R_EL1                      0x18cbe0 /* wo: Send an SGI of group 0 */
#define GICV3_CPU_ICC_SGI0R_EL1_TARGETLIST_SHIFT     0 /* a bit for each Aff0 */
#define GICV3_CPU_ICC_SGI0R_EL1_TARGETLIST_MASK      0x000000000000ffff
#define GICV3_CPU_ICC_SGI0R_EL1_AFF1_SHIFT           16
#define GICV3_CPU_ICC_SGI0R_EL1_AFF1_MASK            0x0000000000ff0000
#define GICV3_CPU_ICC_SGI0R_EL1_INTID_SHIFT          24 /* the SGI */
#define GICV3_CPU_ICC_SGI0R_EL1_INTID_MASK           0x000000000f000000
#define GICV3_CPU_ICC_SGI0R_EL1_AFF2_SHIFT           32
#define GICV3_CPU_ICC_SGI0R_EL1_AFF2_MASK            0x000000ff00000000
#define GICV3_CPU_ICC_SGI0R_EL1_IRM_SHIFT            40 /* to every CPU but this */
#define GICV3_CPU_ICC_SGI0R_EL1_IRM_MASK             0x0000010000000000
#define GICV3_CPU_ICC_SGI0R_EL1_RS_SHIFT             44 /* reserved: there is no range selector */
#define GICV3_CPU_ICC_SGI0R_EL1_RS_MASK              0x0000f00000000000
#define GICV3_CPU_ICC_SGI0R_EL1_AFF3_SHIFT           48
#define GICV3_CPU_ICC_SGI0R_EL1_AFF3_MASK            0x00ff000000000000
#define GICV3_CPU_ICC_IAR1_EL1                       0x18cc00 /* ro: Acknowledge, group 1 */
#define GICV3_CPU_ICC_IAR1_EL1_INTID_SHIFT           0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_IAR1_EL1_INTID_MASK            0x0000000000ffffff
#define GICV3_CPU_ICC_EOIR1_EL1                      0x18cc20 /* wo: End of interrupt, group 1 */
#define GICV3_CPU_ICC_EOIR1_EL1_INTID_SHIFT          0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_EOIR1_EL1_INTID_MASK           0x0000000000ffffff
#define GICV3_CPU_ICC_HPPIR1_EL1                     0x18cc40 /* ro: Highest pending, group 1 */
#define GICV3_CPU_ICC_HPPIR1_EL1_INTID_SHIFT         0 /* interrupt ID, 1023 for none */
#define GICV3_CPU_ICC_HPPIR1_EL1_INTID_MASK          0x0000000000ffffff
#define GICV3_CPU_ICC_BPR1_EL1                       0x18cc60 /* rw: Binary point, group 1 */
#define GICV3_CPU_ICC_BPR1_EL1_BINARYPOINT_SHIFT     0 /* priority bits from this one up preempt; at least 3 */
#define GICV3_CPU_ICC_BPR1_EL1_BINARYPOINT_MASK      0x0000000000000007
#define GICV3_CPU_ICC_CTLR_EL1                       0x18cc80 /* rw: CPU interface control */
#define GICV3_CPU_ICC_CTLR_EL1_CBPR_SHIFT            0 /* ICC_BPR0_EL1 holds for both groups */
#define GICV3_CPU_ICC_CTLR_EL1_CBPR_MASK             0x0000000000000001
#define GICV3_CPU_ICC_CTLR_EL1_EOIMODE_SHIFT         1 /* ICC_EOIR only drops the priority, ICC_DIR_EL1 deactivates */
#define GICV3_CPU_ICC_CTLR_EL1_EOIMODE_MASK          0x0000000000000002
#define GICV3_CPU_ICC_CTLR_EL1_PMHE_SHIFT            6 /* priority mask as a hint, always 0 */
#define GICV3_CPU_ICC_CTLR_EL1_PMHE_MASK             0x0000000000000040
#define GICV3_CPU_ICC_CTLR_EL1_PRIBITS_SHIFT         8 /* bits of a priority, less one */
#define GICV3_CPU_ICC_CTLR_EL1_PRIBITS_MASK          0x0000000000000700
#define GICV3_CPU_ICC_CTLR_EL1_IDBITS_SHIFT          11 /* 0: 16 bits of interrupt ID */
#define GICV3_CPU_ICC_CTLR_EL1_IDBITS_MASK           0x0000000000003800
#define GICV3_CPU_ICC_CTLR_EL1_SEIS_SHIFT            14 /* SErrors of the interface itself */
#define GICV3_CPU_ICC_CTLR_EL1_SEIS_MASK             0x0000000000004000
#define GICV3_CPU_ICC_CTLR_EL1_A3V_SHIFT             15 /* affinity level 3 may be other than zero */
#define GICV3_CPU_ICC_CTLR_EL1_A3V_MASK              0x0000000000008000
#define GICV3_CPU_ICC_CTLR_EL1_RSS_SHIFT             18 /* range selector for SGIs */
#define GICV3_CPU_ICC_CTLR_EL1_RSS_MASK              0x0000000000040000
#define GICV3_CPU_ICC_SRE_EL1                        0x18cca0 /* rw: System register enable */
#define GICV3_CPU_ICC_SRE_EL1_SRE_SHIFT              0 /* system registers are in use, always 1 */
#define GICV3_CPU_ICC_SRE_EL1_SRE_MASK               0x0000000000000001
#define GICV3_CPU_ICC_SRE_EL1_DFB_SHIFT              1 /* no bypass of FIQ, always 1 */
#define GICV3_CPU_ICC_SRE_EL1_DFB_MASK               0x0000000000000002
#define GICV3_CPU_ICC_SRE_EL1_DIB_SHIFT              2 /* no bypass of IRQ, always 1 */
#define GICV3_CPU_ICC_SRE_EL1_DIB_MASK               0x0000000000000004
#define GICV3_CPU_ICC_IGRPEN0_EL1                    0x18ccc0 /* rw: Group 0 on */
#define GICV3_CPU_ICC_IGRPEN0_EL1_ENABLE_SHIFT       0
#define GICV3_CPU_ICC_IGRPEN0_EL1_ENABLE_MASK        0x0000000000000001
#define GICV3_CPU_ICC_IGRPEN1_EL1                    0x18cce0 /* rw: Group 1 on */
#define GICV3_CPU_ICC_IGRPEN1_EL1_ENABLE_SHIFT       0
#define GICV3_CPU_ICC_IGRPEN1_EL1_ENABLE_MASK        0x0000000000000001
#define GICV3_CPU_ICC_SRE_EL2                        0x1cc9a0 /* rw: System register enable */
#define GICV3_CPU_ICC_SRE_EL2_SRE_SHIFT              0 /* system registers are in use, always 1 */
#define GICV3_CPU_ICC_SRE_EL2_SRE_MASK               0x0000000000000001
#define GICV3_CPU_ICC_SRE_EL2_DFB_SHIFT              1 /* no bypass of FIQ, always 1 */
#define GICV3_CPU_ICC_SRE_EL2_DFB_MASK               0x0000000000000002
#define GICV3_CPU_ICC_SRE_EL2_DIB_SHIFT              2 /* no bypass of IRQ, always 1 */
#define GICV3_CPU_ICC_SRE_EL2_DIB_MASK               0x0000000000000004
#define GICV3_CPU_ICC_SRE_EL2_ENABLE_SHIFT           3 /* lower exception levels may access theirs, always 1 */
#define GICV3_CPU_ICC_SRE_EL2_ENABLE_MASK            0x0000000000000008
#define GICV3_CPU_ICH_HCR_EL2                        0x1ccb00 /* rw: Virtual interface control; kept without effect */
#define GICV3_CPU_ICH_HCR_EL2_EN_SHIFT               0 /* virtual interface on */
#define GICV3_CPU_ICH_HCR_EL2_EN_MASK                0x0000000000000001
#define GICV3_CPU_ICH_VTR_EL2                        0x1ccb20 /* ro: Virtual interface type */
#define GICV3_CPU_ICH_VTR_EL2_LISTREGS_SHIFT         0 /* list registers less one */
#define GICV3_CPU_ICH_VTR_EL2_LISTREGS_MASK          0x000000000000001f
#define GICV3_CPU_ICH_VTR_EL2_NV4_SHIFT              20 /* no direct injection */
#define GICV3_CPU_ICH_VTR_EL2_NV4_MASK               0x0000000000100000
#define GICV3_CPU_ICH_VTR_EL2_A3V_SHIFT              21
#define GICV3_CPU_ICH_VTR_EL2_A3V_MASK               0x0000000000200000
#define GICV3_CPU_ICH_VTR_EL2_IDBITS_SHIFT           23
#define GICV3_CPU_ICH_VTR_EL2_IDBITS_MASK            0x0000000003800000
#define GICV3_CPU_ICH_VTR_EL2_PREBITS_SHIFT          26 /* bits that preempt, less one */
#define GICV3_CPU_ICH_VTR_EL2_PREBITS_MASK           0x000000001c000000
#define GICV3_CPU_ICH_VTR_EL2_PRIBITS_SHIFT          29 /* bits of a priority, less one */
#define GICV3_CPU_ICH_VTR_EL2_PRIBITS_MASK           0x00000000e0000000
#define GICV3_CPU_ICC_CTLR_EL3                       0x1ecc80 /* rw: CPU interface control, as EL3 sees it */
#define GICV3_CPU_ICC_CTLR_EL3_CBPR_EL1NS_SHIFT      1 /* ICC_CTLR_EL1.CBPR */
#define GICV3_CPU_ICC_CTLR_EL3_CBPR_EL1NS_MASK       0x0000000000000002
#define GICV3_CPU_ICC_CTLR_EL3_EOIMODE_EL1NS_SHIFT   4 /* ICC_CTLR_EL1.EOImode */
#define GICV3_CPU_ICC_CTLR_EL3_EOIMODE_EL1NS_MASK    0x0000000000000010
#define GICV3_CPU_ICC_CTLR_EL3_PMHE_SHIFT            6 /* priority mask as a hint, always 0 */
#define GICV3_CPU_ICC_CTLR_EL3_PMHE_MASK             0x0000000000000040
#define GICV3_CPU_ICC_CTLR_EL3_PRIBITS_SHIFT         8 /* bits of a priority, less one */
#define GICV3_CPU_ICC_CTLR_EL3_PRIBITS_MASK          0x0000000000000700
#define GICV3_CPU_ICC_CTLR_EL3_IDBITS_SHIFT          11 /* 0: 16 bits of interrupt ID */
#define GICV3_CPU_ICC_CTLR_EL3_IDBITS_MASK           0x0000000000003800
#define GICV3_CPU_ICC_CTLR_EL3_SEIS_SHIFT            14 /* SErrors of the interface itself */
#define GICV3_CPU_ICC_CTLR_EL3_SEIS_MASK             0x0000000000004000
#define GICV3_CPU_ICC_CTLR_EL3_A3V_SHIFT             15 /* affinity level 3 may be other than zero */
#define GICV3_CPU_ICC_CTLR_EL3_A3V_MASK              0x0000000000008000
#define GICV3_CPU_ICC_CTLR_EL3_RSS_SHIFT             18 /* range selector for SGIs */
#define GICV3_CPU_ICC_CTLR_EL3_RSS_MASK              0x0000000000040000
#define GICV3_CPU_ICC_SRE_EL3                        0x1ecca0 /* rw: System register enable */
#define GICV3_CPU_ICC_SRE_EL3_SRE_SHIFT              0 /* system registers are in use, always 1 */
#define GICV3_CPU_ICC_SRE_EL3_SRE_MASK               0x0000000000000001
#define GICV3_CPU_ICC_SRE_EL3_DFB_SHIFT              1 /* no bypass of FIQ, always 1 */
#define GICV3_CPU_ICC_SRE_EL3_DFB_MASK               0x0000000000000002
#define GICV3_CPU_ICC_SRE_EL3_DIB_SHIFT              2 /* no bypass of IRQ, always 1 */
#define GICV3_CPU_ICC_SRE_EL3_DIB_MASK               0x0000000000000004
#define GICV3_CPU_ICC_SRE_EL3_ENABLE_SHIFT           3 /* lower exception levels may access theirs, always 1 */
#define GICV3_CPU_ICC_SRE_EL3_ENABLE_MASK            0x0000000000000008
#define GICV3_CPU_ICC_IGRPEN1_EL3                    0x1ecce0 /* rw: Group 1 on, as EL3 sees it */
#define GICV3_CPU_ICC_IGRPEN1_EL3_ENABLEGRP1NS_SHIFT 0 /* ICC_IGRPEN1_EL1.Enable */
#define GICV3_CPU_ICC_IGRPEN1_EL3_ENABLEGRP1NS_MASK  0x0000000000000001

#endif /* GICV3_CPU_REGS_H */
