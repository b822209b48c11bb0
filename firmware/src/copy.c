/* The copy a zero-copy pipeline does without. */
#include "copy.h"

#include <stdint.h>

/* Each word is one load and one store, at one place in the program that reports can name. */
__attribute__((noinline)) void copy_frame(void *to, const void *from, size_t bytes)
{
    volatile uint64_t *target = to;
    const volatile uint64_t *source = from;

#pragma clang loop unroll(disable)
    for (size_t i = 0; i < bytes / sizeof *target; i++)
        target[i] = source[i];
}
