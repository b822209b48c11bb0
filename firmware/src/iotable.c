/* Building stage 1 tables for DMA; ARM DDI 0487, chapter D8, as the SMMU reads them. */
#include "iotable.h"

#include "uart.h"

#define VALID_TABLE 3UL
#define VALID_PAGE 3UL
#define UNPRIVILEGED (1UL << 6) /* DMA counts as EL0 unless the stream says otherwise */
#define AP_READ_ONLY (1UL << 7)
#define INNER_SHAREABLE (3UL << 8)
#define ACCESSED (1UL << 10)
#define NOT_GLOBAL (1UL << 11)
#define EXECUTE_NEVER (3UL << 53)

/* Attribute 0 of the context descriptor's MAIR is uncached memory. */
#define FRAME_PAGE (UNPRIVILEGED | INNER_SHAREABLE | ACCESSED | NOT_GLOBAL | EXECUTE_NEVER | VALID_PAGE)

static uint64_t *leaf(struct iotable *table, uint64_t iova)
{
    uint64_t *second = &table->level2[iova >> 21 & (TABLE_ENTRIES - 1)];

    if (!*second) {
        if (table->leaves == IOTABLE_LEAVES)
            fail("no page table left for iova 0x%lx\n", iova);
        *second = (uintptr_t)table->level3[table->leaves++] | VALID_TABLE;
    }
    table->level1[iova >> 30 & (TABLE_ENTRIES - 1)] = (uintptr_t)table->level2 | VALID_TABLE;
    return (uint64_t *)(*second & ~(PAGE_SIZE - 1)) + (iova >> 12 & (TABLE_ENTRIES - 1));
}

void iotable_map(struct iotable *table, uint64_t iova, uint64_t address, size_t size, enum access access)
{
    uint64_t attributes = FRAME_PAGE | (access == READ_ONLY ? AP_READ_ONLY : 0);

    for (size_t offset = 0; offset < size; offset += PAGE_SIZE)
        *leaf(table, iova + offset) = (address + offset) | attributes;
}
