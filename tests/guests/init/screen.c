/* The task that draws on the first frame buffer. */

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fb.h>
#include <linux/kd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tasks.h"

enum { BARS = 8, RAMP = 8, SHADES = 256, GREY = 0x010101, DIAGONAL = 0x808080 };
enum { LOOKS = 50, PAUSE = 20000 };

static const char device[] = "/dev/fb0", terminal[] = "/dev/tty0";

static const uint32_t bars[BARS] = {
    0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000,
};

/* Colour bars; below them, in the last part of RAMP, all shades of grey; a diagonal one pixel thin. */
static uint32_t pixel(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    if (x == y * width / height)
        return DIAGONAL;
    if (y >= height - height / RAMP)
        return x * SHADES / width * GREY;
    return bars[x * BARS / width];
}

/* The display's driver waits for its panel's, whose module may have come a moment ago. */
static int open_when_there(void)
{
    for (int looks = 0; looks < LOOKS && access(device, F_OK); looks++)
        usleep(PAUSE);
    return open(device, O_RDWR);
}

/* The console's cursor would blink over the picture. */
static void stop_console(void)
{
    int file = open(terminal, O_RDWR);

    if (file < 0 || ioctl(file, KDSETMODE, KD_GRAPHICS))
        complain(terminal);
    close(file);
}

static uint32_t fill(uint8_t *memory, const struct fb_var_screeninfo *screen, uint32_t line_length)
{
    uint32_t crc = 0;

    for (uint32_t y = 0; y < screen->yres; y++) {
        uint32_t *line = (uint32_t *)(memory + y * line_length);

        for (uint32_t x = 0; x < screen->xres; x++)
            line[x] = pixel(x, y, screen->xres, screen->yres);
        crc = crc32(crc, line, screen->xres * sizeof(*line));
    }
    return crc;
}

/* The first may be the end of a frame that began before the picture was done. */
static void wait_until_shown(int file)
{
    uint32_t display = 0;

    for (int i = 0; i < 2; i++)
        if (ioctl(file, FBIO_WAITFORVSYNC, &display))
            complain("FBIO_WAITFORVSYNC");
}

void draw(const char *none)
{
    struct fb_fix_screeninfo memory;
    struct fb_var_screeninfo screen;
    void *pixels;
    int file = open_when_there();

    (void)none;
    section("framebuffer");
    if (file < 0 || ioctl(file, FBIOGET_FSCREENINFO, &memory) || ioctl(file, FBIOGET_VSCREENINFO, &screen)) {
        complain(device);
        return;
    }
    printf("name: %s\nresolution: %" PRIu32 "x%" PRIu32 "\n", memory.id, screen.xres, screen.yres);
    printf("bits: %" PRIu32 "\nline: %" PRIu32 " bytes\n", screen.bits_per_pixel, memory.line_length);
    pixels = mmap(NULL, memory.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (pixels == MAP_FAILED || screen.bits_per_pixel != 32 || screen.red.offset != 16) {
        puts("cannot draw: needs memory of XRGB8888 pixels");
        return;
    }
    stop_console();
    printf("checksum: %08" PRIx32 "\n", fill(pixels, &screen, memory.line_length));
    wait_until_shown(file);
    close(file);
}
