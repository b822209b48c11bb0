/* One processor, one group, one priority: interrupts do not nest. Source: Arm IHI 0048B. */
#include "gic.h"

#include "board.h"
#include "mmio.h"
#include "regs/gicc.h"
#include "regs/gicd.h"

#define PRIORITY 0xa0 /* any that PRIORITY_MASK lets pass */
#define PRIORITY_MASK 0xf0

void gic_init(void)
{
    write32(GICD_BASE + GICD_CTLR, 0);
    for (unsigned n = 0; n < GICD_ICENABLER_COUNT; n++)
        write32(GICD_BASE + GICD_ICENABLER(n), 0xffffffff);
    write32(GICC_BASE + GICC_PMR, FIELD(GICC_PMR_PRIORITY, PRIORITY_MASK));
    write32(GICC_BASE + GICC_CTLR, GICC_CTLR_ENABLEGRP0_MASK);
    write32(GICD_BASE + GICD_CTLR, GICD_CTLR_ENABLEGRP0_MASK);
}

/* Replace `width` bits of interrupt `id` in an array of registers that packs 32 / width of them. */
static void set_bits(uintptr_t address, unsigned id, unsigned width, uint32_t value)
{
    unsigned shift = id % (32 / width) * width;
    uint32_t mask = ((1u << width) - 1) << shift;

    write32(address, (read32(address) & ~mask) | value << shift);
}

void gic_enable(unsigned id, enum trigger trigger)
{
    set_bits(GICD_BASE + GICD_ICFGR(id / 16), id, 2, trigger == EDGE ? 2 : 0);
    set_bits(GICD_BASE + GICD_IPRIORITYR(id / 4), id, 8, PRIORITY);
    set_bits(GICD_BASE + GICD_ITARGETSR(id / 4), id, 8, 1);
    write32(GICD_BASE + GICD_ISENABLER(id / 32), 1u << id % 32);
}

unsigned gic_acknowledge(void)
{
    return FIELD_OF(GICC_IAR_ID, read32(GICC_BASE + GICC_IAR));
}

void gic_end(unsigned id)
{
    write32(GICC_BASE + GICC_EOIR, FIELD(GICC_EOIR_ID, id));
}
