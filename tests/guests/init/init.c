/*
 * /init of the test guest: the words after "--" on the kernel's command line are tasks, done in turn.
 * After the last one the machine is powered off.
 *
 *     show=PATH      a file
 *     drivers        devices of the amba and platform buses, and the driver each is bound to
 *     warnings       the kernel's messages of level warning or worse
 *     echo           a line from the console, in capitals
 *     work=ROUNDS    sort, multiply matrices, CRC-32: checksums and time
 *     syscalls=N     N calls of getppid: time
 *     draw           a test picture on /dev/fb0, shown when this is done
 *     watchdog       what /dev/watchdog says of itself
 *     bite=SECONDS   start the watchdog and let it run out
 *     poweroff reboot panic hang wait      how to end; hang is busy, wait is idle
 *
 * The kernel's own messages stay off the console from the first word to the last, so that they
 * do not mix with ours. Modules in /modules are inserted first, in the order of their names.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "tasks.h"

enum { CONSOLE_OFF = 6, CONSOLE_ON = 7 }; /* syslog(2) */

void section(const char *name)
{
    printf("== %s\n", name);
    tcdrain(STDOUT_FILENO);
}

void complain(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
}

static void end(int how, const char *name)
{
    printf("init: %s\n", name);
    tcdrain(STDOUT_FILENO);
    klogctl(CONSOLE_ON, NULL, 0);
    reboot(how);
    complain("init: reboot");
}

static void power_off(const char *none)
{
    (void)none;
    end(RB_POWER_OFF, "power off");
}

static void restart(const char *none)
{
    (void)none;
    end(RB_AUTOBOOT, "reboot");
}

static void panic(const char *none)
{
    int file = open("/proc/sysrq-trigger", O_WRONLY);

    (void)none;
    puts("init: panic");
    tcdrain(STDOUT_FILENO);
    if (file < 0 || write(file, "c", 1) != 1)
        complain("init: /proc/sysrq-trigger");
}

static void hang(const char *none)
{
    (void)none;
    puts("init: hang");
    for (;;)
        __asm__ volatile("");
}

static void wait_for_ever(const char *none)
{
    (void)none;
    puts("init: wait");
    for (;;)
        pause();
}

static const struct task {
    const char *name;
    void (*run)(const char *argument);
} tasks[] = {
    {"show", show},
    {"drivers", drivers},
    {"warnings", warnings},
    {"echo", echo},
    {"work", work},
    {"syscalls", system_calls},
    {"draw", draw},
    {"watchdog", watchdog},
    {"bite", bite},
    {"poweroff", power_off},
    {"reboot", restart},
    {"panic", panic},
    {"hang", hang},
    {"wait", wait_for_ever},
};

static void perform(const char *word)
{
    size_t length = strcspn(word, "=");
    const char *argument = word + length + (word[length] == '=');

    for (size_t i = 0; i < sizeof(tasks) / sizeof(*tasks); i++) {
        if (strlen(tasks[i].name) == length && !strncmp(tasks[i].name, word, length)) {
            tasks[i].run(argument);
            return;
        }
    }
    printf("init: there is no task %s\n", word);
}

static void mount_at(const char *type, const char *directory)
{
    if (mount(type, directory, type, 0, NULL))
        complain(directory);
}

int main(int count, char **words)
{
    klogctl(CONSOLE_OFF, NULL, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("init: hello from userspace");
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    mount_at("devtmpfs", "/dev");
    insert_modules();
    for (int i = 1; i < count; i++)
        perform(words[i]);
    power_off("");
    return 1;
}
