/* Generated from the register table "gicv3-gicr"; do not edit.
 * Source: Arm IHI 0069 sections 12.10, 12.11
 */
#ifndef GICV3_GICR_REGS_H
#define GICV3_GICR_REGS_H

#define GICV3_GICR_SPAN                         0x20000 /* bytes of address space */
#define GICV3_GICR_CTLR                         0x00000 /* ro: Redistributor control */
#define GICV3_GICR_CTLR_ENABLELPIS_SHIFT        0 /* always 0: there are none */
#define GICV3_GICR_CTLR_ENABLELPIS_MASK         0x00000001
#define GICV3_GICR_CTLR_RWP_SHIFT               3 /* a write is pending, always 0: each takes effect at once */
#define GICV3_GICR_CTLR_RWP_MASK                0x00000008
#define GICV3_GICR_CTLR_UWP_SHIFT               31 /* a write of the CPU is on its way, always 0 */
#define GICV3_GICR_CTLR_UWP_MASK                0x80000000
#define GICV3_GICR_IIDR                         0x00004 /* ro: Redistributor identification */
#define GICV3_GICR_IIDR_IMPLEMENTER_SHIFT       0 /* JEP106 code, Arm 0x43b */
#define GICV3_GICR_IIDR_IMPLEMENTER_MASK        0x00000fff
#define GICV3_GICR_IIDR_REVISION_SHIFT          12
#define GICV3_GICR_IIDR_REVISION_MASK           0x0000f000
#define GICV3_GICR_IIDR_VARIANT_SHIFT           16
#define GICV3_GICR_IIDR_VARIANT_MASK            0x000f0000
#define GICV3_GICR_IIDR_PRODUCTID_SHIFT         24
#define GICV3_GICR_IIDR_PRODUCTID_MASK          0xff000000
#define GICV3_GICR_TYPER                        0x00008 /* ro: Redistributor type */
#define GICV3_GICR_TYPER_PLPIS_SHIFT            0 /* physical LPIs */
#define GICV3_GICR_TYPER_PLPIS_MASK             0x0000000000000001
#define GICV3_GICR_TYPER_VLPIS_SHIFT            1 /* virtual LPIs, and two more frames */
#define GICV3_GICR_TYPER_VLPIS_MASK             0x0000000000000002
#define GICV3_GICR_TYPER_DIRECTLPI_SHIFT        3
#define GICV3_GICR_TYPER_DIRECTLPI_MASK         0x0000000000000008
#define GICV3_GICR_TYPER_LAST_SHIFT             4 /* the last redistributor of the series */
#define GICV3_GICR_TYPER_LAST_MASK              0x0000000000000010
#define GICV3_GICR_TYPER_DPGS_SHIFT             5 /* GICR_CTLR.DPG* */
#define GICV3_GICR_TYPER_DPGS_MASK              0x0000000000000020
#define GICV3_GICR_TYPER_PROCESSOR_NUMBER_SHIFT 8
#define GICV3_GICR_TYPER_PROCESSOR_NUMBER_MASK  0x0000000000ffff00
#define GICV3_GICR_TYPER_COMMONLPIAFF_SHIFT     24
#define GICV3_GICR_TYPER_COMMONLPIAFF_MASK      0x0000000003000000
#define GICV3_GICR_TYPER_PPINUM_SHIFT           27 /* extended PPIs */
#define GICV3_GICR_TYPER_PPINUM_MASK            0x00000000f8000000
#define GICV3_GICR_TYPER_AFFINITY_VALUE_SHIFT   32 /* Aff3.Aff2.Aff1.Aff0 of the CPU */
#define GICV3_GICR_TYPER_AFFINITY_VALUE_MASK    0xffffffff00000000
#define GICV3_GICR_STATUSR                      0x00010 /* ro: Error reporting status; zero, as there is none */
#define GICV3_GICR_WAKER                        0x00014 /* rw: Sleep and wake-up of the CPU interface */
#define GICV3_GICR_WAKER_PROCESSORSLEEP_SHIFT   1 /* nothing may be forwarded to the CPU */
#define GICV3_GICR_WAKER_PROCESSORSLEEP_MASK    0x00000002
#define GICV3_GICR_WAKER_CHILDRENASLEEP_SHIFT   2 /* read-only: nothing is forwarded */
#define GICV3_GICR_WAKER_CHILDRENASLEEP_MASK    0x00000004
#define GICV3_GICR_PROPBASER                    0x00070 /* ro: Properties of LPIs; zero, as there are none */
#define GICV3_GICR_PENDBASER                    0x00078 /* ro: Pending LPIs; zero, as there are none */
#define GICV3_GICR_PIDR4                        0x0ffd0 /* ro: Identification */
#define GICV3_GICR_PIDR5                        0x0ffd4 /* ro: Identification */
#define GICV3_GICR_PIDR6                        0x0ffd8 /* ro: Identification */
#define GICV3_GICR_PIDR7                        0x0ffdc /* ro: Identification */
#define GICV3_GICR_PIDR0                        0x0ffe0 /* ro: Identification */
#define GICV3_GICR_PIDR1                        0x0ffe4 /* ro: Identification */
#define GICV3_GICR_PIDR2                        0x0ffe8 /* ro: Identification */
#define GICV3_GICR_PIDR3                        0x0ffec /* ro: Identification */
#define GICV3_GICR_CIDR0                        0x0fff0 /* ro: Identification */
#define GICV3_GICR_CIDR1                        0x0fff4 /* ro: Identification */
#define GICV3_GICR_CIDR2                        0x0fff8 /* ro: Identification */
#define GICV3_GICR_CIDR3                        0x0fffc /* ro: Identification */
#define GICV3_GICR_IGROUPR0                     0x10080 /* rw: Group of each interrupt */
#define GICV3_GICR_ISENABLER0                   0x10100 /* w1s: Enable */
#define GICV3_GICR_ICENABLER0                   0x10180 /* w1c: Disable */
#define GICV3_GICR_ISPENDR0                     0x10200 /* w1s: Make pending */
#define GICV3_GICR_ICPENDR0                     0x10280 /* w1c: Make not pending */
#define GICV3_GICR_ISACTIVER0                   0x10300 /* w1s: Make active */
#define GICV3_GICR_ICACTIVER0                   0x10380 /* w1c: Make inactive */
#define GICV3_GICR_IPRIORITYR(n)                (0x10400 + 4 * (n)) /* rw: Priority of each interrupt, a byte each; 0 is the highest */
#define GICV3_GICR_IPRIORITYR_COUNT             8
#define GICV3_GICR_ICFGR(n)                     (0x10c00 + 4 * (n)) /* rw: Trigger, two bits each, the upper one: 0 level, 1 edge; SGIs (element 0) always are edges */
#define GICV3_GICR_ICFGR_COUNT                  2
#define GICV3_GICR_IGRPMODR0                    0x10d00 /* ro: Group modifier; zero without security */
#define GICV3_GICR_NSACR                        0x10e00 /* ro: Non-secure access; zero without security */

#endif /* GICV3_GICR_REGS_H */
