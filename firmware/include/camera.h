/* The camera (devices/camera/regs.py is its datasheet). */
#ifndef CAMERA_H
#define CAMERA_H

#include <stdint.h>

#define CAMERA_QUEUE_DEPTH 4

/* XRGB8888 bars, frame period as after reset. */
void camera_init(unsigned width, unsigned height, unsigned stride);
void camera_start(void);
/* No frame begins after this; one in flight is finished. */
void camera_stop(void);
/* Put a buffer, by its IOVA, into the hardware queue. */
void camera_queue(uint32_t iova);
/* The events since the last call (CAMERA_IRQ_STATUS_* masks), acknowledged. */
uint32_t camera_take_events(void);
/* IOVA of the buffer that was completed last. */
uint32_t camera_done(void);

#endif
