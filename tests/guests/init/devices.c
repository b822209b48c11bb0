/* Tasks about devices: modules, who drives what, the watchdog. */

#include <dirent.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tasks.h"

static const char watchdog_device[] = "/dev/watchdog";

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Calls `visit` with the directory and each name in it, in their order. */
static void for_each(const char *directory, void (*visit)(const char *directory, const char *name))
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, alphasort);

    if (count < 0) {
        complain(directory);
        return;
    }
    for (int i = 0; i < count; i++) {
        visit(directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void insert_module(const char *directory, const char *name)
{
    char path[256];
    int file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = open(path, O_RDONLY);
    if (file < 0 || syscall(SYS_finit_module, file, "", 0))
        complain(name);
    else
        printf("%s: inserted\n", name);
    close(file);
}

void insert_modules(void)
{
    if (access("/modules", F_OK))
        return;
    section("modules");
    for_each("/modules", insert_module);
}

static void print_driver(const char *directory, const char *name)
{
    char path[512], driver[512];
    ssize_t length;

    snprintf(path, sizeof(path), "%s/%s/driver", directory, name);
    length = readlink(path, driver, sizeof(driver) - 1);
    driver[length > 0 ? length : 0] = '\0';
    printf("%s %s\n", name, length > 0 ? strrchr(driver, '/') + 1 : "-");
}

void drivers(const char *none)
{
    (void)none;
    section("drivers");
    for_each("/sys/bus/amba/devices", print_driver);
    for_each("/sys/bus/platform/devices", print_driver);
}

void watchdog(const char *none)
{
    struct watchdog_info info = {0};
    int timeout = 0, left = 0;
    int file = open(watchdog_device, O_WRONLY);

    (void)none;
    section("watchdog");
    if (file < 0) {
        complain(watchdog_device);
        return;
    }
    if (ioctl(file, WDIOC_GETSUPPORT, &info) || ioctl(file, WDIOC_GETTIMEOUT, &timeout) ||
        ioctl(file, WDIOC_KEEPALIVE, 0))
        complain("ioctl");
    printf("identity: %s\noptions: %#x\ntimeout: %d\n", info.identity, info.options, timeout);
    if (!ioctl(file, WDIOC_GETTIMELEFT, &left))
        printf("time left: %d\n", left);
    if (write(file, "V", 1) != 1) /* the letter that lets a close stop it */
        complain("write");
    if (close(file))
        complain("close");
}

void bite(const char *seconds)
{
    int timeout = atoi(seconds);
    int file = open(watchdog_device, O_WRONLY);

    section("bite");
    if (file < 0 || ioctl(file, WDIOC_SETTIMEOUT, &timeout)) {
        complain(watchdog_device);
        return;
    }
    printf("timeout: %d\n", timeout);
    for (;;)
        pause();
}
