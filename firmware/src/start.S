// Entry at EL1 with the MMU off; x0..x3 are the arguments of main.

    .section .text.start, "ax"
    .global _start
    .type _start, %function
_start:
    msr     daifset, #15
    adrp    x9, vectors
    add     x9, x9, :lo12:vectors
    msr     vbar_el1, x9
    isb
    adrp    x9, __stack_top
    add     x9, x9, :lo12:__stack_top
    mov     sp, x9

    adrp    x9, __bss_start
    add     x9, x9, :lo12:__bss_start
    adrp    x10, __bss_end
    add     x10, x10, :lo12:__bss_end
1:  cmp     x9, x10
    b.hs    2f
    stp     xzr, xzr, [x9], #16
    b       1b

2:  bl      main
    bl      power_off
    .size _start, . - _start

// PSCI SYSTEM_OFF (ARM DEN 0022, 5.9). It does not return; a board without it waits here.
    .section .text.power_off, "ax"
    .global power_off
    .type power_off, %function
power_off:
    movz    w0, #0x8400, lsl #16
    movk    w0, #0x0008
    hvc     #0
3:  wfi
    b       3b
    .size power_off, . - power_off
