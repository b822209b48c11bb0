/* Stage 1 tables for one DMA engine: 39 bits of IOVA, 4 KiB pages. */
#ifndef IOTABLE_H
#define IOTABLE_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096UL
#define TABLE_ENTRIES 512

/* 64 MiB of frame buffers and the guard pages between them. */
#define IOTABLE_LEAVES 33

enum access { READ_ONLY, READ_WRITE };

/* To be zero and aligned to a page; the first table is `level1`. */
struct iotable {
    uint64_t level1[TABLE_ENTRIES];
    uint64_t level2[TABLE_ENTRIES];
    uint64_t level3[IOTABLE_LEAVES][TABLE_ENTRIES];
    unsigned leaves; /* level 3 tables in use */
};

/* Map `size` bytes at `iova` to `address`; all page aligned, within one 1 GiB of IOVA per table. */
void iotable_map(struct iotable *table, uint64_t iova, uint64_t address, size_t size, enum access access);

#endif
