/* Frame buffers: where they lie, and how camera and display see them. */
#include "buffers.h"

#include "board.h"
#include "iotable.h"
#include "mmu.h"
#include "smmu.h"
#include "uart.h"

/* The engines know one buffer by different addresses, so neither can work with the other's. */
#define CAMERA_IOVA 0x10000000UL
#define DISPLAY_IOVA 0x20000000UL
#define CAMERA_ASID 1
#define DISPLAY_ASID 2

static struct {
    size_t size;  /* of one buffer: whole pages */
    size_t step;  /* from IOVA to IOVA: a guard page stays unmapped after each buffer */
    unsigned shown_first; /* index of the display's first buffer in the carveout */
} layout;

static struct iotable camera_table __attribute__((aligned(4096)));
static struct iotable display_table __attribute__((aligned(4096)));

static uintptr_t place(unsigned index)
{
    return CARVEOUT_BASE + index * layout.size;
}

void buffers_init(size_t bytes, bool copy)
{
    unsigned total = CAMERA_BUFFERS + (copy ? DISPLAY_BUFFERS : 0);
    unsigned shown = copy ? DISPLAY_BUFFERS : CAMERA_BUFFERS;

    layout.size = (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    layout.step = layout.size + PAGE_SIZE;
    layout.shown_first = copy ? CAMERA_BUFFERS : 0;
    if (total * layout.size > CARVEOUT_SIZE)
        fail("%u buffers of %lu bytes do not fit into the carveout of %lu bytes\n", total, layout.size,
             CARVEOUT_SIZE);

    for (unsigned i = 0; i < CAMERA_BUFFERS; i++)
        iotable_map(&camera_table, camera_iova(i), place(i), layout.size, READ_WRITE);
    for (unsigned i = 0; i < shown; i++)
        iotable_map(&display_table, display_iova(i), place(layout.shown_first + i), layout.size, READ_ONLY);
    smmu_attach(STREAM_CAMERA, CAMERA_ASID, &camera_table);
    smmu_attach(STREAM_LCDIF, DISPLAY_ASID, &display_table);
    if (copy)
        mmu_map_shared(CARVEOUT_BASE, total * layout.size);
}

uint32_t camera_iova(unsigned index)
{
    return CAMERA_IOVA + index * layout.step;
}

uint32_t display_iova(unsigned index)
{
    return DISPLAY_IOVA + index * layout.step;
}

void *camera_memory(unsigned index)
{
    return (void *)place(index);
}

void *display_memory(unsigned index)
{
    return (void *)place(layout.shown_first + index);
}

unsigned camera_index(uint32_t iova)
{
    for (unsigned i = 0; i < CAMERA_BUFFERS; i++)
        if (camera_iova(i) == iova)
            return i;
    fail("camera: completed a buffer it was not given, iova 0x%x\n", iova);
}
