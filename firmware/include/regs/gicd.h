/* Generated from the register table "gicd"; do not edit.
 * Source: Arm IHI 0048B section 4.3, Arm DDI 0471B section 3.2
 */
#ifndef GICD_REGS_H
#define GICD_REGS_H

#define GICD_SPAN                        0x1000 /* bytes of address space */
#define GICD_CTLR                        0x000 /* rw: Distributor control */
#define GICD_CTLR_ENABLEGRP0_SHIFT       0 /* group 0 interrupts on */
#define GICD_CTLR_ENABLEGRP0_MASK        0x00000001
#define GICD_CTLR_ENABLEGRP1_SHIFT       1 /* group 1 interrupts on */
#define GICD_CTLR_ENABLEGRP1_MASK        0x00000002
#define GICD_TYPER                       0x004 /* ro: Interrupt controller type */
#define GICD_TYPER_ITLINESNUMBER_SHIFT   0 /* 32 * (this + 1) interrupt IDs */
#define GICD_TYPER_ITLINESNUMBER_MASK    0x0000001f
#define GICD_TYPER_CPUNUMBER_SHIFT       5 /* CPUs less one */
#define GICD_TYPER_CPUNUMBER_MASK        0x000000e0
#define GICD_TYPER_SECURITYEXTN_SHIFT    10 /* security extensions */
#define GICD_TYPER_SECURITYEXTN_MASK     0x00000400
#define GICD_TYPER_LSPI_SHIFT            11 /* lockable SPIs */
#define GICD_TYPER_LSPI_MASK             0x0000f800
#define GICD_IIDR                        0x008 /* ro: Distributor identification */
#define GICD_IIDR_IMPLEMENTER_SHIFT      0 /* JEP106 code, Arm 0x43b */
#define GICD_IIDR_IMPLEMENTER_MASK       0x00000fff
#define GICD_IIDR_REVISION_SHIFT         12
#define GICD_IIDR_REVISION_MASK          0x0000f000
#define GICD_IIDR_VARIANT_SHIFT          16
#define GICD_IIDR_VARIANT_MASK           0x000f0000
#define GICD_IIDR_PRODUCTID_SHIFT        24
#define GICD_IIDR_PRODUCTID_MASK         0xff000000
#define GICD_IGROUPR(n)                  (0x080 + 4 * (n)) /* rw: Group of each interrupt */
#define GICD_IGROUPR_COUNT               5
#define GICD_ISENABLER(n)                (0x100 + 4 * (n)) /* w1s: Enable; SGIs always are */
#define GICD_ISENABLER_COUNT             5
#define GICD_ICENABLER(n)                (0x180 + 4 * (n)) /* w1c: Disable */
#define GICD_ICENABLER_COUNT             5
#define GICD_ISPENDR(n)                  (0x200 + 4 * (n)) /* w1s: Make pending; not for SGIs */
#define GICD_ISPENDR_COUNT               5
#define GICD_ICPENDR(n)                  (0x280 + 4 * (n)) /* w1c: Make not pending; not for SGIs */
#define GICD_ICPENDR_COUNT               5
#define GICD_ISACTIVER(n)                (0x300 + 4 * (n)) /* w1s: Make active */
#define GICD_ISACTIVER_COUNT             5
#define GICD_ICACTIVER(n)                (0x380 + 4 * (n)) /* w1c: Make inactive */
#define GICD_ICACTIVER_COUNT             5
#define GICD_IPRIORITYR(n)               (0x400 + 4 * (n)) /* rw: Priority of each interrupt, a byte each; 0 is the highest */
#define GICD_IPRIORITYR_COUNT            40
#define GICD_ITARGETSR(n)                (0x800 + 4 * (n)) /* ro: Target CPUs of each interrupt, a byte each; zero with a single CPU */
#define GICD_ITARGETSR_COUNT             40
#define GICD_ICFGR(n)                    (0xc00 + 4 * (n)) /* rw: Trigger of each interrupt, two bits each, the upper one: 0 level, 1 edge */
#define GICD_ICFGR_COUNT                 10
#define GICD_PPISR                       0xd00 /* ro: Levels of the PPI inputs */
#define GICD_PPISR_PPI_SHIFT             0 /* PPI 0 .. 15 */
#define GICD_PPISR_PPI_MASK              0x0000ffff
#define GICD_SPISR(n)                    (0xd04 + 4 * (n)) /* ro: Levels of the SPI inputs */
#define GICD_SPISR_COUNT                 4
#define GICD_SGIR                        0xf00 /* wo: Software generated interrupt */
#define GICD_SGIR_SGIINTID_SHIFT         0 /* the SGI */
#define GICD_SGIR_SGIINTID_MASK          0x0000000f
#define GICD_SGIR_NSATT_SHIFT            15 /* group it must belong to, with security extensions */
#define GICD_SGIR_NSATT_MASK             0x00008000
#define GICD_SGIR_CPUTARGETLIST_SHIFT    16 /* a bit for each CPU */
#define GICD_SGIR_CPUTARGETLIST_MASK     0x00ff0000
#define GICD_SGIR_TARGETLISTFILTER_SHIFT 24 /* 0: the list, 1: all other CPUs, 2: this CPU */
#define GICD_SGIR_TARGETLISTFILTER_MASK  0x03000000
#define GICD_CPENDSGIR(n)                (0xf10 + 4 * (n)) /* w1c: Make an SGI not pending, a byte each with a bit per sender */
#define GICD_CPENDSGIR_COUNT             4
#define GICD_SPENDSGIR(n)                (0xf20 + 4 * (n)) /* w1s: Make an SGI pending, a byte each with a bit per sender */
#define GICD_SPENDSGIR_COUNT             4
#define GICD_PIDR4                       0xfd0 /* ro: Identification */
#define GICD_PIDR5                       0xfd4 /* ro: Identification */
#define GICD_PIDR6                       0xfd8 /* ro: Identification */
#define GICD_PIDR7                       0xfdc /* ro: Identification */
#define GICD_PIDR0                       0xfe0 /* ro: Identification */
#define GICD_PIDR1                       0xfe4 /* ro: Identification */
#define GICD_PIDR2                       0xfe8 /* ro: Identification */
#define GICD_PIDR3                       0xfec /* ro: Identification */
#define GICD_CIDR0                       0xff0 /* ro: Identification */
#define GICD_CIDR1                       0xff4 /* ro: Identification */
#define GICD_CIDR2                       0xff8 /* ro: Identification */
#define GICD_CIDR3                       0xffc /* ro: Identification */

#endif /* GICD_REGS_H */
