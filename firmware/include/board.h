/* The rehearsal board as this firmware knows it: configs/boards/rehearsal.yaml, in C. */
#ifndef BOARD_H
#define BOARD_H

#define FIRMWARE_BASE 0x80000000UL
#define FIRMWARE_SIZE 0x00200000UL

#define CARVEOUT_BASE 0xb0000000UL
#define CARVEOUT_SIZE 0x04000000UL

#define SMMU_BASE 0x2b400000UL
#define UART_BASE 0x30860000UL
#define LCDIF_BASE 0x32e00000UL
#define CAMERA_BASE 0x32e20000UL
#define GICD_BASE 0x38801000UL
#define GICC_BASE 0x38802000UL

#define STREAM_LCDIF 0x10
#define STREAM_CAMERA 0x11

/* Shared peripheral interrupts as the device tree counts them; the GIC's ids begin 32 higher. */
#define SPI(n) (32 + (n))
#define IRQ_LCDIF SPI(5)
#define IRQ_CAMERA SPI(16)
#define IRQ_SMMU_EVENT SPI(74)
#define IRQ_SMMU_GERROR SPI(79)

#define UART_CLOCK_HZ 24000000

#endif
