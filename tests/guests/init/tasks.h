/* What /init can be asked for; each task is given the text after "=" in its word, or "". */

#ifndef TASKS_H
#define TASKS_H

#include <stddef.h>
#include <stdint.h>

/* A headline "== NAME"; what follows belongs to it until the next one. It is out when this returns. */
void section(const char *name);

/* "WHAT: the reason errno has" */
void complain(const char *what);

/* console.c */
void show(const char *path);
void warnings(const char *none);
void echo(const char *none);

/* devices.c */
void insert_modules(void);
void drivers(const char *none);
void watchdog(const char *none);
void bite(const char *seconds);

/* screen.c */
void draw(const char *none);

/* work.c */
void work(const char *rounds);
void system_calls(const char *count);
uint64_t now(void); /* nanoseconds of CLOCK_MONOTONIC */
uint32_t crc32(uint32_t crc, const void *data, size_t size); /* of what `crc` is of, and `data` */

#endif
