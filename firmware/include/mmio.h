/* Device registers. The barriers order them against DRAM that a device reads or writes. */
#ifndef MMIO_H
#define MMIO_H

#include <stdint.h>

/* `value` at the place of field NAME, and the number that stands there in a register value. */
#define FIELD(name, value) (((uint32_t)(value) << name##_SHIFT) & name##_MASK)
#define FIELD_OF(name, word) (((word) & name##_MASK) >> name##_SHIFT)

static inline uint32_t read32(uintptr_t address)
{
    uint32_t value = *(volatile uint32_t *)address;
    __asm__ volatile("dmb oshld" ::: "memory");
    return value;
}

static inline void write32(uintptr_t address, uint32_t value)
{
    __asm__ volatile("dmb oshst" ::: "memory");
    *(volatile uint32_t *)address = value;
}

static inline void write64(uintptr_t address, uint64_t value)
{
    __asm__ volatile("dmb oshst" ::: "memory");
    *(volatile uint64_t *)address = value;
}

#endif
