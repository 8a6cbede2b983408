/* What surrounds the interpreter on a microcontroller: pixels in, probabilities out.
 *
 *   autoarch export RUN --format c-array --output firmware/
 *   cc -Ifirmware main.c firmware/model.c -o main && ./main
 */
#include <stdint.h>
#include <stdio.h>

#include "model.h"

static int8_t quantise(uint8_t pixel) { return (int8_t)(pixel - MODEL_PIXEL_OFFSET); }

static float probability(int8_t value) {
    return (float)(value - MODEL_OUTPUT_ZERO_POINT) * MODEL_OUTPUT_SCALE;
}

int main(void) {
    printf("%d bytes, identifier %.4s\n", MODEL_LENGTH, (const char *)model_data + 4);
    printf("input %d x %d x %d: ", MODEL_HEIGHT, MODEL_WIDTH, MODEL_CHANNELS);
    printf("pixels 0, 128, 255 are %d, %d, %d\n", quantise(0), quantise(128), quantise(255));

    /* On the board the interpreter fills this array from the quantised pixels; see README.md. */
    int8_t output[MODEL_CLASSES] = {0};
    for (int i = 0; i < MODEL_CLASSES; i++)
        printf("%s: probability %.3f\n", model_labels[i], (double)probability(output[i]));
    return 0;
}
