/* A first-in first-out queue of buffer indices. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>

#define RING_SIZE 8 /* more than there are buffers, so a ring never fills */

struct ring {
    unsigned taken, put; /* counts since the start */
    unsigned char slots[RING_SIZE];
};

static inline bool ring_empty(const struct ring *ring)
{
    return ring->taken == ring->put;
}

static inline void ring_put(struct ring *ring, unsigned index)
{
    ring->slots[ring->put++ % RING_SIZE] = (unsigned char)index;
}

/* The oldest; the ring must not be empty. */
static inline unsigned ring_take(struct ring *ring)
{
    return ring->slots[ring->taken++ % RING_SIZE];
}

#endif
