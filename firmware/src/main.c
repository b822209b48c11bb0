/* Frames from the camera to the display, without a kernel. */
#include <stdint.h>

#include "board.h"
#include "cpu.h"
#include "gic.h"
#include "mmu.h"
#include "pipeline.h"
#include "smmu.h"
#include "uart.h"

#define LARGEST_SIDE 8192u /* the camera takes no more */

void exception_entry(uint64_t esr, uint64_t elr, uint64_t far)
{
    print("exception: ESR 0x%lx ELR 0x%lx FAR 0x%lx\n", esr, elr, far);
    power_off();
}

void irq_entry(void)
{
    unsigned id = gic_acknowledge();

    if (id >= GIC_SPURIOUS)
        return;
    switch (id) {
    case IRQ_CAMERA:
        pipeline_camera_irq();
        break;
    case IRQ_LCDIF:
        pipeline_display_irq();
        break;
    case IRQ_SMMU_EVENT:
        smmu_event_irq();
        break;
    case IRQ_SMMU_GERROR:
        smmu_gerror_irq();
        break;
    default:
        fail("interrupt %u has no handler\n", id);
    }
    gic_end(id);
}

static void check(uint64_t width, uint64_t height, uint64_t frames, uint64_t flags)
{
    if (!width || width > LARGEST_SIDE || !height || height > LARGEST_SIDE)
        fail("width and height must be 1..%u, not %lu and %lu\n", LARGEST_SIDE, width, height);
    if (!frames || frames > UINT32_MAX)
        fail("the number of frames must be 1..%u, not %lu\n", UINT32_MAX, frames);
    if (flags & ~FLAG_COPY)
        fail("flags 0x%lx are reserved\n", flags & ~FLAG_COPY);
}

void main(uint64_t width, uint64_t height, uint64_t frames, uint64_t flags)
{
    mmu_init();
    uart_init();
    print("dmabuf-soc firmware: %lux%lu, %lu frames\n", width, height, frames);
    check(width, height, frames, flags);

    gic_init();
    gic_enable(IRQ_CAMERA, LEVEL);
    gic_enable(IRQ_LCDIF, LEVEL);
    gic_enable(IRQ_SMMU_EVENT, EDGE);
    gic_enable(IRQ_SMMU_GERROR, EDGE);
    smmu_init();
    struct request request = {(unsigned)width, (unsigned)height, (unsigned)frames, flags & FLAG_COPY};
    pipeline_start(&request);

    while (!pipeline_finished()) {
        if (!pipeline_work())
            wait_for_interrupt();
        irq_unmask(); /* what is pending is taken here */
        isb();
        irq_mask();
    }
    pipeline_stop();
    print("done\n");
}
