// LADSPA effects for tests, against the specification: nothing of this project is included. `cc -shared -fPIC`

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int bits; float lower, upper; } hint_t;

typedef struct descriptor {
  unsigned long id;
  const char *label;
  int properties;
  const char *name, *maker, *copyright;
  unsigned long port_count;
  const int *ports;
  const char *const *port_names;
  const hint_t *hints;
  void *data;
  void *(*instantiate)(const struct descriptor *, unsigned long);
  void (*connect_port)(void *, unsigned long, float *);
  void (*activate)(void *);
  void (*run)(void *, unsigned long);
  void (*run_adding)(void *, unsigned long);
  void (*set_run_adding_gain)(void *, float);
  void (*deactivate)(void *);
  void (*cleanup)(void *);
} descriptor_t;

enum { INPUT = 1, OUTPUT = 2, CONTROL = 4, AUDIO = 8 };
enum { BELOW = 1, ABOVE = 2, RATE = 8, INTEGER = 0x20, MINIMUM = 0x40, ONE = 0x240 };

// How often each call came, for the tests to read.
int made, activated, deactivated, cleaned;

// `late` is late by so many frames.
#define LATE 64

typedef struct {
  float *ports[6];
  unsigned long hz;
  float before[LATE];
  int active;
} instance_t;

static void *instantiate(const descriptor_t *effect, unsigned long hz) {
  if (strcmp(effect->label, "refuses") == 0) return NULL;
  instance_t *it = calloc(1, sizeof *it);
  it->hz = hz;
  made++;
  return it;
}

static void connect_port(void *at, unsigned long port, float *place) { ((instance_t *)at)->ports[port] = place; }

static void activate(void *at) { ((instance_t *)at)->active = 1, activated++; }
static void deactivate(void *at) { ((instance_t *)at)->active = 0, deactivated++; }
static void cleanup(void *at) { free(at), cleaned++; }

static const int mono[] = {INPUT | AUDIO, OUTPUT | AUDIO, INPUT | CONTROL, INPUT | CONTROL, OUTPUT | CONTROL};

// in, out, Gain, Poles, Loudest
static void run_louder(void *at, unsigned long frames) {
  instance_t *it = at;
  for (unsigned long i = 0; i < frames; i++) {
    // Without `activate` nothing is heard.
    it->ports[1][i] = it->active * *it->ports[2] * it->ports[0][i];
  }
  *it->ports[4] = (float)frames;
}

static const char *const louder_names[] = {"In", "Out", "Gain", "Poles", "Frames"};
static const hint_t louder_hints[] = {
    {0}, {0}, {BELOW | ABOVE | ONE, -10, 10}, {BELOW | ABOVE | INTEGER | MINIMUM, 2, 8}, {0}};

// in, out, Cutoff, unused, latency
static void run_late(void *at, unsigned long frames) {
  instance_t *it = at;
  for (unsigned long i = 0; i < frames; i++) {
    float heard = it->ports[0][i];
    it->ports[1][i] = it->before[i % LATE];
    it->before[i % LATE] = heard;
  }
  *it->ports[4] = LATE;
}

static const char *const late_names[] = {"In", "Out", " Cutoff ", "Unused", "_Latency"};
static const hint_t late_hints[] = {{0}, {0}, {BELOW | ABOVE | RATE | MINIMUM, 0.001f, 0.4f}, {0}, {0}};

// in, out, Not a number, unused, meter
static void run_broken(void *at, unsigned long frames) {
  instance_t *it = at;
  for (unsigned long i = 0; i < frames; i++) it->ports[1][i] = *it->ports[2] > 0 ? NAN : it->ports[0][i];
}

static const char *const broken_names[] = {"In", "Out", "Not a number", "Unused", "Meter"};
static const hint_t plain[] = {{0}, {0}, {0}, {0}, {0}};

static const int stereo[] = {INPUT | AUDIO, INPUT | AUDIO, OUTPUT | AUDIO, OUTPUT | AUDIO};
static const char *const stereo_names[] = {"L", "R", "L out", "R out"};

#define EFFECT(NAME, TITLE, COUNT, PORTS, NAMES, HINTS, RUN) \
  {.id = 1, .label = NAME, .name = TITLE, .maker = "us", .copyright = "none", .port_count = COUNT, .ports = PORTS, \
   .port_names = NAMES, .hints = HINTS, .instantiate = instantiate, .connect_port = connect_port, \
   .activate = activate, .run = RUN, .deactivate = deactivate, .cleanup = cleanup}

static const descriptor_t effects[] = {
    EFFECT("louder", "Makes it louder", 5, mono, louder_names, louder_hints, run_louder),
    EFFECT("late", "Comes late", 5, mono, late_names, late_hints, run_late),
    EFFECT("broken", "Breaks", 5, mono, broken_names, plain, run_broken),
    EFFECT("refuses", "Refuses", 5, mono, broken_names, plain, run_broken),
    EFFECT("pair", "Two channels", 4, stereo, stereo_names, plain, run_broken),
};

const descriptor_t *ladspa_descriptor(unsigned long index) {
#ifdef ONLY
  return index == 0 ? &effects[ONLY] : NULL;
#else
  return index < sizeof effects / sizeof *effects ? &effects[index] : NULL;
#endif
}
