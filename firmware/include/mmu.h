/* The processor's own translation: identity, and only what the firmware uses. */
#ifndef MMU_H
#define MMU_H

#include <stddef.h>
#include <stdint.h>

/* Code read-only and executable, everything else execute-never, devices nGnRnE. */
void mmu_init(void);

/* Map DRAM that devices share, uncached, in blocks of 2 MiB from `start` (aligned to one). */
void mmu_map_shared(uintptr_t start, size_t size);

#endif
