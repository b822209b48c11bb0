/* Generated from the register table "pl330"; do not edit.
 * Source: Arm DDI 0424, CoreLink DMA-330 Technical Reference Manual, chapter 3
 */
#ifndef PL330_REGS_H
#define PL330_REGS_H

#define PL330_SPAN                          0x1000 /* bytes of address space */
#define PL330_DSR                           0x000 /* ro: Status of the manager */
#define PL330_DSR_DMA_STATUS_SHIFT          0 /* state of the thread */
#define PL330_DSR_DMA_STATUS_MASK           0x0000000f
#define PL330_DSR_WAKEUP_EVENT_SHIFT        4 /* the event it waits for */
#define PL330_DSR_WAKEUP_EVENT_MASK         0x000001f0
#define PL330_DSR_DNS_SHIFT                 9 /* the manager is non-secure */
#define PL330_DSR_DNS_MASK                  0x00000200
#define PL330_DPC                           0x004 /* ro: Program counter of the manager */
#define PL330_INTEN                         0x020 /* rw: Bit n: DMASEV n raises interrupt n instead of event n */
#define PL330_INT_EVENT_RIS                 0x024 /* ro: Bit n: event n is pending or interrupt n is raised */
#define PL330_INTMIS                        0x028 /* ro: Bit n: interrupt n is raised */
#define PL330_INTCLR                        0x02c /* wo: Write one to bit n: lower interrupt n */
#define PL330_FSRD                          0x030 /* ro: Manager fault */
#define PL330_FSRD_FS_MGR_SHIFT             0 /* it is faulting */
#define PL330_FSRD_FS_MGR_MASK              0x00000001
#define PL330_FSRC                          0x034 /* ro: Channel faults */
#define PL330_FSRC_FAULT_STATUS_SHIFT       0 /* who is faulting */
#define PL330_FSRC_FAULT_STATUS_MASK        0x000000ff
#define PL330_FTRD                          0x038 /* ro: Why the manager faulted */
#define PL330_FTRD_UNDEF_INSTR_SHIFT        0 /* no such instruction */
#define PL330_FTRD_UNDEF_INSTR_MASK         0x00000001
#define PL330_FTRD_OPERAND_INVALID_SHIFT    1 /* an operand that this configuration does not have */
#define PL330_FTRD_OPERAND_INVALID_MASK     0x00000002
#define PL330_FTRD_DMAGO_ERR_SHIFT          4 /* a non-secure manager wanted to start a secure channel */
#define PL330_FTRD_DMAGO_ERR_MASK           0x00000010
#define PL330_FTRD_MGR_EVNT_ERR_SHIFT       5 /* a non-secure manager touched a secure event */
#define PL330_FTRD_MGR_EVNT_ERR_MASK        0x00000020
#define PL330_FTRD_INSTR_FETCH_ERR_SHIFT    16 /* the instruction could not be read */
#define PL330_FTRD_INSTR_FETCH_ERR_MASK     0x00010000
#define PL330_FTRD_DBG_INSTR_SHIFT          30 /* the instruction came through DBGINST, not from memory */
#define PL330_FTRD_DBG_INSTR_MASK           0x40000000
#define PL330_FTR(n)                        (0x040 + 4 * (n)) /* ro: Why channel n faulted */
#define PL330_FTR_COUNT                     8
#define PL330_FTR_UNDEF_INSTR_SHIFT         0 /* no such instruction */
#define PL330_FTR_UNDEF_INSTR_MASK          0x00000001
#define PL330_FTR_OPERAND_INVALID_SHIFT     1 /* an operand that this configuration does not have */
#define PL330_FTR_OPERAND_INVALID_MASK      0x00000002
#define PL330_FTR_CH_EVNT_ERR_SHIFT         5 /* a non-secure channel touched a secure event */
#define PL330_FTR_CH_EVNT_ERR_MASK          0x00000020
#define PL330_FTR_CH_PERIPH_ERR_SHIFT       6 /* a non-secure channel touched a secure peripheral */
#define PL330_FTR_CH_PERIPH_ERR_MASK        0x00000040
#define PL330_FTR_CH_RDWR_ERR_SHIFT         7 /* a non-secure channel programmed secure transfers */
#define PL330_FTR_CH_RDWR_ERR_MASK          0x00000080
#define PL330_FTR_MFIFO_ERR_SHIFT           12 /* the MFIFO is too small for what the channel holds in it */
#define PL330_FTR_MFIFO_ERR_MASK            0x00001000
#define PL330_FTR_ST_DATA_UNAVAILABLE_SHIFT 13 /* a store of more than was loaded */
#define PL330_FTR_ST_DATA_UNAVAILABLE_MASK  0x00002000
#define PL330_FTR_INSTR_FETCH_ERR_SHIFT     16 /* the instruction could not be read */
#define PL330_FTR_INSTR_FETCH_ERR_MASK      0x00010000
#define PL330_FTR_DATA_WRITE_ERR_SHIFT      17 /* a store was answered by an error */
#define PL330_FTR_DATA_WRITE_ERR_MASK       0x00020000
#define PL330_FTR_DATA_READ_ERR_SHIFT       18 /* a load was answered by an error */
#define PL330_FTR_DATA_READ_ERR_MASK        0x00040000
#define PL330_FTR_DBG_INSTR_SHIFT           30 /* the instruction came through DBGINST, not from memory */
#define PL330_FTR_DBG_INSTR_MASK            0x40000000
#define PL330_FTR_LOCKUP_ERR_SHIFT          31 /* starved of MFIFO space for 1024 cycles */
#define PL330_FTR_LOCKUP_ERR_MASK           0x80000000
#define PL330_CSR0                          0x100 /* ro: Status of channel 0 */
#define PL330_CSR0_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR0_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR0_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR0_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR0_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR0_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR0_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR0_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR0_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR0_CNS_MASK                 0x00200000
#define PL330_CPC0                          0x104 /* ro: Program counter of channel 0 */
#define PL330_CSR1                          0x108 /* ro: Status of channel 1 */
#define PL330_CSR1_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR1_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR1_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR1_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR1_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR1_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR1_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR1_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR1_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR1_CNS_MASK                 0x00200000
#define PL330_CPC1                          0x10c /* ro: Program counter of channel 1 */
#define PL330_CSR2                          0x110 /* ro: Status of channel 2 */
#define PL330_CSR2_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR2_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR2_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR2_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR2_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR2_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR2_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR2_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR2_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR2_CNS_MASK                 0x00200000
#define PL330_CPC2                          0x114 /* ro: Program counter of channel 2 */
#define PL330_CSR3                          0x118 /* ro: Status of channel 3 */
#define PL330_CSR3_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR3_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR3_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR3_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR3_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR3_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR3_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR3_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR3_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR3_CNS_MASK                 0x00200000
#define PL330_CPC3                          0x11c /* ro: Program counter of channel 3 */
#define PL330_CSR4                          0x120 /* ro: Status of channel 4 */
#define PL330_CSR4_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR4_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR4_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR4_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR4_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR4_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR4_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR4_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR4_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR4_CNS_MASK                 0x00200000
#define PL330_CPC4                          0x124 /* ro: Program counter of channel 4 */
#define PL330_CSR5                          0x128 /* ro: Status of channel 5 */
#define PL330_CSR5_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR5_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR5_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR5_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR5_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR5_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR5_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR5_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR5_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR5_CNS_MASK                 0x00200000
#define PL330_CPC5                          0x12c /* ro: Program counter of channel 5 */
#define PL330_CSR6                          0x130 /* ro: Status of channel 6 */
#define PL330_CSR6_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR6_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR6_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR6_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR6_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR6_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR6_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR6_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR6_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR6_CNS_MASK                 0x00200000
#define PL330_CPC6                          0x134 /* ro: Program counter of channel 6 */
#define PL330_CSR7                          0x138 /* ro: Status of channel 7 */
#define PL330_CSR7_CHANNEL_STATUS_SHIFT     0 /* state of the thread */
#define PL330_CSR7_CHANNEL_STATUS_MASK      0x0000000f
#define PL330_CSR7_WAKEUP_NUMBER_SHIFT      4 /* the event or peripheral it waits for */
#define PL330_CSR7_WAKEUP_NUMBER_MASK       0x000001f0
#define PL330_CSR7_DMAWFP_B_NS_SHIFT        14 /* DMAWFP burst */
#define PL330_CSR7_DMAWFP_B_NS_MASK         0x00004000
#define PL330_CSR7_DMAWFP_PERIPH_SHIFT      15 /* DMAWFP periph */
#define PL330_CSR7_DMAWFP_PERIPH_MASK       0x00008000
#define PL330_CSR7_CNS_SHIFT                21 /* the channel is non-secure */
#define PL330_CSR7_CNS_MASK                 0x00200000
#define PL330_CPC7                          0x13c /* ro: Program counter of channel 7 */
#define PL330_SAR0                          0x400 /* ro: Source address of channel 0 */
#define PL330_DAR0                          0x404 /* ro: Destination address of channel 0 */
#define PL330_CCR0                          0x408 /* ro: Transfers of channel 0 */
#define PL330_CCR0_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR0_SRC_INC_MASK             0x00000001
#define PL330_CCR0_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR0_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR0_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR0_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR0_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR0_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR0_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR0_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR0_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR0_DST_INC_MASK             0x00004000
#define PL330_CCR0_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR0_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR0_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR0_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR0_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR0_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR0_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR0_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR0_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR0_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_0                         0x40c /* ro: Loop counter 0 of channel 0 */
#define PL330_LC1_0                         0x410 /* ro: Loop counter 1 of channel 0 */
#define PL330_SAR1                          0x420 /* ro: Source address of channel 1 */
#define PL330_DAR1                          0x424 /* ro: Destination address of channel 1 */
#define PL330_CCR1                          0x428 /* ro: Transfers of channel 1 */
#define PL330_CCR1_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR1_SRC_INC_MASK             0x00000001
#define PL330_CCR1_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR1_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR1_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR1_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR1_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR1_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR1_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR1_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR1_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR1_DST_INC_MASK             0x00004000
#define PL330_CCR1_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR1_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR1_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR1_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR1_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR1_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR1_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR1_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR1_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR1_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_1                         0x42c /* ro: Loop counter 0 of channel 1 */
#define PL330_LC1_1                         0x430 /* ro: Loop counter 1 of channel 1 */
#define PL330_SAR2                          0x440 /* ro: Source address of channel 2 */
#define PL330_DAR2                          0x444 /* ro: Destination address of channel 2 */
#define PL330_CCR2                          0x448 /* ro: Transfers of channel 2 */
#define PL330_CCR2_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR2_SRC_INC_MASK             0x00000001
#define PL330_CCR2_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR2_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR2_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR2_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR2_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR2_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR2_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR2_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR2_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR2_DST_INC_MASK             0x00004000
#define PL330_CCR2_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR2_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR2_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR2_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR2_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR2_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR2_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR2_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR2_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR2_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_2                         0x44c /* ro: Loop counter 0 of channel 2 */
#define PL330_LC1_2                         0x450 /* ro: Loop counter 1 of channel 2 */
#define PL330_SAR3                          0x460 /* ro: Source address of channel 3 */
#define PL330_DAR3                          0x464 /* ro: Destination address of channel 3 */
#define PL330_CCR3                          0x468 /* ro: Transfers of channel 3 */
#define PL330_CCR3_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR3_SRC_INC_MASK             0x00000001
#define PL330_CCR3_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR3_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR3_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR3_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR3_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR3_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR3_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR3_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR3_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR3_DST_INC_MASK             0x00004000
#define PL330_CCR3_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR3_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR3_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR3_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR3_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR3_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR3_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR3_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR3_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR3_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_3                         0x46c /* ro: Loop counter 0 of channel 3 */
#define PL330_LC1_3                         0x470 /* ro: Loop counter 1 of channel 3 */
#define PL330_SAR4                          0x480 /* ro: Source address of channel 4 */
#define PL330_DAR4                          0x484 /* ro: Destination address of channel 4 */
#define PL330_CCR4                          0x488 /* ro: Transfers of channel 4 */
#define PL330_CCR4_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR4_SRC_INC_MASK             0x00000001
#define PL330_CCR4_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR4_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR4_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR4_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR4_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR4_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR4_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR4_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR4_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR4_DST_INC_MASK             0x00004000
#define PL330_CCR4_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR4_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR4_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR4_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR4_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR4_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR4_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR4_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR4_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR4_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_4                         0x48c /* ro: Loop counter 0 of channel 4 */
#define PL330_LC1_4                         0x490 /* ro: Loop counter 1 of channel 4 */
#define PL330_SAR5                          0x4a0 /* ro: Source address of channel 5 */
#define PL330_DAR5                          0x4a4 /* ro: Destination address of channel 5 */
#define PL330_CCR5                          0x4a8 /* ro: Transfers of channel 5 */
#define PL330_CCR5_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR5_SRC_INC_MASK             0x00000001
#define PL330_CCR5_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR5_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR5_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR5_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR5_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR5_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR5_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR5_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR5_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR5_DST_INC_MASK             0x00004000
#define PL330_CCR5_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR5_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR5_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR5_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR5_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR5_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR5_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR5_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR5_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR5_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_5                         0x4ac /* ro: Loop counter 0 of channel 5 */
#define PL330_LC1_5                         0x4b0 /* ro: Loop counter 1 of channel 5 */
#define PL330_SAR6                          0x4c0 /* ro: Source address of channel 6 */
#define PL330_DAR6                          0x4c4 /* ro: Destination address of channel 6 */
#define PL330_CCR6                          0x4c8 /* ro: Transfers of channel 6 */
#define PL330_CCR6_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR6_SRC_INC_MASK             0x00000001
#define PL330_CCR6_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR6_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR6_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR6_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR6_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR6_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR6_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR6_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR6_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR6_DST_INC_MASK             0x00004000
#define PL330_CCR6_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR6_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR6_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR6_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR6_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR6_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR6_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR6_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR6_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR6_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_6                         0x4cc /* ro: Loop counter 0 of channel 6 */
#define PL330_LC1_6                         0x4d0 /* ro: Loop counter 1 of channel 6 */
#define PL330_SAR7                          0x4e0 /* ro: Source address of channel 7 */
#define PL330_DAR7                          0x4e4 /* ro: Destination address of channel 7 */
#define PL330_CCR7                          0x4e8 /* ro: Transfers of channel 7 */
#define PL330_CCR7_SRC_INC_SHIFT            0 /* the address goes up */
#define PL330_CCR7_SRC_INC_MASK             0x00000001
#define PL330_CCR7_SRC_BURST_SIZE_SHIFT     1 /* log2 of the bytes in a beat */
#define PL330_CCR7_SRC_BURST_SIZE_MASK      0x0000000e
#define PL330_CCR7_SRC_BURST_LEN_SHIFT      4 /* beats - 1 */
#define PL330_CCR7_SRC_BURST_LEN_MASK       0x000000f0
#define PL330_CCR7_SRC_PROT_CTRL_SHIFT      8 /* ARPROT; bit 1 non-secure */
#define PL330_CCR7_SRC_PROT_CTRL_MASK       0x00000700
#define PL330_CCR7_SRC_CACHE_CTRL_SHIFT     11 /* ARCACHE[2:0] */
#define PL330_CCR7_SRC_CACHE_CTRL_MASK      0x00003800
#define PL330_CCR7_DST_INC_SHIFT            14 /* the address goes up */
#define PL330_CCR7_DST_INC_MASK             0x00004000
#define PL330_CCR7_DST_BURST_SIZE_SHIFT     15 /* log2 of the bytes in a beat */
#define PL330_CCR7_DST_BURST_SIZE_MASK      0x00038000
#define PL330_CCR7_DST_BURST_LEN_SHIFT      18 /* beats - 1 */
#define PL330_CCR7_DST_BURST_LEN_MASK       0x003c0000
#define PL330_CCR7_DST_PROT_CTRL_SHIFT      22 /* AWPROT; bit 1 non-secure */
#define PL330_CCR7_DST_PROT_CTRL_MASK       0x01c00000
#define PL330_CCR7_DST_CACHE_CTRL_SHIFT     25 /* AWCACHE[3,1:0] */
#define PL330_CCR7_DST_CACHE_CTRL_MASK      0x0e000000
#define PL330_CCR7_ENDIAN_SWAP_SIZE_SHIFT   28 /* bytes swapped in groups of 2 to this */
#define PL330_CCR7_ENDIAN_SWAP_SIZE_MASK    0x70000000
#define PL330_LC0_7                         0x4ec /* ro: Loop counter 0 of channel 7 */
#define PL330_LC1_7                         0x4f0 /* ro: Loop counter 1 of channel 7 */
#define PL330_DBGSTATUS                     0xd00 /* ro: Debug status */
#define PL330_DBGSTATUS_BUSY_SHIFT          0 /* an instruction waits */
#define PL330_DBGSTATUS_BUSY_MASK           0x00000001
#define PL330_DBGCMD                        0xd04 /* wo: Write 0: execute DBGINST */
#define PL330_DBGCMD_DBGCMD_SHIFT           0
#define PL330_DBGCMD_DBGCMD_MASK            0x00000003
#define PL330_DBGINST0                      0xd08 /* wo: Debug instruction, first half */
#define PL330_DBGINST0_DEBUG_THREAD_SHIFT   0 /* 0 the manager, 1 a channel */
#define PL330_DBGINST0_DEBUG_THREAD_MASK    0x00000001
#define PL330_DBGINST0_CHANNEL_NUMBER_SHIFT 8 /* which */
#define PL330_DBGINST0_CHANNEL_NUMBER_MASK  0x00000700
#define PL330_DBGINST0_INSTRUCTION_SHIFT    16 /* bytes 0 and 1 */
#define PL330_DBGINST0_INSTRUCTION_MASK     0xffff0000
#define PL330_DBGINST1                      0xd0c /* wo: Debug instruction, bytes 2 to 5 */
#define PL330_CR0                           0xe00 /* ro: Configuration */
#define PL330_CR0_PERIPH_REQ_SHIFT          0 /* there are peripheral request interfaces */
#define PL330_CR0_PERIPH_REQ_MASK           0x00000001
#define PL330_CR0_BOOT_EN_SHIFT             1 /* the manager starts out of reset */
#define PL330_CR0_BOOT_EN_MASK              0x00000002
#define PL330_CR0_MGR_NS_AT_RST_SHIFT       2 /* the manager is non-secure */
#define PL330_CR0_MGR_NS_AT_RST_MASK        0x00000004
#define PL330_CR0_NUM_CHNLS_SHIFT           4 /* channels - 1 */
#define PL330_CR0_NUM_CHNLS_MASK            0x00000070
#define PL330_CR0_NUM_PERIPH_REQ_SHIFT      12 /* peripheral request interfaces - 1 */
#define PL330_CR0_NUM_PERIPH_REQ_MASK       0x0001f000
#define PL330_CR0_NUM_EVENTS_SHIFT          17 /* events - 1 */
#define PL330_CR0_NUM_EVENTS_MASK           0x003e0000
#define PL330_CR1                           0xe04 /* ro: Instruction cache */
#define PL330_CR1_I_CACHE_LEN_SHIFT         0 /* log2 of a line's bytes */
#define PL330_CR1_I_CACHE_LEN_MASK          0x00000007
#define PL330_CR1_NUM_I_CACHE_LINES_SHIFT   4 /* - 1 */
#define PL330_CR1_NUM_I_CACHE_LINES_MASK    0x000000f0
#define PL330_CR2                           0xe08 /* ro: Boot address */
#define PL330_CR3                           0xe0c /* ro: Bit n: event n is non-secure */
#define PL330_CR4                           0xe10 /* ro: Bit n: peripheral n is non-secure */
#define PL330_CRD                           0xe14 /* ro: Data path */
#define PL330_CRD_DATA_WIDTH_SHIFT          0 /* log2 of the bus width in bytes */
#define PL330_CRD_DATA_WIDTH_MASK           0x00000007
#define PL330_CRD_WR_CAP_SHIFT              4 /* writes in flight - 1 */
#define PL330_CRD_WR_CAP_MASK               0x00000070
#define PL330_CRD_WR_Q_DEP_SHIFT            8 /* write queue lines - 1 */
#define PL330_CRD_WR_Q_DEP_MASK             0x00000f00
#define PL330_CRD_RD_CAP_SHIFT              12 /* reads in flight - 1 */
#define PL330_CRD_RD_CAP_MASK               0x00007000
#define PL330_CRD_RD_Q_DEP_SHIFT            16 /* read queue lines - 1 */
#define PL330_CRD_RD_Q_DEP_MASK             0x000f0000
#define PL330_CRD_DATA_BUFFER_DEP_SHIFT     20 /* MFIFO lines - 1 */
#define PL330_CRD_DATA_BUFFER_DEP_MASK      0x3ff00000
#define PL330_WD                            0xe80 /* rw: Watchdog */
#define PL330_WD_WD_IRQ_ONLY_SHIFT          0 /* a lock-up raises irq_abort and aborts nobody */
#define PL330_WD_WD_IRQ_ONLY_MASK           0x00000001
#define PL330_PERIPH_ID_0                   0xfe0 /* ro: periph_id byte 0 */
#define PL330_PERIPH_ID_1                   0xfe4 /* ro: periph_id byte 1 */
#define PL330_PERIPH_ID_2                   0xfe8 /* ro: periph_id byte 2 */
#define PL330_PERIPH_ID_3                   0xfec /* ro: periph_id byte 3 */
#define PL330_PCELL_ID_0                    0xff0 /* ro: pcell_id byte 0 */
#define PL330_PCELL_ID_1                    0xff4 /* ro: pcell_id byte 1 */
#define PL330_PCELL_ID_2                    0xff8 /* ro: pcell_id byte 2 */
#define PL330_PCELL_ID_3                    0xffc /* ro: pcell_id byte 3 */

#endif /* PL330_REGS_H */
