/* Generated from the register table "pl031"; do not edit.
 * Source: Arm DDI 0224, PrimeCell Real Time Clock (PL031) Technical Reference Manual, chapter 3
 */
#ifndef PL031_REGS_H
#define PL031_REGS_H

#define PL031_SPAN                  0x1000 /* bytes of address space */
#define PL031_RTCDR                 0x000 /* ro: Data: the time in seconds, 32 bits */
#define PL031_RTCMR                 0x004 /* rw: Match: the time of the alarm */
#define PL031_RTCLR                 0x008 /* rw: Load: a write sets the time; reads give the last value written */
#define PL031_RTCCR                 0x00c /* rw: Control; once on, only a reset of the block switches it off */
#define PL031_RTCCR_START_SHIFT     0 /* the clock runs */
#define PL031_RTCCR_START_MASK      0x00000001
#define PL031_RTCIMSC               0x010 /* rw: Interrupt mask: one enables */
#define PL031_RTCIMSC_RTCINTR_SHIFT 0 /* the time has come to RTCMR */
#define PL031_RTCIMSC_RTCINTR_MASK  0x00000001
#define PL031_RTCRIS                0x014 /* ro: Raw interrupt status */
#define PL031_RTCRIS_RTCINTR_SHIFT  0 /* the time has come to RTCMR */
#define PL031_RTCRIS_RTCINTR_MASK   0x00000001
#define PL031_RTCMIS                0x018 /* ro: Interrupt status behind the mask */
#define PL031_RTCMIS_RTCINTR_SHIFT  0 /* the time has come to RTCMR */
#define PL031_RTCMIS_RTCINTR_MASK   0x00000001
#define PL031_RTCICR                0x01c /* wo: Interrupt clear: one clears */
#define PL031_RTCICR_RTCINTR_SHIFT  0 /* the time has come to RTCMR */
#define PL031_RTCICR_RTCINTR_MASK   0x00000001
#define PL031_RTCITCR               0x080 /* rw: Integration test control */
#define PL031_RTCITIP               0x084 /* rw: Integration test input */
#define PL031_RTCITOP               0x088 /* rw: Integration test output */
#define PL031_RTCTOFFSET            0x08c /* rw: Test offset */
#define PL031_RTCTCOUNT             0x090 /* rw: Test count */
#define PL031_RTCPERIPHID0          0xfe0 /* ro: Identification */
#define PL031_RTCPERIPHID0_ID_SHIFT 0
#define PL031_RTCPERIPHID0_ID_MASK  0x000000ff
#define PL031_RTCPERIPHID1          0xfe4 /* ro: Identification */
#define PL031_RTCPERIPHID1_ID_SHIFT 0
#define PL031_RTCPERIPHID1_ID_MASK  0x000000ff
#define PL031_RTCPERIPHID2          0xfe8 /* ro: Identification */
#define PL031_RTCPERIPHID2_ID_SHIFT 0
#define PL031_RTCPERIPHID2_ID_MASK  0x000000ff
#define PL031_RTCPERIPHID3          0xfec /* ro: Identification */
#define PL031_RTCPERIPHID3_ID_SHIFT 0
#define PL031_RTCPERIPHID3_ID_MASK  0x000000ff
#define PL031_RTCPCELLID0           0xff0 /* ro: Identification */
#define PL031_RTCPCELLID0_ID_SHIFT  0
#define PL031_RTCPCELLID0_ID_MASK   0x000000ff
#define PL031_RTCPCELLID1           0xff4 /* ro: Identification */
#define PL031_RTCPCELLID1_ID_SHIFT  0
#define PL031_RTCPCELLID1_ID_MASK   0x000000ff
#define PL031_RTCPCELLID2           0xff8 /* ro: Identification */
#define PL031_RTCPCELLID2_ID_SHIFT  0
#define PL031_RTCPCELLID2_ID_MASK   0x000000ff
#define PL031_RTCPCELLID3           0xffc /* ro: Identification */
#define PL031_RTCPCELLID3_ID_SHIFT  0
#define PL031_RTCPCELLID3_ID_MASK   0x000000ff

#endif /* PL031_REGS_H */
