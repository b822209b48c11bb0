/* Tasks that print what the kernel has to say, and the one that listens. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>

#include "tasks.h"

enum { READ_ALL = 3, SIZE_BUFFER = 10 }; /* syslog(2) */
enum { WARNING = 4, LEVELS = 8 };

void show(const char *path)
{
    FILE *file = fopen(path, "r");
    int last = '\n';

    section(path);
    if (!file) {
        complain(path);
        return;
    }
    for (int c; (c = getc(file)) != EOF; last = c)
        putchar(c);
    if (last != '\n')
        putchar('\n');
    fclose(file);
}

/* A line of the log is "<level + 8 * facility>[time] text". */
static void print_if_warning(const char *line)
{
    char *text;

    if (*line == '<' && strtoul(line + 1, &text, 10) % LEVELS <= WARNING)
        puts(text + 1);
}

void warnings(const char *none)
{
    int size = klogctl(SIZE_BUFFER, NULL, 0);
    char *log = size > 0 ? malloc(size + 1) : NULL;
    int length = log ? klogctl(READ_ALL, log, size) : -1;

    (void)none;
    section("warnings");
    if (length < 0) {
        complain("klogctl");
        return;
    }
    log[length] = '\0';
    for (char *line = log, *stop; *line; line = stop) {
        for (stop = line; *stop && *stop != '\n'; stop++)
            ;
        if (*stop)
            *stop++ = '\0';
        print_if_warning(line);
    }
    free(log);
}

void echo(const char *none)
{
    char line[256];

    (void)none;
    section("echo");
    fputs("say something: ", stdout);
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin)) {
        puts("end of input");
        return;
    }
    for (char *c = line; *c; c++)
        putchar(toupper((unsigned char)*c));
}
