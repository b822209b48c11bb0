/* The SMMUv3 in front of the DMA engines. */
#ifndef SMMU_H
#define SMMU_H

#include <stdint.h>

#include "iotable.h"

/* Reset: queues on, no stream valid, translation off. */
void smmu_init(void);

/* Stream `stream` translates through `table`, tagged `asid`. */
void smmu_attach(unsigned stream, unsigned asid, const struct iotable *table);

/* Forget cached configuration and translations, then translate. */
void smmu_enable(void);

/* Interrupts: print and count each event record; report a global error and power off. */
void smmu_event_irq(void);
void smmu_gerror_irq(void);

unsigned smmu_events(void);

#endif
