/* The way of a frame: camera, perhaps the processor's copy, display, and back to the camera.
 *
 * A buffer is in exactly one place: in the camera's hardware queue, waiting to be copied, waiting for
 * NEXT_BUF, in NEXT_BUF, or being scanned out. Everything here runs with interrupts masked, except
 * the copy itself.
 */
#include "pipeline.h"

#include "buffers.h"
#include "camera.h"
#include "copy.h"
#include "cpu.h"
#include "lcdif.h"
#include "regs/camera.h"
#include "regs/lcdif.h"
#include "ring.h"
#include "smmu.h"
#include "uart.h"

#define BYTES_PER_PIXEL 4
#define NONE (-1)
#define LOST_LIMIT 8 /* frames lost to aborted writes before giving up */

_Static_assert(CAMERA_BUFFERS <= CAMERA_QUEUE_DEPTH, "the camera takes every free buffer at once");
_Static_assert(CAMERA_BUFFERS < RING_SIZE && DISPLAY_BUFFERS < RING_SIZE, "a ring holds every buffer");

static struct request request;
static size_t frame_bytes;

/* Buffers of the camera. */
static struct ring filling; /* in the hardware queue, in its order */
static struct ring to_copy;

/* Buffers of the display. */
static struct ring free_copies;
static struct ring ready;     /* finished, NEXT_BUF is taken */
static int current = NONE, next = NONE;
static bool current_counted; /* `current` was scanned out in full before */

static unsigned produced, shown, underflows, overruns, lost;

static void give_to_camera(unsigned buffer)
{
    ring_put(&filling, buffer);
    camera_queue(camera_iova(buffer));
}

static void set_next(unsigned buffer)
{
    next = (int)buffer;
    lcdif_flip(display_iova(buffer));
}

static void give_to_display(unsigned buffer)
{
    if (current == NONE) {
        current = (int)buffer;
        lcdif_start(display_iova(buffer));
    } else if (next == NONE) {
        set_next(buffer);
    } else {
        ring_put(&ready, buffer);
    }
}

void pipeline_start(const struct request *wanted)
{
    request = *wanted;
    frame_bytes = (size_t)request.width * BYTES_PER_PIXEL * request.height;
    buffers_init(frame_bytes, request.copy);
    smmu_enable();
    lcdif_init(request.width, request.height);
    camera_init(request.width, request.height, request.width * BYTES_PER_PIXEL);
    for (unsigned i = 0; i < CAMERA_BUFFERS; i++)
        give_to_camera(i);
    if (request.copy)
        for (unsigned i = 0; i < DISPLAY_BUFFERS; i++)
            ring_put(&free_copies, i);
    camera_start();
}

static void frame_done(unsigned buffer)
{
    /* In time: the sensor pauses between the end of a frame and the start of the next. */
    if (++produced == request.frames)
        camera_stop();
    if (request.copy)
        ring_put(&to_copy, buffer);
    else
        give_to_display(buffer);
}

static void frame_lost(unsigned buffer)
{
    print("camera: frame lost, a write was aborted\n");
    if (++lost == LOST_LIMIT)
        fail("camera: %u frames lost\n", lost);
    give_to_camera(buffer);
}

void pipeline_camera_irq(void)
{
    uint32_t events = camera_take_events();
    bool aborted = events & CAMERA_IRQ_STATUS_DMA_ERROR_MASK;

    if (events & CAMERA_IRQ_STATUS_OVERRUN_MASK)
        overruns++;
    if (events & CAMERA_IRQ_STATUS_FRAME_DONE_MASK) {
        unsigned done = camera_index(camera_done());
        unsigned buffer;
        while ((buffer = ring_take(&filling)) != done) {
            frame_lost(buffer);
            aborted = false;
        }
        frame_done(buffer);
    }
    if (aborted)
        frame_lost(ring_take(&filling));
}

/* The display has moved on to `next`: what it showed before goes back to whoever fills it. */
static void flipped(void)
{
    unsigned before = (unsigned)current;

    current = next;
    current_counted = false;
    next = NONE;
    if (!ring_empty(&ready))
        set_next(ring_take(&ready));
    if (request.copy)
        ring_put(&free_copies, before);
    else if (produced < request.frames)
        give_to_camera(before);
}

void pipeline_display_irq(void)
{
    uint32_t interrupts = lcdif_pending();
    /* Before the acknowledgement: a frame that ends after this read raises the interrupt again. */
    bool flip = next != NONE && lcdif_current() == display_iova((unsigned)next);

    lcdif_acknowledge(interrupts);
    if (interrupts & LCDIF_CTRL1_UNDERFLOW_IRQ_MASK)
        underflows++;
    if (!(interrupts & LCDIF_CTRL1_CUR_FRAME_DONE_IRQ_MASK))
        return;
    if (!current_counted) {
        current_counted = true;
        shown++;
    }
    if (flip)
        flipped();
}

bool pipeline_work(void)
{
    if (ring_empty(&to_copy) || ring_empty(&free_copies))
        return false;
    unsigned from = ring_take(&to_copy);
    unsigned to = ring_take(&free_copies);

    irq_unmask();
    copy_frame(display_memory(to), camera_memory(from), frame_bytes);
    irq_mask();
    if (produced < request.frames)
        give_to_camera(from);
    give_to_display(to);
    return true;
}

bool pipeline_finished(void)
{
    return produced == request.frames && shown == request.frames;
}

void pipeline_stop(void)
{
    lcdif_stop();
    if (overruns)
        print("camera: %u frames lost for want of a buffer\n", overruns);
    print("frames: produced %u shown %u underflows %u events %u\n", produced, shown, underflows,
          smmu_events());
}
