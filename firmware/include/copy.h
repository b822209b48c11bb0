#ifndef COPY_H
#define COPY_H

#include <stddef.h>

/* Copy `bytes` (a multiple of 8) by processor loads and stores. */
void copy_frame(void *to, const void *from, size_t bytes);

#endif
