// Guest programs of the CPU tests. Each starts at its label in EL1 with the MMU
// off and ends in WFI. The common handler leaves what the CPU told it:
//   x20 exceptions, x21 ESR, x22 ELR, x23 FAR, x24 SPSR, x25 vector offset
// and returns x26 bytes after ELR, or to x27 if that is not 0.
// Interrupts: x10 counts them, x9 is the device that lowers the line.

        .text
        .globl _start
_start: b       count_loop

        .balign 2048
        .globl vectors
vectors:
        .irp offset, 0x000, 0x080, 0x100, 0x180, 0x200
        .balign 128
        mov     x25, #\offset
        b       take_sync
        .endr
        .balign 128
        b       take_irq                // 0x280
        .irp offset, 0x300, 0x380, 0x400
        .balign 128
        mov     x25, #\offset
        b       take_sync
        .endr
        .balign 128
        b       take_irq                // 0x480
        .irp offset, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
        .balign 128
        mov     x25, #\offset
        b       take_sync
        .endr
        .balign 128

take_sync:
        add     x20, x20, #1
        mrs     x21, esr_el1
        mrs     x22, elr_el1
        mrs     x23, far_el1
        mrs     x24, spsr_el1
        cbz     x27, 1f
        msr     elr_el1, x27
        mov     x27, #0
        eret
1:      add     x28, x22, x26
        msr     elr_el1, x28
        eret

