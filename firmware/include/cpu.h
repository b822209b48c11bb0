/* What C cannot say about the processor. */
#ifndef CPU_H
#define CPU_H

#include <stdint.h>

#define READ_SYSREG(name)                                                                          \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                         \
        value_;                                                                                    \
    })
#define WRITE_SYSREG(name, value) __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}

static inline void dsb(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

static inline void irq_mask(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

static inline void irq_unmask(void)
{
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}

/* Returns when an interrupt is pending, masked or not. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

/* PSCI SYSTEM_OFF (ARM DEN 0022, 5.9), conduit HVC. */
_Noreturn void power_off(void);

/* start.S: from the vectors. */
void irq_entry(void);
_Noreturn void exception_entry(uint64_t esr, uint64_t elr, uint64_t far);

#endif
