/* The console: PL011, 115200 baud, polled. */
#ifndef UART_H
#define UART_H

void uart_init(void);

/* %s %u %x, with the l modifier for 64 bits. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print "error: " and the message, then power off. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
