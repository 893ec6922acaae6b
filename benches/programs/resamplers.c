/* What speexdsp and soxr cost: seconds of CPU for blocks of 10 ms of noise, one after the other.
 *
 *   resamplers speexdsp|soxr FROM TO BLOCKS
 *
 * The counterpart of resamplers.rs; benches/resamplers.sh builds and runs both. */
#include <soxr.h>
#include <speex/speex_resampler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONGEST = 1024 };

static float input[LONGEST], output[LONGEST];

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* The same noise as the counterpart's. */
static void noise(unsigned frames) {
    unsigned state = 1;
    for (unsigned i = 0; i < frames; i++) {
        state = state * 1664525u + 1013904223u;
        input[i] = (float)(int)state / 2147483648.0f;
    }
}

/* Quality 7: as flat and as late as `high`. */
static double speexdsp(unsigned from, unsigned to, long blocks) {
    int error;
    SpeexResamplerState *speex = speex_resampler_init(1, from, to, 7, &error);
    if (!speex) return -1;
    double start = cpu();
    for (long i = 0; i < blocks; i++) {
        spx_uint32_t in = from / 100, out = LONGEST;
        if (speex_resampler_process_float(speex, 0, input, &in, output, &out)) return -1;
    }
    double took = cpu() - start;
    speex_resampler_destroy(speex);
    return took;
}

static double soxr(unsigned from, unsigned to, long blocks) {
    soxr_error_t error;
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    soxr_t handle = soxr_create(from, to, 1, &error, &io, &quality, NULL);
    if (!handle) return -1;
    double start = cpu();
    for (long i = 0; i < blocks; i++) {
        size_t in, out;
        if (soxr_process(handle, input, from / 100, &in, output, LONGEST, &out)) return -1;
    }
    double took = cpu() - start;
    soxr_delete(handle);
    return took;
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "resamplers speexdsp|soxr FROM TO BLOCKS\n"), 2;
    unsigned from = atoi(argv[2]), to = atoi(argv[3]);
    long blocks = atol(argv[4]);
    if (from > 100 * LONGEST) return 2;
    noise(from / 100);
    double took = strcmp(argv[1], "soxr") ? speexdsp(from, to, blocks) : soxr(from, to, blocks);
    if (took < 0) return fprintf(stderr, "%s failed\n", argv[1]), 1;
    printf("%.9f\n", took);
    return 0;
}
