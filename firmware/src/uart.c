/* The console. Source: Arm DDI 0183. */
#include "uart.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "cpu.h"
#include "mmio.h"
#include "regs/pl011.h"

#define BAUD 115200
#define DIVISOR ((UART_CLOCK_HZ * 4 + BAUD / 2) / BAUD) /* clock / (16 * baud) in 64ths, rounded */
#define WLEN_8 3

void uart_init(void)
{
    write32(UART_BASE + PL011_UARTCR, 0);
    write32(UART_BASE + PL011_UARTIMSC, 0);
    write32(UART_BASE + PL011_UARTIBRD, FIELD(PL011_UARTIBRD_DIVINT, DIVISOR >> 6));
    write32(UART_BASE + PL011_UARTFBRD, FIELD(PL011_UARTFBRD_DIVFRAC, DIVISOR));
    write32(UART_BASE + PL011_UARTLCR_H, FIELD(PL011_UARTLCR_H_WLEN, WLEN_8) | PL011_UARTLCR_H_FEN_MASK);
    write32(UART_BASE + PL011_UARTCR, PL011_UARTCR_UARTEN_MASK | PL011_UARTCR_TXE_MASK);
}

static void put(char character)
{
    while (read32(UART_BASE + PL011_UARTFR) & PL011_UARTFR_TXFF_MASK)
        ;
    write32(UART_BASE + PL011_UARTDR, (unsigned char)character);
}

static void put_string(const char *string)
{
    while (*string)
        put(*string++);
}

static void put_number(uint64_t number, unsigned base)
{
    char digits[20]; /* as many as 2^64 has in decimal */
    unsigned count = 0;

    do
        digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    while (count)
        put(digits[--count]);
}

static void print_list(const char *format, va_list *arguments)
{
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        bool wide = *++format == 'l';
        if (wide)
            format++;
        if (*format == 's')
            put_string(va_arg(*arguments, const char *));
        else
            put_number(wide ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                       *format == 'x' ? 16 : 10);
    }
}

void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_list(format, &arguments);
    va_end(arguments);
}

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;

    put_string("error: ");
    va_start(arguments, format);
    print_list(format, &arguments);
    va_end(arguments);
    power_off();
}
