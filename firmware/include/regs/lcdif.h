/* Generated from the register table "lcdif"; do not edit.
 * Source: i.MX 6SoloX and i.MX 8M Mini Applications Processor Reference Manuals, chapter eLCDIF
 */
#ifndef LCDIF_REGS_H
#define LCDIF_REGS_H

#define LCDIF_SPAN                                  0x10000 /* bytes of address space */
#define LCDIF_CTRL                                  0x0000 /* rw: General control */
#define LCDIF_CTRL_RUN_SHIFT                        0 /* transfer frames */
#define LCDIF_CTRL_RUN_MASK                         0x00000001
#define LCDIF_CTRL_DATA_FORMAT_24_BIT_SHIFT         1
#define LCDIF_CTRL_DATA_FORMAT_24_BIT_MASK          0x00000002
#define LCDIF_CTRL_DATA_FORMAT_18_BIT_SHIFT         2
#define LCDIF_CTRL_DATA_FORMAT_18_BIT_MASK          0x00000004
#define LCDIF_CTRL_DATA_FORMAT_16_BIT_SHIFT         3
#define LCDIF_CTRL_DATA_FORMAT_16_BIT_MASK          0x00000008
#define LCDIF_CTRL_MASTER_SHIFT                     5 /* fetch by DMA */
#define LCDIF_CTRL_MASTER_MASK                      0x00000020
#define LCDIF_CTRL_WORD_LENGTH_SHIFT                8 /* 0: 16 bits, 1: 8, 2: 18, 3: 24 bits a pixel */
#define LCDIF_CTRL_WORD_LENGTH_MASK                 0x00000300
#define LCDIF_CTRL_LCD_DATABUS_WIDTH_SHIFT          10 /* 0: 16, 1: 8, 2: 18, 3: 24 wires */
#define LCDIF_CTRL_LCD_DATABUS_WIDTH_MASK           0x00000c00
#define LCDIF_CTRL_DATA_SELECT_SHIFT                16
#define LCDIF_CTRL_DATA_SELECT_MASK                 0x00010000
#define LCDIF_CTRL_DOTCLK_MODE_SHIFT                17 /* RGB interface with continuous refresh; cleared, RUN drops with the frame */
#define LCDIF_CTRL_DOTCLK_MODE_MASK                 0x00020000
#define LCDIF_CTRL_VSYNC_MODE_SHIFT                 18
#define LCDIF_CTRL_VSYNC_MODE_MASK                  0x00040000
#define LCDIF_CTRL_BYPASS_COUNT_SHIFT               19 /* frame after frame, one in DOTCLK mode */
#define LCDIF_CTRL_BYPASS_COUNT_MASK                0x00080000
#define LCDIF_CTRL_CLKGATE_SHIFT                    30 /* stop the clock of the block */
#define LCDIF_CTRL_CLKGATE_MASK                     0x40000000
#define LCDIF_CTRL_SFTRST_SHIFT                     31 /* registers back to their reset values, and the clock off */
#define LCDIF_CTRL_SFTRST_MASK                      0x80000000
#define LCDIF_CTRL_SET                              0x0004 /* wo: SET alias of CTRL */
#define LCDIF_CTRL_CLR                              0x0008 /* wo: CLR alias of CTRL */
#define LCDIF_CTRL_TOG                              0x000c /* wo: TOG alias of CTRL */
#define LCDIF_CTRL1                                 0x0010 /* rw: General control 1 */
#define LCDIF_CTRL1_RESET_SHIFT                     0 /* reset pin of the panel; SFTRST leaves it alone */
#define LCDIF_CTRL1_RESET_MASK                      0x00000001
#define LCDIF_CTRL1_VSYNC_EDGE_IRQ_SHIFT            8
#define LCDIF_CTRL1_VSYNC_EDGE_IRQ_MASK             0x00000100
#define LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_SHIFT        9
#define LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_MASK         0x00000200
#define LCDIF_CTRL1_UNDERFLOW_IRQ_SHIFT             10
#define LCDIF_CTRL1_UNDERFLOW_IRQ_MASK              0x00000400
#define LCDIF_CTRL1_OVERFLOW_IRQ_SHIFT              11
#define LCDIF_CTRL1_OVERFLOW_IRQ_MASK               0x00000800
#define LCDIF_CTRL1_VSYNC_EDGE_IRQ_EN_SHIFT         12
#define LCDIF_CTRL1_VSYNC_EDGE_IRQ_EN_MASK          0x00001000
#define LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_EN_SHIFT     13
#define LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_EN_MASK      0x00002000
#define LCDIF_CTRL1_UNDERFLOW_IRQ_EN_SHIFT          14
#define LCDIF_CTRL1_UNDERFLOW_IRQ_EN_MASK           0x00004000
#define LCDIF_CTRL1_OVERFLOW_IRQ_EN_SHIFT           15
#define LCDIF_CTRL1_OVERFLOW_IRQ_EN_MASK            0x00008000
#define LCDIF_CTRL1_BYTE_PACKING_FORMAT_SHIFT       16 /* which bytes of each word are data */
#define LCDIF_CTRL1_BYTE_PACKING_FORMAT_MASK        0x000f0000
#define LCDIF_CTRL1_FIFO_CLEAR_SHIFT                21
#define LCDIF_CTRL1_FIFO_CLEAR_MASK                 0x00200000
#define LCDIF_CTRL1_RECOVER_ON_UNDERFLOW_SHIFT      24
#define LCDIF_CTRL1_RECOVER_ON_UNDERFLOW_MASK       0x01000000
#define LCDIF_CTRL1_SET                             0x0014 /* wo: SET alias of CTRL1 */
#define LCDIF_CTRL1_CLR                             0x0018 /* wo: CLR alias of CTRL1 */
#define LCDIF_CTRL1_TOG                             0x001c /* wo: TOG alias of CTRL1 */
#define LCDIF_CTRL2                                 0x0020 /* rw: General control 2 */
#define LCDIF_CTRL2_EVEN_LINE_PATTERN_SHIFT         12 /* the same in lines 2, 4, 6 ... */
#define LCDIF_CTRL2_EVEN_LINE_PATTERN_MASK          0x00007000
#define LCDIF_CTRL2_ODD_LINE_PATTERN_SHIFT          16 /* order of the colours in lines 1, 3, 5 ...; 0: RGB */
#define LCDIF_CTRL2_ODD_LINE_PATTERN_MASK           0x00070000
#define LCDIF_CTRL2_BURST_LEN_8_SHIFT               20 /* bursts of 8 words, not 16 */
#define LCDIF_CTRL2_BURST_LEN_8_MASK                0x00100000
#define LCDIF_CTRL2_OUTSTANDING_REQS_SHIFT          21 /* n: up to 2 to the power of n memory requests in flight */
#define LCDIF_CTRL2_OUTSTANDING_REQS_MASK           0x00e00000
#define LCDIF_CTRL2_SET                             0x0024 /* wo: SET alias of CTRL2 */
#define LCDIF_CTRL2_CLR                             0x0028 /* wo: CLR alias of CTRL2 */
#define LCDIF_CTRL2_TOG                             0x002c /* wo: TOG alias of CTRL2 */
#define LCDIF_TRANSFER_COUNT                        0x0030 /* rw: Active picture */
#define LCDIF_TRANSFER_COUNT_H_COUNT_SHIFT          0 /* pixels a line */
#define LCDIF_TRANSFER_COUNT_H_COUNT_MASK           0x0000ffff
#define LCDIF_TRANSFER_COUNT_V_COUNT_SHIFT          16 /* lines a frame */
#define LCDIF_TRANSFER_COUNT_V_COUNT_MASK           0xffff0000
#define LCDIF_CUR_BUF                               0x0040 /* rw: Bus address of the frame being transferred */
#define LCDIF_NEXT_BUF                              0x0050 /* rw: Bus address of the next frame, taken when the present one is done */
#define LCDIF_TIMING                                0x0060 /* rw: System interface timing */
#define LCDIF_VDCTRL0                               0x0070 /* rw: VSYNC mode and dotclk control 0 */
#define LCDIF_VDCTRL0_VSYNC_PULSE_WIDTH_SHIFT       0
#define LCDIF_VDCTRL0_VSYNC_PULSE_WIDTH_MASK        0x0003ffff
#define LCDIF_VDCTRL0_HALF_LINE_SHIFT               19 /* half a line more in each frame */
#define LCDIF_VDCTRL0_HALF_LINE_MASK                0x00080000
#define LCDIF_VDCTRL0_VSYNC_PULSE_WIDTH_UNIT_SHIFT  20 /* 0: pixel clocks, 1: lines */
#define LCDIF_VDCTRL0_VSYNC_PULSE_WIDTH_UNIT_MASK   0x00100000
#define LCDIF_VDCTRL0_VSYNC_PERIOD_UNIT_SHIFT       21 /* 0: pixel clocks, 1: lines */
#define LCDIF_VDCTRL0_VSYNC_PERIOD_UNIT_MASK        0x00200000
#define LCDIF_VDCTRL0_ENABLE_POL_SHIFT              24 /* 1: high while data is valid */
#define LCDIF_VDCTRL0_ENABLE_POL_MASK               0x01000000
#define LCDIF_VDCTRL0_DOTCLK_POL_SHIFT              25 /* 1: data changes at the rising edge */
#define LCDIF_VDCTRL0_DOTCLK_POL_MASK               0x02000000
#define LCDIF_VDCTRL0_HSYNC_POL_SHIFT               26 /* 1: the pulse is high */
#define LCDIF_VDCTRL0_HSYNC_POL_MASK                0x04000000
#define LCDIF_VDCTRL0_VSYNC_POL_SHIFT               27 /* 1: the pulse is high */
#define LCDIF_VDCTRL0_VSYNC_POL_MASK                0x08000000
#define LCDIF_VDCTRL0_ENABLE_PRESENT_SHIFT          28 /* drive ENABLE beside the sync signals */
#define LCDIF_VDCTRL0_ENABLE_PRESENT_MASK           0x10000000
#define LCDIF_VDCTRL0_VSYNC_OEB_SHIFT               29 /* VSYNC comes from outside */
#define LCDIF_VDCTRL0_VSYNC_OEB_MASK                0x20000000
#define LCDIF_VDCTRL0_SET                           0x0074 /* wo: SET alias of VDCTRL0 */
#define LCDIF_VDCTRL0_CLR                           0x0078 /* wo: CLR alias of VDCTRL0 */
#define LCDIF_VDCTRL0_TOG                           0x007c /* wo: TOG alias of VDCTRL0 */
#define LCDIF_VDCTRL1                               0x0080 /* rw: A frame in all, in the units of VDCTRL0.VSYNC_PERIOD_UNIT */
#define LCDIF_VDCTRL1_VSYNC_PERIOD_SHIFT            0
#define LCDIF_VDCTRL1_VSYNC_PERIOD_MASK             0xffffffff
#define LCDIF_VDCTRL2                               0x0090 /* rw: Horizontal period */
#define LCDIF_VDCTRL2_HSYNC_PERIOD_SHIFT            0 /* pixel clocks a line in all */
#define LCDIF_VDCTRL2_HSYNC_PERIOD_MASK             0x0003ffff
#define LCDIF_VDCTRL2_HSYNC_PULSE_WIDTH_SHIFT       18
#define LCDIF_VDCTRL2_HSYNC_PULSE_WIDTH_MASK        0xfffc0000
#define LCDIF_VDCTRL3                               0x00a0 /* rw: Waits before the active picture */
#define LCDIF_VDCTRL3_VERTICAL_WAIT_CNT_SHIFT       0 /* from the edge of VSYNC, in units of VSYNC_PERIOD */
#define LCDIF_VDCTRL3_VERTICAL_WAIT_CNT_MASK        0x0000ffff
#define LCDIF_VDCTRL3_HORIZONTAL_WAIT_CNT_SHIFT     16 /* pixel clocks from the edge of HSYNC */
#define LCDIF_VDCTRL3_HORIZONTAL_WAIT_CNT_MASK      0x0fff0000
#define LCDIF_VDCTRL3_VSYNC_ONLY_SHIFT              28
#define LCDIF_VDCTRL3_VSYNC_ONLY_MASK               0x10000000
#define LCDIF_VDCTRL3_MUX_SYNC_SIGNALS_SHIFT        29
#define LCDIF_VDCTRL3_MUX_SYNC_SIGNALS_MASK         0x20000000
#define LCDIF_VDCTRL4                               0x00b0 /* rw: Dotclk control 4 */
#define LCDIF_VDCTRL4_DOTCLK_H_VALID_DATA_CNT_SHIFT 0 /* pixel clocks a line with data */
#define LCDIF_VDCTRL4_DOTCLK_H_VALID_DATA_CNT_MASK  0x0003ffff
#define LCDIF_VDCTRL4_SYNC_SIGNALS_ON_SHIFT         18
#define LCDIF_VDCTRL4_SYNC_SIGNALS_ON_MASK          0x00040000
#define LCDIF_VDCTRL4_DOTCLK_DLY_SEL_SHIFT          29
#define LCDIF_VDCTRL4_DOTCLK_DLY_SEL_MASK           0xe0000000
#define LCDIF_DATA                                  0x0180 /* rw: Data by programmed I/O */
#define LCDIF_BM_ERROR_STAT                         0x0190 /* rw: Bus address of the last DMA error */
#define LCDIF_CRC_STAT                              0x01a0 /* ro: CRC of the last frame */
#define LCDIF_STAT                                  0x01b0 /* ro: Status */
#define LCDIF_STAT_LFIFO_COUNT_SHIFT                0
#define LCDIF_STAT_LFIFO_COUNT_MASK                 0x000001ff
#define LCDIF_STAT_TXFIFO_EMPTY_SHIFT               26
#define LCDIF_STAT_TXFIFO_EMPTY_MASK                0x04000000
#define LCDIF_STAT_TXFIFO_FULL_SHIFT                27
#define LCDIF_STAT_TXFIFO_FULL_MASK                 0x08000000
#define LCDIF_STAT_LFIFO_EMPTY_SHIFT                28
#define LCDIF_STAT_LFIFO_EMPTY_MASK                 0x10000000
#define LCDIF_STAT_LFIFO_FULL_SHIFT                 29
#define LCDIF_STAT_LFIFO_FULL_MASK                  0x20000000
#define LCDIF_STAT_DMA_REQ_SHIFT                    30
#define LCDIF_STAT_DMA_REQ_MASK                     0x40000000
#define LCDIF_STAT_PRESENT_SHIFT                    31
#define LCDIF_STAT_PRESENT_MASK                     0x80000000
#define LCDIF_VERSION                               0x01c0 /* ro: Version 4.1 */
#define LCDIF_THRES                                 0x0200 /* rw: FIFO thresholds */
#define LCDIF_AS_CTRL                               0x0210 /* rw: Alpha surface control */
#define LCDIF_AS_CTRL_AS_ENABLE_SHIFT               0 /* fetch the alpha surface and lay it over the picture */
#define LCDIF_AS_CTRL_AS_ENABLE_MASK                0x00000001
#define LCDIF_AS_CTRL_ALPHA_CTRL_SHIFT              1 /* 0: alpha of each pixel, 1: ALPHA instead, 2: both multiplied, 3: ROP */
#define LCDIF_AS_CTRL_ALPHA_CTRL_MASK               0x00000006
#define LCDIF_AS_CTRL_ENABLE_COLORKEY_SHIFT         3
#define LCDIF_AS_CTRL_ENABLE_COLORKEY_MASK          0x00000008
#define LCDIF_AS_CTRL_FORMAT_SHIFT                  4
#define LCDIF_AS_CTRL_FORMAT_MASK                   0x000000f0
#define LCDIF_AS_CTRL_ALPHA_SHIFT                   8
#define LCDIF_AS_CTRL_ALPHA_MASK                    0x0000ff00
#define LCDIF_AS_CTRL_ROP_SHIFT                     16
#define LCDIF_AS_CTRL_ROP_MASK                      0x000f0000
#define LCDIF_AS_CTRL_ALPHA_INVERT_SHIFT            20
#define LCDIF_AS_CTRL_ALPHA_INVERT_MASK             0x00100000
#define LCDIF_AS_CTRL_INPUT_DATA_SWIZZLE_SHIFT      21
#define LCDIF_AS_CTRL_INPUT_DATA_SWIZZLE_MASK       0x00600000
#define LCDIF_AS_CTRL_PS_DISABLE_SHIFT              23 /* without the picture underneath */
#define LCDIF_AS_CTRL_PS_DISABLE_MASK               0x00800000
#define LCDIF_AS_CTRL_CSI_VSYNC_ENABLE_SHIFT        31 /* frames begin with those of the camera interface */
#define LCDIF_AS_CTRL_CSI_VSYNC_ENABLE_MASK         0x80000000
#define LCDIF_AS_BUF                                0x0220 /* rw: Alpha surface buffer */
#define LCDIF_AS_NEXT_BUF                           0x0230 /* rw: Alpha surface next buffer */
#define LCDIF_AS_CLRKEYLOW                          0x0240 /* rw: Alpha surface colour key low */
#define LCDIF_AS_CLRKEYHIGH                         0x0250 /* rw: Alpha surface colour key high */

#endif /* LCDIF_REGS_H */
