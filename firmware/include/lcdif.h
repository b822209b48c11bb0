/* The display: LCDIF of i.MX 6SoloX and 8M Mini, XRGB8888 with the blanking of 1080p60. */
#ifndef LCDIF_H
#define LCDIF_H

#include <stdint.h>

void lcdif_init(unsigned width, unsigned height);
/* Scan out the frame at `iova`, over and over. */
void lcdif_start(uint32_t iova);
void lcdif_stop(void);
/* Scan out the frame at `iova` from the next frame start on. */
void lcdif_flip(uint32_t iova);
/* IOVA of the frame that is being scanned out. */
uint32_t lcdif_current(void);
/* The interrupts that are pending (LCDIF_CTRL1_*_IRQ masks), and their acknowledgement. */
uint32_t lcdif_pending(void);
void lcdif_acknowledge(uint32_t interrupts);

#endif
