/* Generated from the register table "camera"; do not edit.
 * Source: this table
 */
#ifndef CAMERA_REGS_H
#define CAMERA_REGS_H

#define CAMERA_SPAN                        0x1000 /* bytes of address space */
#define CAMERA_ID                          0x000 /* ro: Identification, the letters CAM1 */
#define CAMERA_CTRL                        0x004 /* rw: Control */
#define CAMERA_CTRL_ENABLE_SHIFT           0 /* stream; clearing it stops after the frame in flight */
#define CAMERA_CTRL_ENABLE_MASK            0x00000001
#define CAMERA_CTRL_RESET_SHIFT            31 /* write one: back to reset values, the frame in flight is dropped */
#define CAMERA_CTRL_RESET_MASK             0x80000000
#define CAMERA_STATUS                      0x008 /* ro: Status */
#define CAMERA_STATUS_BUSY_SHIFT           0 /* a frame is in flight */
#define CAMERA_STATUS_BUSY_MASK            0x00000001
#define CAMERA_STATUS_QUEUED_SHIFT         8 /* buffers in the hardware queue */
#define CAMERA_STATUS_QUEUED_MASK          0x00000f00
#define CAMERA_IRQ_STATUS                  0x00c /* w1c: Interrupt status */
#define CAMERA_IRQ_STATUS_FRAME_DONE_SHIFT 0 /* a frame is complete in memory */
#define CAMERA_IRQ_STATUS_FRAME_DONE_MASK  0x00000001
#define CAMERA_IRQ_STATUS_DMA_ERROR_SHIFT  1 /* a write was aborted; the frame is incomplete */
#define CAMERA_IRQ_STATUS_DMA_ERROR_MASK   0x00000002
#define CAMERA_IRQ_STATUS_OVERRUN_SHIFT    2 /* a frame was lost because no buffer was queued */
#define CAMERA_IRQ_STATUS_OVERRUN_MASK     0x00000004
#define CAMERA_IRQ_ENABLE                  0x010 /* rw: Interrupt enable; the line is STATUS AND ENABLE */
#define CAMERA_IRQ_ENABLE_FRAME_DONE_SHIFT 0 /* a frame is complete in memory */
#define CAMERA_IRQ_ENABLE_FRAME_DONE_MASK  0x00000001
#define CAMERA_IRQ_ENABLE_DMA_ERROR_SHIFT  1 /* a write was aborted; the frame is incomplete */
#define CAMERA_IRQ_ENABLE_DMA_ERROR_MASK   0x00000002
#define CAMERA_IRQ_ENABLE_OVERRUN_SHIFT    2 /* a frame was lost because no buffer was queued */
#define CAMERA_IRQ_ENABLE_OVERRUN_MASK     0x00000004
#define CAMERA_FORMAT                      0x014 /* rw: Pixel format */
#define CAMERA_FORMAT_CODE_SHIFT           0 /* 0 XRGB8888, 1 NV12 (Y plane, then interleaved CbCr at half size) */
#define CAMERA_FORMAT_CODE_MASK            0x0000000f
#define CAMERA_SIZE                        0x018 /* rw: Frame size in pixels */
#define CAMERA_SIZE_WIDTH_SHIFT            0 /* 1 to 8192, a multiple of 2 for NV12 */
#define CAMERA_SIZE_WIDTH_MASK             0x0000ffff
#define CAMERA_SIZE_HEIGHT_SHIFT           16 /* 1 to 8192, a multiple of 2 for NV12 */
#define CAMERA_SIZE_HEIGHT_MASK            0xffff0000
#define CAMERA_PATTERN                     0x01c /* rw: Test pattern */
#define CAMERA_PATTERN_CODE_SHIFT          0 /* 0 bars, 1 gradient, 2 checker */
#define CAMERA_PATTERN_CODE_MASK           0x0000000f
#define CAMERA_STRIDE                      0x020 /* rw: Bytes from line to line of the first plane */
#define CAMERA_STRIDE_UV                   0x024 /* rw: Bytes from line to line of the CbCr plane (NV12) */
#define CAMERA_BUF_ADDR                    0x028 /* rw: IOVA of the buffer to queue next */
#define CAMERA_BUF_ADDR_UV                 0x02c /* rw: IOVA of its CbCr plane (NV12) */
#define CAMERA_QUEUE                       0x030 /* wo: Write one: put BUF_ADDR and BUF_ADDR_UV into the hardware queue (ignored when it is full) */
#define CAMERA_QUEUE_PUSH_SHIFT            0
#define CAMERA_QUEUE_PUSH_MASK             0x00000001
#define CAMERA_FRAME_PERIOD                0x034 /* rw: Nanoseconds from frame start to frame start */
#define CAMERA_FRAME_COUNT                 0x038 /* ro: Complete frames since reset; the number burnt into the next frame */
#define CAMERA_DONE_ADDR                   0x03c /* ro: IOVA of the buffer completed last */

#endif /* CAMERA_REGS_H */
