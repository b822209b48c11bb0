/* Identity translation for the processor; ARM DDI 0487, chapter D8.
 *
 * What is not listed here is not mapped, so a wild pointer faults at once. Data is execute-never:
 * besides being right, it keeps stores off the path that watches for self-modifying code.
 */
#include "mmu.h"

#include "board.h"
#include "cpu.h"

#define ENTRIES 512
#define PAGE 0x1000UL
#define BLOCK 0x200000UL
#define GIGABYTE 0x40000000UL
#define GIGABYTES 4 /* TCR_EL1.T0SZ = 32: the first table covers these */

#define VALID_BLOCK 1UL
#define VALID_TABLE 3UL
#define VALID_PAGE 3UL
#define ATTRIBUTE(index) ((uint64_t)(index) << 2)
#define READ_ONLY (1UL << 7)
#define INNER_SHAREABLE (3UL << 8)
#define ACCESSED (1UL << 10)
#define EXECUTE_NEVER (3UL << 53) /* UXN and PXN */

enum { DEVICE, CACHED, UNCACHED };
#define MAIR (0x00UL << (8 * DEVICE) | 0xffUL << (8 * CACHED) | 0x44UL << (8 * UNCACHED))

#define CODE (ATTRIBUTE(CACHED) | INNER_SHAREABLE | ACCESSED | READ_ONLY | 1UL << 54 /* UXN */)
#define CONSTANTS (ATTRIBUTE(CACHED) | INNER_SHAREABLE | ACCESSED | READ_ONLY | EXECUTE_NEVER)
#define DATA (ATTRIBUTE(CACHED) | INNER_SHAREABLE | ACCESSED | EXECUTE_NEVER)
#define SHARED (ATTRIBUTE(UNCACHED) | INNER_SHAREABLE | ACCESSED | EXECUTE_NEVER)
#define DEVICES (ATTRIBUTE(DEVICE) | ACCESSED | EXECUTE_NEVER)

#define TCR_T0SZ_32 32UL
#define TCR_WALK_CACHED (1UL << 8 | 1UL << 10 | 3UL << 12) /* IRGN0, ORGN0, SH0 */
#define TCR_EPD1 (1UL << 23)
#define TCR_IPS_40 (2UL << 32)

#define SCTLR_RES1 0x30d00800UL
#define SCTLR_M (1UL << 0)
#define SCTLR_C (1UL << 2)
#define SCTLR_SA (1UL << 3)
#define SCTLR_I (1UL << 12)

#define TABLE __attribute__((aligned(4096)))
static uint64_t level1[ENTRIES] TABLE;
static uint64_t level2[GIGABYTES][ENTRIES] TABLE;
static uint64_t firmware_pages[ENTRIES] TABLE;

extern const char __text_end[], __rodata_end[];

/* The entry of the 2 MiB around `address`. */
static uint64_t *block_entry(uintptr_t address)
{
    return &level2[address / GIGABYTE][address / BLOCK % ENTRIES];
}

static void map_block(uintptr_t address, uint64_t attributes)
{
    *block_entry(address) = (address & ~(BLOCK - 1)) | attributes | VALID_BLOCK;
}

static void map_firmware(void)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uintptr_t address = FIRMWARE_BASE + i * PAGE;
        uint64_t attributes = DATA;
        if (address < (uintptr_t)__text_end)
            attributes = CODE;
        else if (address < (uintptr_t)__rodata_end)
            attributes = CONSTANTS;
        firmware_pages[i] = address | attributes | VALID_PAGE;
    }
    *block_entry(FIRMWARE_BASE) = (uintptr_t)firmware_pages | VALID_TABLE;
}

void mmu_init(void)
{
    static const uintptr_t devices[] = {SMMU_BASE, UART_BASE, LCDIF_BASE, CAMERA_BASE, GICD_BASE};

    for (unsigned i = 0; i < GIGABYTES; i++)
        level1[i] = (uintptr_t)level2[i] | VALID_TABLE;
    map_firmware();
    for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
        map_block(devices[i], DEVICES);

    dsb();
    WRITE_SYSREG(mair_el1, MAIR);
    WRITE_SYSREG(tcr_el1, TCR_T0SZ_32 | TCR_WALK_CACHED | TCR_EPD1 | TCR_IPS_40);
    WRITE_SYSREG(ttbr0_el1, (uintptr_t)level1);
    isb();
    __asm__ volatile("tlbi vmalle1\n\tic iallu" ::: "memory");
    dsb();
    isb();
    WRITE_SYSREG(sctlr_el1, SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_I);
    isb();
}

void mmu_map_shared(uintptr_t start, size_t size)
{
    for (uintptr_t address = start; address < start + size; address += BLOCK)
        map_block(address, SHARED);
    dsb();
    isb();
}
