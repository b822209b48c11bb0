/* Tasks that keep the processor busy and say for how long; the checksums are the same everywhere. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tasks.h"

enum { NUMBERS = 1 << 16, SIDE = 96, BUFFER = 1 << 20 };

static uint32_t numbers[NUMBERS];
static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];
static uint8_t buffer[BUFFER];
static uint32_t crc_table[256];

uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

static uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value) : : "memory");
    return value;
}

static uint64_t counter_frequency(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

/* A linear congruential generator; its upper half is the random part. */
static uint32_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 32;
}

static void make_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;

        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
        crc_table[i] = value;
    }
}

uint32_t crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    if (!crc_table[1])
        make_crc_table();
    for (crc = ~crc; size--; bytes++)
        crc = crc >> 8 ^ crc_table[(crc ^ *bytes) & 0xff];
    return ~crc;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t sort_round(uint32_t crc, uint64_t seed)
{
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = next(&seed);
    qsort(numbers, NUMBERS, sizeof(*numbers), compare);
    return crc32(crc, numbers, sizeof(numbers));
}

/* Entries below 1024, so that a double holds every sum exactly. */
static uint32_t matrix_round(uint32_t crc, uint64_t seed)
{
    for (int i = 0; i < SIDE * SIDE; i++) {
        left[0][i] = next(&seed) % 1024;
        right[0][i] = next(&seed) % 1024;
    }
    memset(product, 0, sizeof(product));
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++)
            for (int j = 0; j < SIDE; j++)
                product[i][j] += left[i][k] * right[k][j];
    return crc32(crc, product, sizeof(product));
}

static uint32_t crc_round(uint32_t crc, uint64_t seed)
{
    memset(buffer, seed & 0xff, sizeof(buffer));
    return crc32(crc, buffer, sizeof(buffer));
}

static void print_result(const char *name, uint32_t (*round)(uint32_t, uint64_t), long rounds)
{
    uint32_t crc = 0;

    for (long i = 0; i < rounds; i++)
        crc = round(crc, i);
    printf("%s: %08" PRIx32 "\n", name, crc);
}

void work(const char *rounds)
{
    long count = atol(rounds);
    uint64_t start, ticks, frequency = counter_frequency();

    section("work");
    start = now();
    ticks = counter();
    print_result("sort", sort_round, count);
    print_result("matrix", matrix_round, count);
    print_result("crc", crc_round, count);
    ticks = counter() - ticks;
    printf("clock: %" PRIu64 " ns\n", now() - start);
    printf("counter: %" PRIu64 " ticks of %" PRIu64 " Hz\n", ticks, frequency);
}

void system_calls(const char *count)
{
    long calls = atol(count), zeros = 0;
    uint64_t start;

    section("system calls");
    start = now();
    for (long i = 0; i < calls; i++)
        zeros += syscall(SYS_getppid) == 0;
    printf("clock: %" PRIu64 " ns\n", now() - start);
    printf("parent 0: %ld\n", zeros);
}
