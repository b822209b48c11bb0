/* Generated from the register table "gicv3-gicd"; do not edit.
 * Source: Arm IHI 0069 section 12.9
 */
#ifndef GICV3_GICD_REGS_H
#define GICV3_GICD_REGS_H

#define GICV3_GICD_SPAN                                 0x10000 /* bytes of address space */
#define GICV3_GICD_CTLR                                 0x0000 /* rw: Distributor control */
#define GICV3_GICD_CTLR_ENABLEGRP0_SHIFT                0 /* group 0 interrupts on */
#define GICV3_GICD_CTLR_ENABLEGRP0_MASK                 0x00000001
#define GICV3_GICD_CTLR_ENABLEGRP1_SHIFT                1 /* group 1 interrupts on */
#define GICV3_GICD_CTLR_ENABLEGRP1_MASK                 0x00000002
#define GICV3_GICD_CTLR_ARE_SHIFT                       4 /* affinity routing, always 1 */
#define GICV3_GICD_CTLR_ARE_MASK                        0x00000010
#define GICV3_GICD_CTLR_DS_SHIFT                        6 /* security is disabled, always 1 */
#define GICV3_GICD_CTLR_DS_MASK                         0x00000040
#define GICV3_GICD_CTLR_E1NWF_SHIFT                     7 /* wake-up for 1 of N interrupts, always 0 */
#define GICV3_GICD_CTLR_E1NWF_MASK                      0x00000080
#define GICV3_GICD_CTLR_RWP_SHIFT                       31 /* a write is pending, always 0: each takes effect at once */
#define GICV3_GICD_CTLR_RWP_MASK                        0x80000000
#define GICV3_GICD_TYPER                                0x0004 /* ro: Interrupt controller type */
#define GICV3_GICD_TYPER_ITLINESNUMBER_SHIFT            0 /* 32 * (this + 1) interrupt IDs */
#define GICV3_GICD_TYPER_ITLINESNUMBER_MASK             0x0000001f
#define GICV3_GICD_TYPER_CPUNUMBER_SHIFT                5 /* CPUs less one that work without affinity routing */
#define GICV3_GICD_TYPER_CPUNUMBER_MASK                 0x000000e0
#define GICV3_GICD_TYPER_ESPI_SHIFT                     8 /* extended SPIs */
#define GICV3_GICD_TYPER_ESPI_MASK                      0x00000100
#define GICV3_GICD_TYPER_SECURITYEXTN_SHIFT             10 /* two security states */
#define GICV3_GICD_TYPER_SECURITYEXTN_MASK              0x00000400
#define GICV3_GICD_TYPER_NUM_LPIS_SHIFT                 11
#define GICV3_GICD_TYPER_NUM_LPIS_MASK                  0x0000f800
#define GICV3_GICD_TYPER_MBIS_SHIFT                     16 /* message-based SPIs */
#define GICV3_GICD_TYPER_MBIS_MASK                      0x00010000
#define GICV3_GICD_TYPER_LPIS_SHIFT                     17 /* LPIs */
#define GICV3_GICD_TYPER_LPIS_MASK                      0x00020000
#define GICV3_GICD_TYPER_DVIS_SHIFT                     18 /* direct injection of virtual LPIs */
#define GICV3_GICD_TYPER_DVIS_MASK                      0x00040000
#define GICV3_GICD_TYPER_IDBITS_SHIFT                   19 /* bits of an interrupt ID, less one */
#define GICV3_GICD_TYPER_IDBITS_MASK                    0x00f80000
#define GICV3_GICD_TYPER_A3V_SHIFT                      24 /* affinity level 3 may be other than zero */
#define GICV3_GICD_TYPER_A3V_MASK                       0x01000000
#define GICV3_GICD_TYPER_NO1N_SHIFT                     25 /* SPIs cannot be sent to any one of the CPUs */
#define GICV3_GICD_TYPER_NO1N_MASK                      0x02000000
#define GICV3_GICD_TYPER_RSS_SHIFT                      26 /* range selector for SGIs */
#define GICV3_GICD_TYPER_RSS_MASK                       0x04000000
#define GICV3_GICD_TYPER_ESPI_RANGE_SHIFT               27
#define GICV3_GICD_TYPER_ESPI_RANGE_MASK                0xf8000000
#define GICV3_GICD_IIDR                                 0x0008 /* ro: Distributor identification */
#define GICV3_GICD_IIDR_IMPLEMENTER_SHIFT               0 /* JEP106 code, Arm 0x43b */
#define GICV3_GICD_IIDR_IMPLEMENTER_MASK                0x00000fff
#define GICV3_GICD_IIDR_REVISION_SHIFT                  12
#define GICV3_GICD_IIDR_REVISION_MASK                   0x0000f000
#define GICV3_GICD_IIDR_VARIANT_SHIFT                   16
#define GICV3_GICD_IIDR_VARIANT_MASK                    0x000f0000
#define GICV3_GICD_IIDR_PRODUCTID_SHIFT                 24
#define GICV3_GICD_IIDR_PRODUCTID_MASK                  0xff000000
#define GICV3_GICD_TYPER2                               0x000c /* ro: Interrupt controller type, of GICv4.1; zero before */
#define GICV3_GICD_STATUSR                              0x0010 /* ro: Error reporting status; zero, as there is none */
#define GICV3_GICD_IGROUPR(n)                           (0x0080 + 4 * (n)) /* rw: Group of each interrupt */
#define GICV3_GICD_IGROUPR_COUNT                        8
#define GICV3_GICD_ISENABLER(n)                         (0x0100 + 4 * (n)) /* w1s: Enable */
#define GICV3_GICD_ISENABLER_COUNT                      8
#define GICV3_GICD_ICENABLER(n)                         (0x0180 + 4 * (n)) /* w1c: Disable */
#define GICV3_GICD_ICENABLER_COUNT                      8
#define GICV3_GICD_ISPENDR(n)                           (0x0200 + 4 * (n)) /* w1s: Make pending */
#define GICV3_GICD_ISPENDR_COUNT                        8
#define GICV3_GICD_ICPENDR(n)                           (0x0280 + 4 * (n)) /* w1c: Make not pending */
#define GICV3_GICD_ICPENDR_COUNT                        8
#define GICV3_GICD_ISACTIVER(n)                         (0x0300 + 4 * (n)) /* w1s: Make active */
#define GICV3_GICD_ISACTIVER_COUNT                      8
#define GICV3_GICD_ICACTIVER(n)                         (0x0380 + 4 * (n)) /* w1c: Make inactive */
#define GICV3_GICD_ICACTIVER_COUNT                      8
#define GICV3_GICD_IPRIORITYR(n)                        (0x0400 + 4 * (n)) /* rw: Priority of each interrupt, a byte each; 0 is the highest */
#define GICV3_GICD_IPRIORITYR_COUNT                     64
#define GICV3_GICD_ITARGETSR(n)                         (0x0800 + 4 * (n)) /* ro: Zero: routes take the place of targets */
#define GICV3_GICD_ITARGETSR_COUNT                      64
#define GICV3_GICD_ICFGR(n)                             (0x0c00 + 4 * (n)) /* rw: Trigger of each interrupt, two bits each, the upper one: 0 level, 1 edge */
#define GICV3_GICD_ICFGR_COUNT                          16
#define GICV3_GICD_IGRPMODR(n)                          (0x0d00 + 4 * (n)) /* ro: Group modifier; zero without security */
#define GICV3_GICD_IGRPMODR_COUNT                       8
#define GICV3_GICD_NSACR(n)                             (0x0e00 + 4 * (n)) /* ro: Non-secure access; zero without security */
#define GICV3_GICD_NSACR_COUNT                          16
#define GICV3_GICD_SGIR                                 0x0f00 /* ro: Zero: ICC_SGI1R_EL1 takes its place */
#define GICV3_GICD_CPENDSGIR(n)                         (0x0f10 + 4 * (n)) /* ro: Zero: the redistributor's ICPENDR0 takes its place */
#define GICV3_GICD_CPENDSGIR_COUNT                      4
#define GICV3_GICD_SPENDSGIR(n)                         (0x0f20 + 4 * (n)) /* ro: Zero: the redistributor's ISPENDR0 takes its place */
#define GICV3_GICD_SPENDSGIR_COUNT                      4
#define GICV3_GICD_IROUTER(n)                           (0x6100 + 8 * (n)) /* rw: Route of each SPI, from interrupt 32 on: the CPU it goes to */
#define GICV3_GICD_IROUTER_COUNT                        224
#define GICV3_GICD_IROUTER_AFF0_SHIFT                   0
#define GICV3_GICD_IROUTER_AFF0_MASK                    0x00000000000000ff
#define GICV3_GICD_IROUTER_AFF1_SHIFT                   8
#define GICV3_GICD_IROUTER_AFF1_MASK                    0x000000000000ff00
#define GICV3_GICD_IROUTER_AFF2_SHIFT                   16
#define GICV3_GICD_IROUTER_AFF2_MASK                    0x0000000000ff0000
#define GICV3_GICD_IROUTER_INTERRUPT_ROUTING_MODE_SHIFT 31 /* to any CPU, whatever the affinity */
#define GICV3_GICD_IROUTER_INTERRUPT_ROUTING_MODE_MASK  0x0000000080000000
#define GICV3_GICD_IROUTER_AFF3_SHIFT                   32
#define GICV3_GICD_IROUTER_AFF3_MASK                    0x000000ff00000000
#define GICV3_GICD_PIDR4                                0xffd0 /* ro: Identification */
#define GICV3_GICD_PIDR5                                0xffd4 /* ro: Identification */
#define GICV3_GICD_PIDR6                                0xffd8 /* ro: Identification */
#define GICV3_GICD_PIDR7                                0xffdc /* ro: Identification */
#define GICV3_GICD_PIDR0                                0xffe0 /* ro: Identification */
#define GICV3_GICD_PIDR1                                0xffe4 /* ro: Identification */
#define GICV3_GICD_PIDR2                                0xffe8 /* ro: Identification */
#define GICV3_GICD_PIDR3                                0xffec /* ro: Identification */
#define GICV3_GICD_CIDR0                                0xfff0 /* ro: Identification */
#define GICV3_GICD_CIDR1                                0xfff4 /* ro: Identification */
#define GICV3_GICD_CIDR2                                0xfff8 /* ro: Identification */
#define GICV3_GICD_CIDR3                                0xfffc /* ro: Identification */

#endif /* GICV3_GICD_REGS_H */
