// A program for the virt board that asks for a key and shows pictures of 4x2 pixels:
// r red, and resets; g green; t red and then many colours; o none. After all but r it switches off.

        .set    UART, 0x09000000
        .set    DR, 0x00
        .set    FR, 0x18
        .set    LCR_H, 0x2c
        .set    CR, 0x30

        .set    LCDIF, 0x090a0000
        .set    CTRL_SET, 0x04
        .set    CTRL_CLR, 0x08
        .set    CTRL1, 0x10
        .set    CTRL1_CLR, 0x18
        .set    TRANSFER_COUNT, 0x30
        .set    CUR_BUF, 0x40
        .set    NEXT_BUF, 0x50
        .set    VDCTRL0, 0x70
        .set    VDCTRL1, 0x80
        .set    VDCTRL2, 0x90
        .set    FRAME_DONE, 9

        .set    SYSTEM_OFF, 0x84000008
        .set    SYSTEM_RESET, 0x84000009

        .macro  call function
        movz    x0, #(\function) >> 16, lsl #16
        movk    x0, #(\function) & 0xffff
        smc     #0
        .endm

        .macro  set register, value
        ldr     w1, =\value
        str     w1, [x20, #\register]
        .endm

        .text
        .globl  _start
_start:
        mov     x19, #UART
        mov     w1, #0x70               // 8 bits, FIFOs
        str     w1, [x19, #LCR_H]
        mov     w1, #0x301              // transmitter, receiver, on
        str     w1, [x19, #CR]
        mov     w1, #'?'
        str     w1, [x19, #DR]
1:      ldr     w1, [x19, #FR]
        tbnz    w1, #4, 1b
        ldr     w23, [x19, #DR]

        adr     x21, red
        mov     x22, x21
        cmp     w23, #'o'
        b.eq    off
        cmp     w23, #'g'
        b.ne    2f
        adr     x21, green
        mov     x22, x21
2:      cmp     w23, #'t'
        b.ne    3f
        adr     x22, colours
3:      bl      show
        cmp     w23, #'r'
        b.ne    off
        call    SYSTEM_RESET
off:    call    SYSTEM_OFF

// The picture at x21, then that at x22, each for a frame.
show:
        mov     x20, #LCDIF
        set     CTRL_CLR, 0xc0000000    // out of reset, clock on
        set     TRANSFER_COUNT, (2 << 16 | 4)
        set     VDCTRL0, (1 << 21)      // in lines
        set     VDCTRL1, 3
        set     VDCTRL2, 8
        str     w21, [x20, #CUR_BUF]
        str     w22, [x20, #NEXT_BUF]
        set     CTRL_SET, 0x20321       // RUN, MASTER, 24 bits, DOTCLK_MODE
        mov     w2, #2
4:      ldr     w1, [x20, #CTRL1]
        tbz     w1, #FRAME_DONE, 4b
        set     CTRL1_CLR, (1 << FRAME_DONE)
        subs    w2, w2, #1
        b.ne    4b
        ret

        .ltorg
        .balign 64
red:    .fill   8, 4, 0xff0000
green:  .fill   8, 4, 0x00ff00
colours:
        .word   0xff0000, 0x00ff00, 0x0000ff, 0xffffff
        .word   0x000000, 0x123456, 0x808080, 0xfedcba
