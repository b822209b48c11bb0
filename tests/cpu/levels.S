// Guest programs that own EL1, EL1 and EL2, or all three. Every exception is noted in
// memory at x19 (64 bytes each: level << 12 | vector offset, ESR, ELR, FAR, SPSR, SP) and
// counted in x20. Calls return; anything else goes on after the instruction, or at x27
// if that is not 0. Handlers spoil x21 to x25 and x28.

        .equ    STACKS, 0x40020000      // SP_ELn = STACKS + n * 0x1000
        .equ    USER_STACK, 0x40020800

        .text
        .globl  _start
_start: b       from_el1

        .macro  vectors_of level
        .balign 2048
vectors_el\level:
        .irp    offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
        .balign 128
        mov     x25, #(\level << 12 | \offset)
        b       note_el\level
        .endr
        .irp    offset, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
        .balign 128
        mov     x25, #(\level << 12 | \offset)
        b       note_el\level
        .endr
        .balign 128
note_el\level:
        mrs     x21, esr_el\level
        mrs     x22, elr_el\level
        mrs     x23, far_el\level
        mrs     x24, spsr_el\level
        mov     x28, sp
        stp     x25, x21, [x19]
        stp     x22, x23, [x19, #16]
        stp     x24, x28, [x19, #32]
        add     x19, x19, #64
        add     x20, x20, #1
        lsr     x28, x21, #26
        sub     x28, x28, #0x15         // SVC, HVC and SMC
        cmp     x28, #2
        b.ls    2f
        cbz     x27, 1f
        sub     x22, x27, #4
        mov     x27, #0
1:      add     x22, x22, #4
        msr     elr_el\level, x22
2:      eret
        .endm
        vectors_of 1
        vectors_of 2
        vectors_of 3

        .macro  program name
        .globl  \name
        .balign 64
\name:
        .endm

        .macro  own level               // vectors and stacks of a level, at that level
        adr     x28, vectors_el\level
        msr     vbar_el\level, x28
        ldr     x28, =STACKS + \level * 0x1000
        mov     sp, x28
        .endm

        .macro  finish
9:      wfi
        b       9b
        .endm

program power_on                        // what the core says of itself before anything is written
        mrs     x1, currentel
        mrs     x2, daif
        mrs     x3, spsel
        mrs     x4, nzcv
        finish

        // down to EL0, and calls to everybody from EL1 and from EL0
program from_el3
        mrs     x3, currentel
        own     3
        ldr     x28, =0x531             // RW, HCE, NS
        msr     scr_el3, x28
        adr     x28, from_el2
        msr     elr_el3, x28
        mov     x28, #0x3c9
        msr     spsr_el3, x28
        eret
program from_el2
        mrs     x2, currentel
        own     2
        mov     x28, #1 << 31           // RW
        msr     hcr_el2, x28
        adr     x28, from_el1
        msr     elr_el2, x28
        mov     x28, #0x3c5
        msr     spsr_el2, x28
        eret
program from_el1
        mrs     x1, currentel
        own     1
        ldr     x28, =USER_STACK
        msr     sp_el0, x28
        mrs     x28, sctlr_el1
        orr     x28, x28, #1 << 16      // EL0 may use WFI
        msr     sctlr_el1, x28
        .irp    where, el1, el0
        .globl  svc_\where, hvc_\where, smc_\where
svc_\where:
        svc     #0x11
hvc_\where:
        hvc     #0x12
smc_\where:
        smc     #0x13
        add     x4, x4, #1
        .ifc    \where, el1
        adr     x28, svc_el0
        msr     elr_el1, x28
        msr     spsr_el1, xzr
        eret
        .endif
        .endr
        mov     x5, sp
        finish

program call_smc                        // by the level the core starts at
        smc     #0
        finish
program call_hvc
        hvc     #0
        finish

        // every synchronous exception of one level: the MMU is on if x1 is the root of tables;
        // x0 cannot be loaded, x5 cannot be stored to, x6 cannot be executed
        .irp    level, 1, 2, 3
program faults_el\level
        own     \level
        ldr     x28, =USER_STACK
        msr     sp_el0, x28
        cbz     x1, 1f
        mov     x28, #0xff
        msr     mair_el\level, x28
        .if     \level == 1
        ldr     x28, =0x200803519       // 39 bits, 4 KiB, write-back, inner shareable, 40-bit output
        .else
        ldr     x28, =0x80823519        // the same where there is but one range
        .endif
        msr     tcr_el\level, x28
        msr     ttbr0_el\level, x1
        isb
        mrs     x28, sctlr_el\level
        mov     x2, #0x1005
        orr     x28, x28, x2
        msr     sctlr_el\level, x28
        isb
1:      b       every_fault
        .endr

        .globl  every_fault, undefined_word, breakpoint, the_load, the_store, after_svc_on_sp0
every_fault:
        svc     #0x21
undefined_word:
        udf     #0
breakpoint:
        brk     #0x22
the_load:
        ldr     x3, [x0], #8
the_store:
        str     w3, [x5]
        adr     x27, 2f
        br      x6
2:      msr     spsel, #0
        svc     #0x23
after_svc_on_sp0:
        mov     x7, sp
        msr     spsel, #1
        mov     x8, sp
        finish
        .ltorg
