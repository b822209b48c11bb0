/* Generated from the register table "sp805"; do not edit.
 * Source: Arm DDI 0270, Watchdog Module (SP805) Technical Reference Manual, chapter 3
 */
#ifndef SP805_REGS_H
#define SP805_REGS_H

#define SP805_SPAN                    0x1000 /* bytes of address space */
#define SP805_WDOGLOAD                0x000 /* rw: What the counter starts from; a write starts it */
#define SP805_WDOGVALUE               0x004 /* ro: The counter, which counts down */
#define SP805_WDOGCONTROL             0x008 /* rw: Control */
#define SP805_WDOGCONTROL_INTEN_SHIFT 0 /* counter and interrupt on; it starts from WDOGLOAD */
#define SP805_WDOGCONTROL_INTEN_MASK  0x00000001
#define SP805_WDOGCONTROL_RESEN_SHIFT 1 /* reset the board at the second zero */
#define SP805_WDOGCONTROL_RESEN_MASK  0x00000002
#define SP805_WDOGINTCLR              0x00c /* wo: A write of any value clears the interrupt and restarts the counter */
#define SP805_WDOGRIS                 0x010 /* ro: Raw interrupt status */
#define SP805_WDOGRIS_WDOGINT_SHIFT   0 /* the counter has reached zero */
#define SP805_WDOGRIS_WDOGINT_MASK    0x00000001
#define SP805_WDOGMIS                 0x014 /* ro: Interrupt status behind WDOGCONTROL.INTEN */
#define SP805_WDOGMIS_WDOGINT_SHIFT   0 /* the counter has reached zero */
#define SP805_WDOGMIS_WDOGINT_MASK    0x00000001
#define SP805_WDOGLOCK                0xc00 /* rw: A write of 0x1acce551 opens the registers above for writing, any other closes them */
#define SP805_WDOGLOCK_LOCKED_SHIFT   0 /* as read: they are closed */
#define SP805_WDOGLOCK_LOCKED_MASK    0x00000001
#define SP805_WDOGITCR                0xf00 /* rw: Integration test control */
#define SP805_WDOGITOP                0xf04 /* wo: Integration test output */
#define SP805_WDOGPERIPHID0           0xfe0 /* ro: Identification */
#define SP805_WDOGPERIPHID0_ID_SHIFT  0
#define SP805_WDOGPERIPHID0_ID_MASK   0x000000ff
#define SP805_WDOGPERIPHID1           0xfe4 /* ro: Identification */
#define SP805_WDOGPERIPHID1_ID_SHIFT  0
#define SP805_WDOGPERIPHID1_ID_MASK   0x000000ff
#define SP805_WDOGPERIPHID2           0xfe8 /* ro: Identification */
#define SP805_WDOGPERIPHID2_ID_SHIFT  0
#define SP805_WDOGPERIPHID2_ID_MASK   0x000000ff
#define SP805_WDOGPERIPHID3           0xfec /* ro: Identification */
#define SP805_WDOGPERIPHID3_ID_SHIFT  0
#define SP805_WDOGPERIPHID3_ID_MASK   0x000000ff
#define SP805_WDOGPCELLID0            0xff0 /* ro: Identification */
#define SP805_WDOGPCELLID0_ID_SHIFT   0
#define SP805_WDOGPCELLID0_ID_MASK    0x000000ff
#define SP805_WDOGPCELLID1            0xff4 /* ro: Identification */
#define SP805_WDOGPCELLID1_ID_SHIFT   0
#define SP805_WDOGPCELLID1_ID_MASK    0x000000ff
#define SP805_WDOGPCELLID2            0xff8 /* ro: Identification */
#define SP805_WDOGPCELLID2_ID_SHIFT   0
#define SP805_WDOGPCELLID2_ID_MASK    0x000000ff
#define SP805_WDOGPCELLID3            0xffc /* ro: Identification */
#define SP805_WDOGPCELLID3_ID_SHIFT   0
#define SP805_WDOGPCELLID3_ID_MASK    0x000000ff

#endif /* SP805_REGS_H */
