// Software that has a DMA-330 copy 8 bytes, with the MMU and the caches on:
//   x0 source, x1 destination, x2 what to store, x3 the DMA-330, x4 translation table,
//   x6, x7 DBGINST0 and DBGINST1 of its DMAGO
//   x5 what to do about the caches: 1 DC CVAC on the source, 2 DC IVAC on the destination,
//      4 DC ZVA on the source after the store
// It ends in WFI with x11 = [destination]; `load` is the instruction that loaded it.

        .equ    DBGCMD, 0xd04
        .equ    DBGINST0, 0xd08
        .equ    DBGINST1, 0xd0c
        .equ    CSR0, 0x100

        .text
        .globl  _start, load
_start:
        ldr     x9, =0xff00             // attribute 0 device, 1 write-back
        msr     mair_el1, x9
        ldr     x9, =0x200003519        // 39 bits, 4 KiB, write-back, inner shareable, 40-bit output
        msr     tcr_el1, x9
        msr     ttbr0_el1, x4
        isb
        mrs     x9, sctlr_el1
        mov     x10, #0x1005            // I, C, M
        orr     x9, x9, x10
        msr     sctlr_el1, x9
        isb

        ldr     x10, [x1]               // the destination is in the cache
        str     x2, [x0]
        tbz     x5, #2, 1f
        dc      zva, x0
1:      tbz     x5, #0, 2f
        dc      cvac, x0
2:      dsb     sy
        str     w6, [x3, #DBGINST0]
        str     w7, [x3, #DBGINST1]
        str     wzr, [x3, #DBGCMD]
3:      ldr     w9, [x3, #CSR0]
        tst     w9, #15                 // 0: the channel has stopped
        b.ne    3b
        tbz     x5, #1, load
        dc      ivac, x1
        dsb     sy
load:   ldr     x11, [x1]
4:      wfi
        b       4b
        .ltorg
