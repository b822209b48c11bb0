/* The camera's registers. */
#include "camera.h"

#include "board.h"
#include "mmio.h"
#include "regs/camera.h"
#include "uart.h"

#define REGISTER(name) (CAMERA_BASE + CAMERA_##name)

#define IDENTIFICATION 0x43414d31 /* "CAM1" */
#define FORMAT_XRGB8888 0
#define PATTERN_BARS 0

void camera_init(unsigned width, unsigned height, unsigned stride)
{
    uint32_t id = read32(REGISTER(ID));

    if (id != IDENTIFICATION)
        fail("camera: identification is 0x%x, not 0x%x\n", id, IDENTIFICATION);
    write32(REGISTER(CTRL), CAMERA_CTRL_RESET_MASK);
    write32(REGISTER(FORMAT), FIELD(CAMERA_FORMAT_CODE, FORMAT_XRGB8888));
    write32(REGISTER(SIZE), FIELD(CAMERA_SIZE_WIDTH, width) | FIELD(CAMERA_SIZE_HEIGHT, height));
    write32(REGISTER(PATTERN), FIELD(CAMERA_PATTERN_CODE, PATTERN_BARS));
    write32(REGISTER(STRIDE), stride);
    write32(REGISTER(IRQ_ENABLE), CAMERA_IRQ_ENABLE_FRAME_DONE_MASK | CAMERA_IRQ_ENABLE_DMA_ERROR_MASK |
                                      CAMERA_IRQ_ENABLE_OVERRUN_MASK);
}

void camera_start(void)
{
    write32(REGISTER(CTRL), CAMERA_CTRL_ENABLE_MASK);
}

void camera_stop(void)
{
    write32(REGISTER(CTRL), 0);
}

void camera_queue(uint32_t iova)
{
    write32(REGISTER(BUF_ADDR), iova);
    write32(REGISTER(QUEUE), CAMERA_QUEUE_PUSH_MASK);
}

uint32_t camera_take_events(void)
{
    uint32_t events = read32(REGISTER(IRQ_STATUS));

    write32(REGISTER(IRQ_STATUS), events);
    return events;
}

uint32_t camera_done(void)
{
    return read32(REGISTER(DONE_ADDR));
}
