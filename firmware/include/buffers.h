/* The frame buffers in the carveout and the addresses each engine knows them by. */
#ifndef BUFFERS_H
#define BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAMERA_BUFFERS 3
#define DISPLAY_BUFFERS 2 /* of the display's own, when it shows copies */

/* Take and map buffers of `bytes` each, one after the other; fails if they do not fit. */
void buffers_init(size_t bytes, bool copy);

/* Addresses of camera buffer and display buffer `index`; without copies both are the same memory. */
uint32_t camera_iova(unsigned index);
uint32_t display_iova(unsigned index);
void *camera_memory(unsigned index);
void *display_memory(unsigned index);

/* The camera buffer at `iova`; fails if there is none. */
unsigned camera_index(uint32_t iova);

#endif
