// Small programs for the virt board; a test makes one of the labels the entry.
// Each finds the machine as after power-on, x0 is the device tree.

        .set    UART, 0x09000000
        .set    DR, 0x00
        .set    FR, 0x18
        .set    LCR_H, 0x2c
        .set    CR, 0x30
        .set    SYSCON, 0x09080000
        .set    WATCHDOG, 0x09020000
        .set    NOWHERE, 0x0a000000
        .set    CPU_OFF, 0x84000002
        .set    SYSTEM_OFF, 0x84000008
        .set    SYSTEM_RESET, 0x84000009

        .macro  program name
        .globl  \name
        .type   \name, %function
        .balign 64
\name:
        .endm

        .macro  call conduit, function
        movz    x0, #(\function) >> 16, lsl #16
        movk    x0, #(\function) & 0xffff
        \conduit #0
        .endm

        .macro  uart_on
        mov     x19, #UART
        mov     w1, #0x70               // 8 bits, FIFOs
        str     w1, [x19, #LCR_H]
        mov     w1, #0x301              // transmitter, receiver, on
        str     w1, [x19, #CR]
        .endm

        .macro  put character
        mov     w1, #\character
        str     w1, [x19, #DR]
        .endm

        .macro  get                     // w0
9:      ldr     w1, [x19, #FR]
        tbnz    w1, #4, 9b
        ldr     w0, [x19, #DR]
        .endm

        .macro  set_vectors
        adr     x1, vectors
        msr     vbar_el1, x1
        .endm

        .text
program _start
        b       off

        .balign 2048
vectors:
        .rept   16                      // all go on behind the instruction
        .balign 128
        mrs     x28, elr_el1
        add     x28, x28, #4
        msr     elr_el1, x28
        eret
        .endr
        .balign 128

program off
        call    smc, SYSTEM_OFF

program off_by_hvc
        call    hvc, SYSTEM_OFF

program cpu_off
        call    smc, CPU_OFF

program hang
        set_vectors
        mov     x2, #NOWHERE
hang_load:
        ldr     w3, [x2, #8]
hang_break:
        brk     #7
hang_here:
        b       .

program hang_in_user                    // at EL0
        msr     spsr_el1, xzr
        adr     x1, user
        msr     elr_el1, x1
        eret
program user
        b       .

program lockup                          // no vectors: the abort is taken at 0x200, and so is the next
        mov     x1, #NOWHERE
        msr     vbar_el1, x1
        brk     #0

program lockup_watched                  // with a watchdog that resets after two seconds
        movz    x1, #WATCHDOG >> 16, lsl #16
        movz    w2, #24000000 >> 16, lsl #16
        movk    w2, #24000000 & 0xffff
        str     w2, [x1]                // WdogLoad, in clocks
        mov     w2, #3
        str     w2, [x1, #8]            // WdogControl: interrupt and reset
        b       lockup

program sleep
        wfi
        b       sleep

program doze                            // says so first
        uart_on
        put     'z'
        b       sleep

program ask                             // "? " and a key: r resets, o switches off
        uart_on
        put     '?'
        put     ' '
        get
        cmp     w0, #'r'
        b.ne    off
        call    smc, SYSTEM_RESET

program ask_late                        // the same after two million instructions
        movz    x2, #1000000 >> 16, lsl #16
        movk    x2, #1000000 & 0xffff
1:      subs    x2, x2, #1
        b.ne    1b
        b       ask

program echo                            // one key after another, until the full stop
        uart_on
1:      get
        str     w0, [x19, #DR]
        cmp     w0, #'.'
        b.ne    1b
        b       off

program panic                           // says that it is one, and goes on for ever
        uart_on
        adr     x2, last_words
1:      ldrb    w1, [x2], #1
        cbz     w1, hang_here
        str     w1, [x19, #DR]
        b       1b
last_words:
        .asciz  "---[ end Kernel panic - not syncing ]---\n"

program store_to_rom                    // = if the ROM at 0 stays as it was, else !
        set_vectors
        uart_on
        mov     x2, #0
        mov     w3, #1
        ldr     w4, [x2]
rom_store:
        str     w3, [x2]
        ldr     w5, [x2]
        cmp     w4, w5
        b.ne    1f
        put     '='
        b       hang_here
1:      put     '!'
        b       hang_here

program storm                           // the vectors return to where the abort was
        adr     x1, stubborn_vectors
        msr     vbar_el1, x1
        mov     x2, #NOWHERE
storm_load:
        ldr     w3, [x2]
        .balign 2048
stubborn_vectors:
        .rept   16
        .balign 128
        eret
        .endr
        .balign 128

        .macro  print_level
        uart_on
        mrs     x1, CurrentEL
        lsr     x1, x1, #2
        add     w1, w1, #'0'
        str     w1, [x19, #DR]
        .endm

program level
        print_level
        b       off

program level_by_syscon                 // for EL3, where there is no one to call
        print_level
        movz    x2, #SYSCON >> 16, lsl #16
        mov     w1, #0x5555
        str     w1, [x2]
        b       .
