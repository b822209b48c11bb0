// EL1 vectors (ARM DDI 0487, D1.3). Only interrupts from EL1 itself are expected.

    .macro unexpected
    .balign 0x80
    b       unexpected_exception
    .endm

    .section .text.vectors, "ax"
    .balign 0x800
    .global vectors
vectors:
    .rept 4                     // from EL1 with SP_EL0
    unexpected
    .endr
    unexpected                  // from EL1: synchronous
    .balign 0x80
    b       interrupt           // from EL1: IRQ
    .rept 10                    // from EL1: FIQ, SError; from EL0
    unexpected
    .endr
    .balign 0x80

    .type unexpected_exception, %function
unexpected_exception:
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       exception_entry
    .size unexpected_exception, . - unexpected_exception

// Interrupts do not nest, so ELR_EL1 and SPSR_EL1 keep still meanwhile.
    .type interrupt, %function
interrupt:
    stp     x0, x1, [sp, #-176]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x29, [sp, #144]
    str     x30, [sp, #160]
    bl      irq_entry
    ldr     x30, [sp, #160]
    ldp     x18, x29, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #176
    eret
    .size interrupt, . - interrupt