take_irq:
        add     x10, x10, #1
        mrs     x12, cntvct_el0
        msr     cntv_ctl_el0, xzr
        msr     cntp_ctl_el0, xzr
        cbz     x9, 1f
        str     wzr, [x9, #8]
1:      eret

        .macro  program name
        .globl  \name
        .balign 64
\name:
        .endm

        .macro  set_vectors
        adr     x28, vectors
        msr     vbar_el1, x28
        .endm

        .macro  finish
9:      wfi
        b       9b
        .endm

program count_loop                      // x0 rounds of nine instructions
        add     x1, x1, #1
        eor     x2, x2, x1
        add     x3, x3, x2
        lsl     x4, x1, #3
        sub     x5, x4, x2
        orr     x6, x5, x3
        add     x7, x7, x6
        subs    x0, x0, #1
        b.ne    count_loop
        finish

program take_svc
        set_vectors
        svc     #0x21
        .globl after_svc
after_svc:
        add     x1, x1, #1
        finish

program take_undefined                  // the undefined word is skipped
        set_vectors
        mov     x26, #4
        .globl undefined_word
undefined_word:
        udf     #0
        add     x1, x1, #1
        finish

program take_breakpoint
        set_vectors
        mov     x26, #4
        brk     #7
        add     x1, x1, #1
        finish

program user_and_back                   // EL0, a system call, EL0 again with its own stack
        set_vectors
        ldr     x1, =0x40080000
        mov     sp, x1
        ldr     x2, =0x40090000
        msr     sp_el0, x2
        adr     x3, 1f
        msr     elr_el1, x3
        msr     spsr_el1, xzr
        eret
1:      mov     x4, sp
        svc     #5
        mov     x5, sp
        mrs     x6, currentel           // undefined at EL0: skipped with x26 = 4
        add     x7, x7, #1
        b       .

program load_at                         // load from x0 with write-back into x1
        set_vectors
        mov     x26, #4
        mov     x1, #77
        .globl load_here
load_here:
        ldr     x1, [x0], #8
        add     x2, x2, #1
        finish

program store_at
        set_vectors
        mov     x26, #4
        .globl store_here
store_here:
        str     w1, [x0]
        add     x2, x2, #1
        finish

program call_at                         // branch to x0, come back to x27
        set_vectors
        adr     x27, 1f
        br      x0
1:      add     x2, x2, #1
        finish

program enable_mmu                      // x1 = table root; goes on at x30 with x1 = x28, x2 = x29
        mov     x2, #0xff
        msr     mair_el1, x2
        ldr     x2, =0x200803519        // 39 bits, 4 KiB, write-back, inner shareable, 40-bit output
        msr     tcr_el1, x2
        msr     ttbr0_el1, x1
        isb
        mrs     x2, sctlr_el1
        orr     x2, x2, #1
        orr     x2, x2, #4
        orr     x2, x2, #0x1000
        msr     sctlr_el1, x2
        isb
        mov     x1, x28
        mov     x2, x29
        br      x30

program poll_device                     // x0 reads of the device at x9, interrupts on
        set_vectors
        msr     daifclr, #2
1:      ldr     w1, [x9]
        add     x11, x11, x1
        subs    x0, x0, #1
        b.ne    1b
        finish

program sleep_unmasked
        set_vectors
        msr     daifclr, #2
        wfi
        add     x1, x1, #1
        finish

program sleep_masked                    // goes on after WFI without taking the interrupt
        set_vectors
        wfi
        add     x1, x1, #1
        mov     x2, #1
        b       .

program virtual_timer                   // TVAL = x0, sleep, x12 = count in the handler
        set_vectors
        mrs     x13, cntfrq_el0
        mrs     x14, cntvct_el0
        msr     cntv_tval_el0, x0
        mrs     x15, cntv_cval_el0
        mov     x1, #1
        msr     cntv_ctl_el0, x1
        mrs     x16, cntv_ctl_el0
        msr     daifclr, #2
        wfi
        mrs     x17, cntv_tval_el0
        finish

program physical_timer                  // CVAL = x0
        set_vectors
        msr     cntp_cval_el0, x0
        mov     x1, #1
        msr     cntp_ctl_el0, x1
        msr     daifclr, #2
        wfi
        mrs     x14, cntpct_el0
        finish

program masked_timer                    // expired, but IMASK: ISTATUS without an interrupt
        set_vectors
        msr     cntv_cval_el0, xzr
        mov     x1, #3
        msr     cntv_ctl_el0, x1
        mrs     x2, cntv_ctl_el0
        mrs     x3, cntv_tval_el0
        msr     daifclr, #2
        finish

program user_counter                    // CNTVCT at EL0: x0 goes to CNTKCTL_EL1
        set_vectors
        mov     x26, #4
        msr     cntkctl_el1, x0
        adr     x3, 1f
        msr     elr_el1, x3
        msr     spsr_el1, xzr
        eret
1:      mov     x4, #0
        mrs     x4, cntvct_el0
        mov     x5, #1
        b       .

program discard_counter                 // a counter read into XZR
        mrs     xzr, cntvct_el0
        mov     x1, #3
        finish

program call_hvc
        hvc     #0
        add     x5, x5, #1
        finish

program call_smc
        smc     #0
        add     x5, x5, #1
        finish

        .irp    call, hvc, smc
program undefined_\call                // a call that no firmware takes is skipped
        set_vectors
        mov     x26, #4
        .globl  the_\call
the_\call:
        \call     #0
        add     x5, x5, #1
        finish
        .endr

program changed_code                    // x0 = 0: IC IVAU, 1: IC IALLU, 2: nothing, 3: IC IALLUIS
        adr     x6, patch_me
        bl      patch_me
        mov     x10, x1
        str     xzr, [x9]               // the device changes the code in DRAM
        bl      patch_me
        mov     x11, x1
        cmp     x0, #1
        b.eq    1f
        cmp     x0, #2
        b.eq    2f
        cmp     x0, #3
        b.eq    3f
        dc      cvau, x6
        dsb     ish
        ic      ivau, x6
        b       2f
3:      ic      ialluis
        b       2f
1:      ic      iallu
2:      dsb     ish
        isb
        bl      patch_me
        mov     x12, x1
        finish
        .balign 64
        .globl patch_me
patch_me:
        mov     x1, #1
        ret

program changed_at                      // the same called at x6 and forgotten at x5, IC IVAU only
        blr     x6
        mov     x10, x1
        str     xzr, [x9]
        blr     x6
        mov     x11, x1
        ic      ivau, x5
        dsb     ish
        isb
        blr     x6
        mov     x12, x1
        finish

program forget_and_count                // IC IVAU of x5, then x0 rounds in x1
        set_vectors
        ic      ivau, x5
        dsb     ish
        isb
1:      add     x1, x1, #1
        subs    x0, x0, #1
        b.ne    1b
        finish

program change_what_follows             // the IC is in the line that it forgets, the code on both sides of it
        adr     x6, 1f
        mov     x2, #2
        b       1f
        .balign 64
        .globl  change_what_follows_here
change_what_follows_here:
1:      mov     x1, #1
        add     x10, x10, x1
        ic      ivau, x6
        dsb     ish
        isb
        cbz     x2, 2f
        sub     x2, x2, #1
        str     xzr, [x9]
        b       1b
2:      finish

program own_code                        // the guest stores the new instruction itself
        adr     x6, patch_me
        bl      patch_me
        mov     x10, x1
        ldr     w7, =0xd2800041         // mov x1, #2
        str     w7, [x6]
        dc      cvau, x6
        dsb     ish
        ic      ivau, x6
        dsb     ish
        isb
        bl      patch_me
        mov     x12, x1
        finish

program copy_words                      // x2 words of 8 bytes from x1 to x0
        .globl copy_load
copy_load:
        ldr     x3, [x1], #8
        .globl copy_store
copy_store:
        str     x3, [x0], #8
        subs    x2, x2, #1
        b.ne    copy_load
        finish

program store_bytes                     // unaligned halfword, byte, pair, vector at x0
        ldr     x1, =0x1122334455667788
        strb    w1, [x0]
        strh    w1, [x0, #3]
        stp     x1, x1, [x0, #8]
        dup     v0.2d, x1
        str     q0, [x0, #32]
        ldrh    w2, [x0, #3]
        ldr     q1, [x0, #32]
        mov     x3, v1.d[1]
        finish

program clear_and_swap                  // DC ZVA at x0, then an exclusive pair at x1
        dc      zva, x0
1:      ldaxr   x3, [x1]
        add     x3, x3, #1
        stlxr   w4, x3, [x1]
        cbnz    w4, 1b
        finish

program count_exclusive                 // x0 rounds of adding one to [x2]
1:      ldxr    x3, [x2]
        add     x3, x3, #1
        stxr    w4, x3, [x2]
        cbnz    w4, 1b
        add     x1, x1, #1
        subs    x0, x0, #1
        b.ne    1b
        finish

program ticks                           // a timer interrupt every x0 counts, until the x3-th; x1 counts besides
        adr     x28, ticking_vectors
        msr     vbar_el1, x28
        msr     cntv_tval_el0, x0
        mov     x2, #1
        msr     cntv_ctl_el0, x2
        msr     daifclr, #2
1:      add     x1, x1, #1
        cmp     x10, x3
        b.lo    1b
        finish
        .balign 2048
ticking_vectors:
        .skip   0x280
        add     x10, x10, #1
        msr     cntv_tval_el0, x0
        cmp     x10, x3
        b.lo    1f
        msr     cntv_ctl_el0, xzr
1:      eret

program busy_mix                        // device reads, timer and svc in one loop of x0 rounds
        set_vectors
        msr     daifclr, #2
1:      ldr     w1, [x9]
        add     x11, x11, x1
        and     x3, x0, #7
        cbnz    x3, 2f
        mov     x4, #3
        msr     cntv_tval_el0, x4
        mov     x4, #1
        msr     cntv_ctl_el0, x4
2:      tst     x0, #3
        b.ne    3f
        svc     #1
3:      str     x11, [x8], #8
        subs    x0, x0, #1
        b.ne    1b
        finish

program svc_storm
        set_vectors
1:      svc     #1
        b       1b

program spin
        b       spin
        .ltorg

        // One round of DMA: [x0] = x1, `before`, a device at x9 is told to act, `after`, x2 = [x0].
        .macro  dma_round name, before, after
program \name
        str     x1, [x0]
        \before
        dsb     sy
        str     wzr, [x9]
        b       1f
1:      \after
        dsb     sy
        b       2f
        .globl  \name\()_load
\name\()_load:
2:      ldr     x2, [x0]
        finish
        .endm
        dma_round no_sync, nop, nop
        dma_round clean_only, "dc cvac, x0", nop
        dma_round clean_then_invalidate, "dc cvac, x0", "dc ivac, x0"
        dma_round clean_invalidate_then_invalidate, "dc civac, x0", "dc ivac, x0"
        dma_round to_unification, "dc cvau, x0", nop
        dma_round zero_then_clean, "dc zva, x0", "dc cvac, x0"
        dma_round invalidate_only, "dc ivac, x0", nop

        // every set and way of both data caches of the Cortex-A72, one way of level 1 if x6 is 1
        .macro  every_set_and_way operation
        mov     x4, #0                  // level 1: 256 sets, 2 ways in bit 31
1:      lsl     x5, x4, #6
        dc      \operation, x5
        cmp     x6, #1
        b.eq    2f
        mov     x7, #1
        orr     x5, x5, x7, lsl #31
        dc      \operation, x5
2:      add     x4, x4, #1
        cmp     x4, #256
        b.lo    1b
        mov     x4, #0                  // level 2: 1024 sets, 16 ways in bits 31:28
3:      mov     x7, #0
4:      lsl     x5, x4, #6
        orr     x5, x5, x7, lsl #28
        orr     x5, x5, #2
        dc      \operation, x5
        add     x7, x7, #1
        cmp     x7, #16
        b.lo    4b
        add     x4, x4, #1
        cmp     x4, #1024
        b.lo    3b
        .endm

        // `name` between [x0] = x1 and a device that is told to act; `name`_after between the device and x2 = [x0]
        .macro  by_set_and_way name, operation
program \name
        str     x1, [x0]
        every_set_and_way \operation
        str     wzr, [x9]
        finish
program \name\()_after
        str     wzr, [x9]
        every_set_and_way \operation
        ldr     x2, [x0]
        finish
        .endm
        by_set_and_way clean_all, csw
        by_set_and_way clean_invalidate_all, cisw
        by_set_and_way invalidate_all, isw

        // x2 pages from x0 on, x1 apart: x10 = sum of their first words; x11 = sum of what was stored
        // half way to the next; after an invalidate of each page's first line x12 = the first sum again
        .macro  each_page
        mov     x3, x0
        mov     x4, x2
1:
        .endm
        .macro  next_page
        add     x3, x3, x1
        subs    x4, x4, #1
        b.ne    1b
        .endm
program scattered_pages
        mov     x10, #0
        mov     x11, #0
        mov     x12, #0
        each_page
scattered_pages_load:
        ldr     x5, [x3]
        add     x10, x10, x5
        next_page
        each_page
        add     x6, x3, x1, lsr #1
        str     x4, [x6]
        ldr     x5, [x6]
        add     x11, x11, x5
        next_page
        each_page
        dc      ivac, x3
        next_page
        each_page
        ldr     x5, [x3]
        add     x12, x12, x5
        next_page
        finish
