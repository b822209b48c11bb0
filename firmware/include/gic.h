/* The interrupt controller: GIC-400, seen by its one processor. */
#ifndef GIC_H
#define GIC_H

#include <stdint.h>

enum trigger { LEVEL, EDGE };

#define GIC_SPURIOUS 1020 /* ids from here on are no interrupt */

void gic_init(void);
void gic_enable(unsigned id, enum trigger trigger);
/* The id of the interrupt to serve, now active, or GIC_SPURIOUS and above. */
unsigned gic_acknowledge(void);
void gic_end(unsigned id);

#endif
