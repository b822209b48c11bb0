/* The display's registers, in the order in which Linux's mxsfb driver brings them up. */
#include "lcdif.h"

#include "board.h"
#include "mmio.h"
#include "regs/lcdif.h"

#define REGISTER(name) (LCDIF_BASE + LCDIF_##name)

#define WORD_LENGTH_24_BIT 3
#define BUS_WIDTH_24_BIT 3
#define BYTES_OF_XRGB 0x7   /* the three low bytes of each word are data */
#define REQUESTS_16 4       /* outstanding memory requests */

/* CEA-861 timing of 1080p60, whose blanking every size gets. */
#define H_FRONT_PORCH 88
#define H_SYNC 44
#define H_BACK_PORCH 148
#define V_FRONT_PORCH 4
#define V_SYNC 5
#define V_BACK_PORCH 36

#define INTERRUPTS (LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_MASK | LCDIF_CTRL1_UNDERFLOW_IRQ_MASK)
#define INTERRUPT_ENABLES (LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_EN_MASK | LCDIF_CTRL1_UNDERFLOW_IRQ_EN_MASK)

void lcdif_init(unsigned width, unsigned height)
{
    unsigned h_total = width + H_FRONT_PORCH + H_SYNC + H_BACK_PORCH;
    unsigned v_total = height + V_FRONT_PORCH + V_SYNC + V_BACK_PORCH;

    write32(REGISTER(CTRL_CLR), LCDIF_CTRL_SFTRST_MASK);
    write32(REGISTER(CTRL_CLR), LCDIF_CTRL_CLKGATE_MASK);
    write32(REGISTER(CTRL1_SET), LCDIF_CTRL1_FIFO_CLEAR_MASK);
    write32(REGISTER(CTRL2), FIELD(LCDIF_CTRL2_OUTSTANDING_REQS, REQUESTS_16));
    write32(REGISTER(CTRL1),
            FIELD(LCDIF_CTRL1_BYTE_PACKING_FORMAT, BYTES_OF_XRGB) | LCDIF_CTRL1_RECOVER_ON_UNDERFLOW_MASK);
    write32(REGISTER(CTRL), LCDIF_CTRL_BYPASS_COUNT_MASK | LCDIF_CTRL_MASTER_MASK |
                                FIELD(LCDIF_CTRL_WORD_LENGTH, WORD_LENGTH_24_BIT) |
                                FIELD(LCDIF_CTRL_LCD_DATABUS_WIDTH, BUS_WIDTH_24_BIT));
    write32(REGISTER(TRANSFER_COUNT),
            FIELD(LCDIF_TRANSFER_COUNT_H_COUNT, width) | FIELD(LCDIF_TRANSFER_COUNT_V_COUNT, height));
    write32(REGISTER(VDCTRL0), LCDIF_VDCTRL0_ENABLE_PRESENT_MASK | LCDIF_VDCTRL0_VSYNC_PERIOD_UNIT_MASK |
                                   LCDIF_VDCTRL0_VSYNC_PULSE_WIDTH_UNIT_MASK | LCDIF_VDCTRL0_HSYNC_POL_MASK |
                                   LCDIF_VDCTRL0_VSYNC_POL_MASK | LCDIF_VDCTRL0_ENABLE_POL_MASK |
                                   FIELD(LCDIF_VDCTRL0_VSYNC_PULSE_WIDTH, V_SYNC));
    write32(REGISTER(VDCTRL1), FIELD(LCDIF_VDCTRL1_VSYNC_PERIOD, v_total));
    write32(REGISTER(VDCTRL2),
            FIELD(LCDIF_VDCTRL2_HSYNC_PERIOD, h_total) | FIELD(LCDIF_VDCTRL2_HSYNC_PULSE_WIDTH, H_SYNC));
    write32(REGISTER(VDCTRL3), FIELD(LCDIF_VDCTRL3_HORIZONTAL_WAIT_CNT, H_SYNC + H_BACK_PORCH) |
                                   FIELD(LCDIF_VDCTRL3_VERTICAL_WAIT_CNT, V_SYNC + V_BACK_PORCH));
    write32(REGISTER(VDCTRL4),
            FIELD(LCDIF_VDCTRL4_DOTCLK_H_VALID_DATA_CNT, width) | LCDIF_VDCTRL4_SYNC_SIGNALS_ON_MASK);
    write32(REGISTER(CTRL1_CLR), INTERRUPTS);
    write32(REGISTER(CTRL1_SET), INTERRUPT_ENABLES);
}

void lcdif_start(uint32_t iova)
{
    write32(REGISTER(CUR_BUF), iova);
    write32(REGISTER(NEXT_BUF), iova);
    write32(REGISTER(CTRL_SET), LCDIF_CTRL_DOTCLK_MODE_MASK);
    write32(REGISTER(CTRL_SET), LCDIF_CTRL_RUN_MASK);
}

void lcdif_stop(void)
{
    write32(REGISTER(CTRL_CLR), LCDIF_CTRL_RUN_MASK);
    write32(REGISTER(CTRL_CLR), LCDIF_CTRL_DOTCLK_MODE_MASK);
    write32(REGISTER(CTRL1_CLR), INTERRUPT_ENABLES | INTERRUPTS);
}

void lcdif_flip(uint32_t iova)
{
    write32(REGISTER(NEXT_BUF), iova);
}

uint32_t lcdif_current(void)
{
    return read32(REGISTER(CUR_BUF));
}

uint32_t lcdif_pending(void)
{
    return read32(REGISTER(CTRL1)) & INTERRUPTS;
}

void lcdif_acknowledge(uint32_t interrupts)
{
    write32(REGISTER(CTRL1_CLR), interrupts);
}
