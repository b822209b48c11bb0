/* Who owns each frame buffer: camera, processor (when it copies) or display. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#define FLAG_COPY 1UL /* show a copy that the processor made, not the camera's own buffer */

struct request {
    unsigned width, height, frames; /* pixels, lines, frames to produce */
    bool copy;
};

/* Lay out and map the buffers, set up camera and display, start the camera. */
void pipeline_start(const struct request *request);

/* Interrupts of the two engines. */
void pipeline_camera_irq(void);
void pipeline_display_irq(void);

/* With interrupts masked: copy a frame if one waits (interrupts on meanwhile); false if none does. */
bool pipeline_work(void);

/* Every frame was produced and scanned out in full. */
bool pipeline_finished(void);

/* Stop the display and print the counts. */
void pipeline_stop(void);

#endif
