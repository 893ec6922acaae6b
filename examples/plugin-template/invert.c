// A node in C: turns the wave over. `cc -shared -fPIC -I crates/plugin/include invert.c -o libinvert.so`

#include "glottis_plugin.h"

// [control & idle] There is nothing to keep, so there is no instance.
static int32_t create(const glottis_component_t *component, const glottis_settings_t *settings, void **instance,
                      glottis_error_t *error) {
  (void)component, (void)settings, (void)instance, (void)error;
  return GLOTTIS_OK;
}

// [control & idle] Any rate is right, and it stays as it is: the caller has filled that in.
static int32_t prepare(void *instance, uint32_t rate_hz, glottis_prepared_t *prepared, glottis_error_t *error) {
  (void)instance, (void)rate_hz, (void)prepared, (void)error;
  return GLOTTIS_OK;
}

// [pipeline & active] Every 10 ms: no allocation, no lock, no system call.
static int32_t process(void *instance, const glottis_block_t *input, glottis_block_t *output) {
  (void)instance;
  for (uint32_t i = 0; i < input->frames; i++) output->samples[i] = -input->samples[i];
  return GLOTTIS_OK;
}

static const glottis_node_t calls = {.size = sizeof calls, .create = create, .prepare = prepare, .process = process};

static const glottis_component_t invert = {
    .size = sizeof invert,
    .kind = GLOTTIS_NODE,
    .name = "invert",
    .doc = "Turns the wave over.",
    .calls = &calls,
};

static const glottis_component_t *const items[] = {&invert};

static int32_t list(glottis_component_list_t *out, glottis_error_t *error) {
  (void)error;
  *out = (glottis_component_list_t){.size = sizeof *out, .count = 1, .items = items};
  return GLOTTIS_OK;
}

GLOTTIS_EXPORT const glottis_plugin_t glottis_plugin_v1 = {
    .magic = GLOTTIS_MAGIC,
    .size = sizeof glottis_plugin_v1,
    .abi_major = GLOTTIS_ABI_MAJOR,
    .abi_minor = GLOTTIS_ABI_MINOR,
    .list = list,
};
