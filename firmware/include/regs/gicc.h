/* Generated from the register table "gicc"; do not edit.
 * Source: Arm IHI 0048B section 4.4, Arm DDI 0471B section 3.3
 */
#ifndef GICC_REGS_H
#define GICC_REGS_H

#define GICC_SPAN                     0x2000 /* bytes of address space */
#define GICC_CTLR                     0x0000 /* rw: CPU interface control */
#define GICC_CTLR_ENABLEGRP0_SHIFT    0 /* group 0 interrupts on */
#define GICC_CTLR_ENABLEGRP0_MASK     0x00000001
#define GICC_CTLR_ENABLEGRP1_SHIFT    1 /* group 1 interrupts on */
#define GICC_CTLR_ENABLEGRP1_MASK     0x00000002
#define GICC_CTLR_ACKCTL_SHIFT        2 /* IAR acknowledges group 1 interrupts too */
#define GICC_CTLR_ACKCTL_MASK         0x00000004
#define GICC_CTLR_FIQEN_SHIFT         3 /* group 0 interrupts are signalled by FIQ */
#define GICC_CTLR_FIQEN_MASK          0x00000008
#define GICC_CTLR_CBPR_SHIFT          4 /* BPR holds for both groups */
#define GICC_CTLR_CBPR_MASK           0x00000010
#define GICC_CTLR_FIQBYPDISGRP0_SHIFT 5
#define GICC_CTLR_FIQBYPDISGRP0_MASK  0x00000020
#define GICC_CTLR_IRQBYPDISGRP0_SHIFT 6
#define GICC_CTLR_IRQBYPDISGRP0_MASK  0x00000040
#define GICC_CTLR_FIQBYPDISGRP1_SHIFT 7
#define GICC_CTLR_FIQBYPDISGRP1_MASK  0x00000080
#define GICC_CTLR_IRQBYPDISGRP1_SHIFT 8
#define GICC_CTLR_IRQBYPDISGRP1_MASK  0x00000100
#define GICC_CTLR_EOIMODE_SHIFT       9 /* EOIR only drops the priority, DIR deactivates */
#define GICC_CTLR_EOIMODE_MASK        0x00000200
#define GICC_PMR                      0x0004 /* rw: Priority mask */
#define GICC_PMR_PRIORITY_SHIFT       0 /* only higher priorities (lower numbers) pass */
#define GICC_PMR_PRIORITY_MASK        0x000000ff
#define GICC_BPR                      0x0008 /* rw: Binary point */
#define GICC_BPR_BINARYPOINT_SHIFT    0 /* priority bits above this one preempt; at least 2 */
#define GICC_BPR_BINARYPOINT_MASK     0x00000007
#define GICC_IAR                      0x000c /* ro: Interrupt acknowledge */
#define GICC_IAR_ID_SHIFT             0 /* interrupt ID */
#define GICC_IAR_ID_MASK              0x000003ff
#define GICC_IAR_CPUID_SHIFT          10 /* CPU that sent the SGI */
#define GICC_IAR_CPUID_MASK           0x00001c00
#define GICC_EOIR                     0x0010 /* wo: End of interrupt */
#define GICC_EOIR_ID_SHIFT            0 /* interrupt ID */
#define GICC_EOIR_ID_MASK             0x000003ff
#define GICC_EOIR_CPUID_SHIFT         10 /* CPU that sent the SGI */
#define GICC_EOIR_CPUID_MASK          0x00001c00
#define GICC_RPR                      0x0014 /* ro: Running priority */
#define GICC_RPR_PRIORITY_SHIFT       0
#define GICC_RPR_PRIORITY_MASK        0x000000ff
#define GICC_HPPIR                    0x0018 /* ro: Highest priority pending interrupt */
#define GICC_HPPIR_ID_SHIFT           0 /* interrupt ID */
#define GICC_HPPIR_ID_MASK            0x000003ff
#define GICC_HPPIR_CPUID_SHIFT        10 /* CPU that sent the SGI */
#define GICC_HPPIR_CPUID_MASK         0x00001c00
#define GICC_ABPR                     0x001c /* rw: Aliased binary point, of group 1 */
#define GICC_ABPR_BINARYPOINT_SHIFT   0 /* priority bits from this one up preempt; at least 3 */
#define GICC_ABPR_BINARYPOINT_MASK    0x00000007
#define GICC_AIAR                     0x0020 /* ro: Aliased interrupt acknowledge, of group 1 */
#define GICC_AIAR_ID_SHIFT            0 /* interrupt ID */
#define GICC_AIAR_ID_MASK             0x000003ff
#define GICC_AIAR_CPUID_SHIFT         10 /* CPU that sent the SGI */
#define GICC_AIAR_CPUID_MASK          0x00001c00
#define GICC_AEOIR                    0x0024 /* wo: Aliased end of interrupt, of group 1 */
#define GICC_AEOIR_ID_SHIFT           0 /* interrupt ID */
#define GICC_AEOIR_ID_MASK            0x000003ff
#define GICC_AEOIR_CPUID_SHIFT        10 /* CPU that sent the SGI */
#define GICC_AEOIR_CPUID_MASK         0x00001c00
#define GICC_AHPPIR                   0x0028 /* ro: Aliased highest pending interrupt, of group 1 */
#define GICC_AHPPIR_ID_SHIFT          0 /* interrupt ID */
#define GICC_AHPPIR_ID_MASK           0x000003ff
#define GICC_AHPPIR_CPUID_SHIFT       10 /* CPU that sent the SGI */
#define GICC_AHPPIR_CPUID_MASK        0x00001c00
#define GICC_APR0                     0x00d0 /* rw: Active priorities of group 0, a bit for each level */
#define GICC_APR1                     0x00d4 /* rw: Active priorities of levels that do not exist */
#define GICC_APR2                     0x00d8 /* rw: Active priorities of levels that do not exist */
#define GICC_APR3                     0x00dc /* rw: Active priorities of levels that do not exist */
#define GICC_NSAPR0                   0x00e0 /* rw: Active priorities of group 1, a bit for each level */
#define GICC_NSAPR1                   0x00e4 /* rw: Active priorities of levels that do not exist */
#define GICC_NSAPR2                   0x00e8 /* rw: Active priorities of levels that do not exist */
#define GICC_NSAPR3                   0x00ec /* rw: Active priorities of levels that do not exist */
#define GICC_IIDR                     0x00fc /* ro: CPU interface identification */
#define GICC_IIDR_IMPLEMENTER_SHIFT   0 /* JEP106 code, Arm 0x43b */
#define GICC_IIDR_IMPLEMENTER_MASK    0x00000fff
#define GICC_IIDR_REVISION_SHIFT      12
#define GICC_IIDR_REVISION_MASK       0x0000f000
#define GICC_IIDR_VARIANT_SHIFT       16
#define GICC_IIDR_VARIANT_MASK        0x000f0000
#define GICC_IIDR_PRODUCTID_SHIFT     24
#define GICC_IIDR_PRODUCTID_MASK      0xff000000
#define GICC_DIR                      0x1000 /* wo: Deactivate interrupt */
#define GICC_DIR_ID_SHIFT             0 /* interrupt ID */
#define GICC_DIR_ID_MASK              0x000003ff
#define GICC_DIR_CPUID_SHIFT          10 /* CPU that sent the SGI */
#define GICC_DIR_CPUID_MASK           0x00001c00

#endif /* GICC_REGS_H */
