/* Generated from the register table "pl011"; do not edit.
 * Source: Arm DDI 0183, PrimeCell UART (PL011) Technical Reference Manual, chapter 3
 */
#ifndef PL011_REGS_H
#define PL011_REGS_H

#define PL011_SPAN                     0x1000 /* bytes of address space */
#define PL011_UARTDR                   0x000 /* rw: Data: read takes a received character, write queues one to transmit */
#define PL011_UARTDR_DATA_SHIFT        0
#define PL011_UARTDR_DATA_MASK         0x000000ff
#define PL011_UARTDR_FE_SHIFT          8 /* framing error of this character */
#define PL011_UARTDR_FE_MASK           0x00000100
#define PL011_UARTDR_PE_SHIFT          9 /* parity error of this character */
#define PL011_UARTDR_PE_MASK           0x00000200
#define PL011_UARTDR_BE_SHIFT          10 /* this character is a break */
#define PL011_UARTDR_BE_MASK           0x00000400
#define PL011_UARTDR_OE_SHIFT          11 /* characters were lost because the receive FIFO was full */
#define PL011_UARTDR_OE_MASK           0x00000800
#define PL011_UARTRSR                  0x004 /* rw: Receive status; a write of any value (UARTECR) clears it */
#define PL011_UARTRSR_FE_SHIFT         0 /* framing error */
#define PL011_UARTRSR_FE_MASK          0x00000001
#define PL011_UARTRSR_PE_SHIFT         1 /* parity error */
#define PL011_UARTRSR_PE_MASK          0x00000002
#define PL011_UARTRSR_BE_SHIFT         2 /* break */
#define PL011_UARTRSR_BE_MASK          0x00000004
#define PL011_UARTRSR_OE_SHIFT         3 /* overrun */
#define PL011_UARTRSR_OE_MASK          0x00000008
#define PL011_UARTFR                   0x018 /* ro: Flags */
#define PL011_UARTFR_CTS_SHIFT         0 /* clear to send */
#define PL011_UARTFR_CTS_MASK          0x00000001
#define PL011_UARTFR_DSR_SHIFT         1 /* data set ready */
#define PL011_UARTFR_DSR_MASK          0x00000002
#define PL011_UARTFR_DCD_SHIFT         2 /* data carrier detect */
#define PL011_UARTFR_DCD_MASK          0x00000004
#define PL011_UARTFR_BUSY_SHIFT        3 /* characters are waiting or being sent */
#define PL011_UARTFR_BUSY_MASK         0x00000008
#define PL011_UARTFR_RXFE_SHIFT        4 /* receive FIFO empty */
#define PL011_UARTFR_RXFE_MASK         0x00000010
#define PL011_UARTFR_TXFF_SHIFT        5 /* transmit FIFO full */
#define PL011_UARTFR_TXFF_MASK         0x00000020
#define PL011_UARTFR_RXFF_SHIFT        6 /* receive FIFO full */
#define PL011_UARTFR_RXFF_MASK         0x00000040
#define PL011_UARTFR_TXFE_SHIFT        7 /* transmit FIFO empty */
#define PL011_UARTFR_TXFE_MASK         0x00000080
#define PL011_UARTFR_RI_SHIFT          8 /* ring indicator */
#define PL011_UARTFR_RI_MASK           0x00000100
#define PL011_UARTILPR                 0x020 /* rw: IrDA low-power divisor */
#define PL011_UARTILPR_ILPDVSR_SHIFT   0
#define PL011_UARTILPR_ILPDVSR_MASK    0x000000ff
#define PL011_UARTIBRD                 0x024 /* rw: Baud rate divisor, integer */
#define PL011_UARTIBRD_DIVINT_SHIFT    0
#define PL011_UARTIBRD_DIVINT_MASK     0x0000ffff
#define PL011_UARTFBRD                 0x028 /* rw: Baud rate divisor, 64ths */
#define PL011_UARTFBRD_DIVFRAC_SHIFT   0
#define PL011_UARTFBRD_DIVFRAC_MASK    0x0000003f
#define PL011_UARTLCR_H                0x02c /* rw: Line control; the write also takes over both divisor registers */
#define PL011_UARTLCR_H_BRK_SHIFT      0 /* send break */
#define PL011_UARTLCR_H_BRK_MASK       0x00000001
#define PL011_UARTLCR_H_PEN_SHIFT      1 /* parity bit */
#define PL011_UARTLCR_H_PEN_MASK       0x00000002
#define PL011_UARTLCR_H_EPS_SHIFT      2 /* even parity */
#define PL011_UARTLCR_H_EPS_MASK       0x00000004
#define PL011_UARTLCR_H_STP2_SHIFT     3 /* two stop bits */
#define PL011_UARTLCR_H_STP2_MASK      0x00000008
#define PL011_UARTLCR_H_FEN_SHIFT      4 /* FIFOs on; off they hold one character */
#define PL011_UARTLCR_H_FEN_MASK       0x00000010
#define PL011_UARTLCR_H_WLEN_SHIFT     5 /* bits a character: 0 5, 1 6, 2 7, 3 8 */
#define PL011_UARTLCR_H_WLEN_MASK      0x00000060
#define PL011_UARTLCR_H_SPS_SHIFT      7 /* stick parity */
#define PL011_UARTLCR_H_SPS_MASK       0x00000080
#define PL011_UARTCR                   0x030 /* rw: Control */
#define PL011_UARTCR_UARTEN_SHIFT      0 /* UART on */
#define PL011_UARTCR_UARTEN_MASK       0x00000001
#define PL011_UARTCR_SIREN_SHIFT       1 /* IrDA on */
#define PL011_UARTCR_SIREN_MASK        0x00000002
#define PL011_UARTCR_SIRLP_SHIFT       2 /* IrDA low power */
#define PL011_UARTCR_SIRLP_MASK        0x00000004
#define PL011_UARTCR_LBE_SHIFT         7 /* loop the transmitter back to the receiver */
#define PL011_UARTCR_LBE_MASK          0x00000080
#define PL011_UARTCR_TXE_SHIFT         8 /* transmitter on */
#define PL011_UARTCR_TXE_MASK          0x00000100
#define PL011_UARTCR_RXE_SHIFT         9 /* receiver on */
#define PL011_UARTCR_RXE_MASK          0x00000200
#define PL011_UARTCR_DTR_SHIFT         10 /* data terminal ready */
#define PL011_UARTCR_DTR_MASK          0x00000400
#define PL011_UARTCR_RTS_SHIFT         11 /* request to send */
#define PL011_UARTCR_RTS_MASK          0x00000800
#define PL011_UARTCR_OUT1_SHIFT        12 /* modem output 1 */
#define PL011_UARTCR_OUT1_MASK         0x00001000
#define PL011_UARTCR_OUT2_SHIFT        13 /* modem output 2 */
#define PL011_UARTCR_OUT2_MASK         0x00002000
#define PL011_UARTCR_RTSEN_SHIFT       14 /* RTS by hardware */
#define PL011_UARTCR_RTSEN_MASK        0x00004000
#define PL011_UARTCR_CTSEN_SHIFT       15 /* CTS by hardware */
#define PL011_UARTCR_CTSEN_MASK        0x00008000
#define PL011_UARTIFLS                 0x034 /* rw: FIFO trigger levels */
#define PL011_UARTIFLS_TXIFLSEL_SHIFT  0 /* 0 1/8, 1 1/4, 2 1/2, 3 3/4, 4 7/8 full */
#define PL011_UARTIFLS_TXIFLSEL_MASK   0x00000007
#define PL011_UARTIFLS_RXIFLSEL_SHIFT  3 /* 0 1/8, 1 1/4, 2 1/2, 3 3/4, 4 7/8 full */
#define PL011_UARTIFLS_RXIFLSEL_MASK   0x00000038
#define PL011_UARTIMSC                 0x038 /* rw: Interrupt mask: one enables */
#define PL011_UARTIMSC_RI_SHIFT        0 /* ring indicator changed */
#define PL011_UARTIMSC_RI_MASK         0x00000001
#define PL011_UARTIMSC_CTS_SHIFT       1 /* clear to send changed */
#define PL011_UARTIMSC_CTS_MASK        0x00000002
#define PL011_UARTIMSC_DCD_SHIFT       2 /* data carrier detect changed */
#define PL011_UARTIMSC_DCD_MASK        0x00000004
#define PL011_UARTIMSC_DSR_SHIFT       3 /* data set ready changed */
#define PL011_UARTIMSC_DSR_MASK        0x00000008
#define PL011_UARTIMSC_RX_SHIFT        4 /* receive FIFO reached its trigger level */
#define PL011_UARTIMSC_RX_MASK         0x00000010
#define PL011_UARTIMSC_TX_SHIFT        5 /* transmit FIFO fell to its trigger level */
#define PL011_UARTIMSC_TX_MASK         0x00000020
#define PL011_UARTIMSC_RT_SHIFT        6 /* receive timeout: data waits and none came for 32 bit periods */
#define PL011_UARTIMSC_RT_MASK         0x00000040
#define PL011_UARTIMSC_FE_SHIFT        7 /* framing error */
#define PL011_UARTIMSC_FE_MASK         0x00000080
#define PL011_UARTIMSC_PE_SHIFT        8 /* parity error */
#define PL011_UARTIMSC_PE_MASK         0x00000100
#define PL011_UARTIMSC_BE_SHIFT        9 /* break */
#define PL011_UARTIMSC_BE_MASK         0x00000200
#define PL011_UARTIMSC_OE_SHIFT        10 /* overrun */
#define PL011_UARTIMSC_OE_MASK         0x00000400
#define PL011_UARTRIS                  0x03c /* ro: Raw interrupt status */
#define PL011_UARTRIS_RI_SHIFT         0 /* ring indicator changed */
#define PL011_UARTRIS_RI_MASK          0x00000001
#define PL011_UARTRIS_CTS_SHIFT        1 /* clear to send changed */
#define PL011_UARTRIS_CTS_MASK         0x00000002
#define PL011_UARTRIS_DCD_SHIFT        2 /* data carrier detect changed */
#define PL011_UARTRIS_DCD_MASK         0x00000004
#define PL011_UARTRIS_DSR_SHIFT        3 /* data set ready changed */
#define PL011_UARTRIS_DSR_MASK         0x00000008
#define PL011_UARTRIS_RX_SHIFT         4 /* receive FIFO reached its trigger level */
#define PL011_UARTRIS_RX_MASK          0x00000010
#define PL011_UARTRIS_TX_SHIFT         5 /* transmit FIFO fell to its trigger level */
#define PL011_UARTRIS_TX_MASK          0x00000020
#define PL011_UARTRIS_RT_SHIFT         6 /* receive timeout: data waits and none came for 32 bit periods */
#define PL011_UARTRIS_RT_MASK          0x00000040
#define PL011_UARTRIS_FE_SHIFT         7 /* framing error */
#define PL011_UARTRIS_FE_MASK          0x00000080
#define PL011_UARTRIS_PE_SHIFT         8 /* parity error */
#define PL011_UARTRIS_PE_MASK          0x00000100
#define PL011_UARTRIS_BE_SHIFT         9 /* break */
#define PL011_UARTRIS_BE_MASK          0x00000200
#define PL011_UARTRIS_OE_SHIFT         10 /* overrun */
#define PL011_UARTRIS_OE_MASK          0x00000400
#define PL011_UARTMIS                  0x040 /* ro: Interrupt status behind the mask */
#define PL011_UARTMIS_RI_SHIFT         0 /* ring indicator changed */
#define PL011_UARTMIS_RI_MASK          0x00000001
#define PL011_UARTMIS_CTS_SHIFT        1 /* clear to send changed */
#define PL011_UARTMIS_CTS_MASK         0x00000002
#define PL011_UARTMIS_DCD_SHIFT        2 /* data carrier detect changed */
#define PL011_UARTMIS_DCD_MASK         0x00000004
#define PL011_UARTMIS_DSR_SHIFT        3 /* data set ready changed */
#define PL011_UARTMIS_DSR_MASK         0x00000008
#define PL011_UARTMIS_RX_SHIFT         4 /* receive FIFO reached its trigger level */
#define PL011_UARTMIS_RX_MASK          0x00000010
#define PL011_UARTMIS_TX_SHIFT         5 /* transmit FIFO fell to its trigger level */
#define PL011_UARTMIS_TX_MASK          0x00000020
#define PL011_UARTMIS_RT_SHIFT         6 /* receive timeout: data waits and none came for 32 bit periods */
#define PL011_UARTMIS_RT_MASK          0x00000040
#define PL011_UARTMIS_FE_SHIFT         7 /* framing error */
#define PL011_UARTMIS_FE_MASK          0x00000080
#define PL011_UARTMIS_PE_SHIFT         8 /* parity error */
#define PL011_UARTMIS_PE_MASK          0x00000100
#define PL011_UARTMIS_BE_SHIFT         9 /* break */
#define PL011_UARTMIS_BE_MASK          0x00000200
#define PL011_UARTMIS_OE_SHIFT         10 /* overrun */
#define PL011_UARTMIS_OE_MASK          0x00000400
#define PL011_UARTICR                  0x044 /* wo: Interrupt clear: one clears */
#define PL011_UARTICR_RI_SHIFT         0 /* ring indicator changed */
#define PL011_UARTICR_RI_MASK          0x00000001
#define PL011_UARTICR_CTS_SHIFT        1 /* clear to send changed */
#define PL011_UARTICR_CTS_MASK         0x00000002
#define PL011_UARTICR_DCD_SHIFT        2 /* data carrier detect changed */
#define PL011_UARTICR_DCD_MASK         0x00000004
#define PL011_UARTICR_DSR_SHIFT        3 /* data set ready changed */
#define PL011_UARTICR_DSR_MASK         0x00000008
#define PL011_UARTICR_RX_SHIFT         4 /* receive FIFO reached its trigger level */
#define PL011_UARTICR_RX_MASK          0x00000010
#define PL011_UARTICR_TX_SHIFT         5 /* transmit FIFO fell to its trigger level */
#define PL011_UARTICR_TX_MASK          0x00000020
#define PL011_UARTICR_RT_SHIFT         6 /* receive timeout: data waits and none came for 32 bit periods */
#define PL011_UARTICR_RT_MASK          0x00000040
#define PL011_UARTICR_FE_SHIFT         7 /* framing error */
#define PL011_UARTICR_FE_MASK          0x00000080
#define PL011_UARTICR_PE_SHIFT         8 /* parity error */
#define PL011_UARTICR_PE_MASK          0x00000100
#define PL011_UARTICR_BE_SHIFT         9 /* break */
#define PL011_UARTICR_BE_MASK          0x00000200
#define PL011_UARTICR_OE_SHIFT         10 /* overrun */
#define PL011_UARTICR_OE_MASK          0x00000400
#define PL011_UARTDMACR                0x048 /* rw: DMA control */
#define PL011_UARTDMACR_RXDMAE_SHIFT   0 /* receive DMA on */
#define PL011_UARTDMACR_RXDMAE_MASK    0x00000001
#define PL011_UARTDMACR_TXDMAE_SHIFT   1 /* transmit DMA on */
#define PL011_UARTDMACR_TXDMAE_MASK    0x00000002
#define PL011_UARTDMACR_DMAONERR_SHIFT 2 /* hold receive DMA on an error */
#define PL011_UARTDMACR_DMAONERR_MASK  0x00000004
#define PL011_UARTTCR                  0x080 /* rw: Test control */
#define PL011_UARTITIP                 0x084 /* rw: Integration test input */
#define PL011_UARTITOP                 0x088 /* rw: Integration test output */
#define PL011_UARTTDR                  0x08c /* rw: Test data */
#define PL011_UARTPERIPHID0            0xfe0 /* ro: Identification */
#define PL011_UARTPERIPHID0_ID_SHIFT   0
#define PL011_UARTPERIPHID0_ID_MASK    0x000000ff
#define PL011_UARTPERIPHID1            0xfe4 /* ro: Identification */
#define PL011_UARTPERIPHID1_ID_SHIFT   0
#define PL011_UARTPERIPHID1_ID_MASK    0x000000ff
#define PL011_UARTPERIPHID2            0xfe8 /* ro: Identification */
#define PL011_UARTPERIPHID2_ID_SHIFT   0
#define PL011_UARTPERIPHID2_ID_MASK    0x000000ff
#define PL011_UARTPERIPHID3            0xfec /* ro: Identification */
#define PL011_UARTPERIPHID3_ID_SHIFT   0
#define PL011_UARTPERIPHID3_ID_MASK    0x000000ff
#define PL011_UARTPCELLID0             0xff0 /* ro: Identification */
#define PL011_UARTPCELLID0_ID_SHIFT    0
#define PL011_UARTPCELLID0_ID_MASK     0x000000ff
#define PL011_UARTPCELLID1             0xff4 /* ro: Identification */
#define PL011_UARTPCELLID1_ID_SHIFT    0
#define PL011_UARTPCELLID1_ID_MASK     0x000000ff
#define PL011_UARTPCELLID2             0xff8 /* ro: Identification */
#define PL011_UARTPCELLID2_ID_SHIFT    0
#define PL011_UARTPCELLID2_ID_MASK     0x000000ff
#define PL011_UARTPCELLID3             0xffc /* ro: Identification */
#define PL011_UARTPCELLID3_ID_SHIFT    0
#define PL011_UARTPCELLID3_ID_MASK     0x000000ff

#endif /* PL011_REGS_H */
