// The C ABI of glottis plugins. Generated from crates/plugin/src/abi; the test `header` keeps it in step.
//
// A library exports one constant:
//
//     GLOTTIS_EXPORT const glottis_plugin_t glottis_plugin_v1 = { GLOTTIS_MAGIC, sizeof(glottis_plugin_t), ... };
//
// Native code is trusted code: a loaded library can do whatever the process can.

#ifndef GLOTTIS_PLUGIN_H
#define GLOTTIS_PLUGIN_H

#include <stdint.h>

// `"GLOTTIS1"`, read as a number by a little-endian machine.
#define GLOTTIS_MAGIC 3554265157466016839

// A library of another major version is refused.
#define GLOTTIS_ABI_MAJOR 1

// A library of a greater minor version is refused: it may rely on what this version does not have.
#define GLOTTIS_ABI_MINOR 0

// All is well.
#define GLOTTIS_OK 0

// The call failed; where it takes a `glottis_error_t`, that says how.
#define GLOTTIS_FAILED 1

// There is no such live parameter, or its value is out of range.
#define GLOTTIS_BAD_PARAMETER 2

// More marks than the block has room for.
#define GLOTTIS_TOO_MANY_MARKS 3

// The body has no room for the bytes.
#define GLOTTIS_BODY_FULL 4

// The call panicked, and the panic was caught.
#define GLOTTIS_PANICKED 5

// There is nothing more to do: the pipeline has gone, or takes no more.
#define GLOTTIS_ENDED 6

// A source; `calls` is a `glottis_source_t`.
#define GLOTTIS_SOURCE 1

// A node; `calls` is a `glottis_node_t`.
#define GLOTTIS_NODE 2

// A detector; `calls` is a `glottis_detector_t`.
#define GLOTTIS_DETECTOR 3

// An encoder; `calls` is a `glottis_encoder_t`.
#define GLOTTIS_ENCODER 4

// A sink; `calls` is a `glottis_sink_t`.
#define GLOTTIS_SINK 5

// `true` or `false`.
#define GLOTTIS_PARAM_BOOL 1

// A whole number from `min` to `max`.
#define GLOTTIS_PARAM_INT 2

// A number from `min` to `max`.
#define GLOTTIS_PARAM_FLOAT 3

// Any text.
#define GLOTTIS_PARAM_TEXT 4

// One of `words`.
#define GLOTTIS_PARAM_CHOICE 5

// One of `words`, or a whole number from `min` to `max`.
#define GLOTTIS_PARAM_CHOICE_OR_INT 6

// A text such as `"300ms"`, from `min` to `max` milliseconds.
#define GLOTTIS_PARAM_DURATION 7

// One of `words`, or a duration.
#define GLOTTIS_PARAM_CHOICE_OR_DURATION 8

// A text such as `"1MiB"`, from `min` to `max` bytes.
#define GLOTTIS_PARAM_BYTES 9

// The name of a file.
#define GLOTTIS_PARAM_PATH 10

// The name of an environment variable that holds a secret.
#define GLOTTIS_PARAM_SECRET_ENV 11

// The name of a file that holds a secret.
#define GLOTTIS_PARAM_SECRET_FILE 12

// One text or a list of texts.
#define GLOTTIS_PARAM_TEXT_OR_LIST 13

// A table with the keys `params`.
#define GLOTTIS_PARAM_TABLE 14

// A table with any keys and text values.
#define GLOTTIS_PARAM_MAP 15

// The name of a detector, whose own keys stand beside this one.
#define GLOTTIS_PARAM_DETECTOR 16

// A table with any keys and numbers as values.
#define GLOTTIS_PARAM_NUMBERS 17

// The key must be written.
#define GLOTTIS_REQUIRED 1

// The key can be changed while audio flows. Only for numbers and booleans.
#define GLOTTIS_LIVE 2

// Nobody decides where a segment begins and ends: there is one from start to stop.
#define GLOTTIS_TURN_ALWAYS 1

// The voice detector decides.
#define GLOTTIS_TURN_SPEECH 2

// The user's finger decides.
#define GLOTTIS_TURN_PUSH_TO_TALK 3

// A segment begins; the bytes are what the encoder writes before the first frame.
#define GLOTTIS_BEGIN 1

// The next frames of a segment.
#define GLOTTIS_DATA 2

// A segment is whole; the bytes are what the encoder writes after the last frame.
#define GLOTTIS_END 3

// A segment was given up: the rest never comes.
#define GLOTTIS_ABORT 4

// Nothing will help: the sink is given up.
#define GLOTTIS_FATAL 0

// The connection failed or was lost: `open` is called again after a while.
#define GLOTTIS_RETRY 1

// The segment was refused: the sink goes on with the next.
#define GLOTTIS_REJECTED 2

// The first frame of speech.
#define GLOTTIS_SPEECH_START 1

// One past the last frame of speech.
#define GLOTTIS_SPEECH_END 2

// Frames are missing from here on and silence stands in for them.
#define GLOTTIS_GAP 3

// A key of a component.
typedef struct glottis_param_t {
  // The key.
  const char *name;
  // One sentence for people.
  const char *doc;
  // The unit of a number; null for none.
  const char *unit;
  // The value used when the key is absent, as written in TOML (texts with their quotes); null for
  // none.
  const char *default_toml;
  // The texts of a choice, with a `|` between them; else null.
  const char *words;
  // The keys of a table; else null. Of the same size as this one.
  const struct glottis_param_t *params;
  // How many keys of a table.
  uint32_t param_count;
  // `GLOTTIS_PARAM_BOOL` to `GLOTTIS_PARAM_NUMBERS`.
  uint32_t kind;
  // `GLOTTIS_REQUIRED`, `GLOTTIS_LIVE`, or both.
  uint32_t flags;
  // 0.
  uint32_t reserved;
  // The least value of a number.
  double min;
  // The greatest value of a number.
  double max;
} glottis_param_t;

// A component a configuration can name.
typedef struct glottis_component_t {
  // Size of this structure.
  uint32_t size;
  // `GLOTTIS_SOURCE` to `GLOTTIS_SINK`.
  uint32_t kind;
  // Its `type`: small letters, digits and hyphens.
  const char *name;
  // One sentence for people.
  const char *doc;
  // Its keys; null for none.
  const struct glottis_param_t *params;
  // How many keys.
  uint32_t param_count;
  // Size of one `glottis_param_t`.
  uint32_t param_size;
  // Its calls, in the table that belongs to `kind`.
  const void *calls;
  // Whatever the plugin wants to find here again.
  const void *data;
} glottis_component_t;

// The components of a library.
typedef struct glottis_component_list_t {
  // Size of this structure.
  uint32_t size;
  // How many.
  uint32_t count;
  // The components.
  const struct glottis_component_t *const *items;
} glottis_component_list_t;

// Where a call says why it failed. Provided by the caller, with empty texts.
typedef struct glottis_error_t {
  // Size of this structure.
  uint32_t size;
  // What it obliges the engine to do, for sinks: `GLOTTIS_RETRY` and the others.
  uint32_t advice;
  // A stable code, for sources and sinks, such as `Network`.
  char code[64];
  // The key that is wrong, if one is.
  char key[64];
  // What is wrong.
  char message[1024];
  // What to do about it.
  char help[512];
} glottis_error_t;

// What a library exports, as the constant `glottis_plugin_v1`.
typedef struct glottis_plugin_t {
  // `GLOTTIS_MAGIC`.
  uint64_t magic;
  // Size of this structure.
  uint32_t size;
  // `GLOTTIS_ABI_MAJOR` of the header the library was built with.
  uint16_t abi_major;
  // `GLOTTIS_ABI_MINOR` of the header the library was built with.
  uint16_t abi_minor;
  // [control & idle] Lists the components. Called once, before anything else of the library.
  int32_t (*list)(struct glottis_component_list_t *list, struct glottis_error_t *error);
} glottis_plugin_t;

// The checked values of an instance's keys, defaults filled in. There while `create` runs.
typedef struct glottis_settings_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // All values as a JSON object.
  const char *json;
  // What is known of the run, as a JSON object: `name` of the instance, `base` folder of relative
  // paths, `started` (seconds since 1970), `state_dir` (or null), `reads` (files nobody may write).
  const char *context;
  // For the calls below.
  const void *handle;
  // The value of a key that is a number or a boolean (0 or 1). `GLOTTIS_FAILED`: it has none.
  int32_t (*number)(const struct glottis_settings_t *settings, const char *key, double *value);
  // The value of a key that is a text; null: it has none. File names are absolute. There while
  // `create` runs.
  const char *(*text)(const struct glottis_settings_t *settings, const char *key);
} glottis_settings_t;

// What a node says of itself once it knows the rate of its input.
typedef struct glottis_prepared_t {
  // Size of this structure.
  uint32_t size;
  // The rate of its output: 8000, 16000, 24000, 32000, 44100, 48000, 88200 or 96000.
  uint32_t rate_hz;
  // Frames of its output by which the sound leaves later than it came in.
  uint32_t latency;
  // 1 if it marks where speech begins and ends, else 0.
  uint32_t hears_voice;
} glottis_prepared_t;

// Something known about one instant of the stream.
typedef struct glottis_mark_t {
  // Frame index at the rate of the block that carries the mark; may lie before the block.
  int64_t at;
  // `GLOTTIS_SPEECH_START`, `GLOTTIS_SPEECH_END` or `GLOTTIS_GAP`.
  uint32_t kind;
  // For speech: the detector's confidence, 0 to 1.
  float probability;
  // For a gap: how many frames are missing.
  uint32_t frames;
  // 0.
  uint32_t reserved;
} glottis_mark_t;

// Exactly 10 ms of mono samples, in the caller's memory; there while the call runs.
typedef struct glottis_block_t {
  // Size of this structure.
  uint32_t size;
  // Frames per second: 100 times `frames`.
  uint32_t rate_hz;
  // Index of the first frame. Negative while filters upstream warm up.
  int64_t at;
  // When the first frame was captured, in nanoseconds of the host's clock.
  uint64_t captured_ns;
  // The samples, nominally from -1 to 1.
  float *samples;
  // How many samples.
  uint32_t frames;
  // How many of them belong to the stream: all, but for its last block.
  uint32_t valid;
  // 1 for silence that stands in for frames the source lost, else 0.
  uint32_t filled;
  // How many marks the block carries.
  uint32_t mark_count;
  // The marks. A node adds to those of its output.
  struct glottis_mark_t *marks;
  // How many marks there is room for.
  uint32_t mark_room;
  // 0.
  uint32_t reserved;
} glottis_block_t;

// The calls of a node: one block in, one block out, every 10 ms.
typedef struct glottis_node_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // [control & idle] Makes an instance.
  int32_t (*create)(const struct glottis_component_t *component,
                    const struct glottis_settings_t *settings,
                    void **instance,
                    struct glottis_error_t *error);
  // [control & idle] Called once, after `create`: learns the rate of the input and answers. The
  // only place to allocate. The caller fills in that nothing changes.
  int32_t (*prepare)(void *instance,
                     uint32_t rate_hz,
                     struct glottis_prepared_t *prepared,
                     struct glottis_error_t *error);
  // [pipeline & active] Turns `input` into `output`, all samples of it. Both have the rate that
  // `prepare` agreed on; `output` already carries position, capture time and marks of `input`, and
  // only its samples and further marks may be written. Anything but `GLOTTIS_OK`: the node is
  // bypassed if its output has the rate of its input, else the pipeline stops.
  int32_t (*process)(void *instance,
                     const struct glottis_block_t *input,
                     struct glottis_block_t *output);
  // [control & idle, or pipeline & active] Sets a live key; booleans are 0 and 1. Null: there are
  // none.
  int32_t (*set)(void *instance, const char *key, double value);
  // [pipeline & active] Forgets all it heard. Null: there is nothing to forget.
  void (*reset)(void *instance);
  // [control & idle] The last call.
  void (*destroy)(void *instance);
} glottis_node_t;

// The calls of a detector: a judge of speech, inside the `vad` node.
typedef struct glottis_detector_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // [control & idle] Makes an instance.
  int32_t (*create)(const struct glottis_component_t *component,
                    const struct glottis_settings_t *settings,
                    void **instance,
                    struct glottis_error_t *error);
  // [control & idle] Called once: learns the rate and answers with the frames of one window.
  int32_t (*prepare)(void *instance,
                     uint32_t rate_hz,
                     uint32_t *window,
                     struct glottis_error_t *error);
  // [pipeline & active] The probability, 0 to 1, that a window holds speech; from 0.5 on it counts
  // as speech.
  int32_t (*judge)(void *instance, const float *samples, uint32_t frames, float *probability);
  // [control & idle, or pipeline & active] Sets a live key. Null: there are none.
  int32_t (*set)(void *instance, const char *key, double value);
  // [pipeline & active] Forgets all it heard. Null: there is nothing to forget.
  void (*reset)(void *instance);
  // [control & idle] The last call.
  void (*destroy)(void *instance);
} glottis_detector_t;

// Where an encoder writes, in the caller's memory; there while the call runs.
typedef struct glottis_body_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // The bytes.
  uint8_t *bytes;
  // How many were written: the callee adds to it.
  uint64_t length;
  // How many there is room for.
  uint64_t room;
} glottis_body_t;

// The calls of an encoder: the frames of a segment in, bytes out.
//
// For every segment: `begin`, `encode` any number of times, `finish`. A segment that is given up
// ends without `finish`.
typedef struct glottis_encoder_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // [control & idle] Makes an instance.
  int32_t (*create)(const struct glottis_component_t *component,
                    const struct glottis_settings_t *settings,
                    void **instance,
                    struct glottis_error_t *error);
  // [control & idle] Called once: learns the rate, and answers with the most bytes that `begin`,
  // `finish`, or encoding `frames` frames write.
  int32_t (*prepare)(void *instance,
                     uint32_t rate_hz,
                     uint32_t frames,
                     uint64_t *bytes,
                     struct glottis_error_t *error);
  // [pipeline & active] What comes before the first frame. Null: nothing.
  int32_t (*begin)(void *instance, struct glottis_body_t *body);
  // [pipeline & active] Appends the encoding of `frames` frames.
  int32_t (*encode)(void *instance,
                    const float *samples,
                    uint32_t frames,
                    struct glottis_body_t *body);
  // [pipeline & active] What comes after the last frame. Null: nothing.
  int32_t (*finish)(void *instance, struct glottis_body_t *body);
  // [control & idle] The last call.
  void (*destroy)(void *instance);
} glottis_encoder_t;

// What a source is about to deliver.
typedef struct glottis_source_format_t {
  // Size of this structure.
  uint32_t size;
  // Frames per second of what it pushes: 8000, 16000, 24000, 32000, 44100, 48000, 88200 or 96000;
  // 0 if it cannot tell before it is opened, and it was not to look.
  uint32_t rate_hz;
  // Rate of the device or file itself.
  uint32_t native_hz;
  // Channels of the device or file itself.
  uint32_t channels;
  // 1 if it can wait: then pushing blocks while the pipeline is busy, and nothing is dropped.
  uint32_t waits;
  // 1 if its sound goes on whether anybody listens or not.
  uint32_t live;
  // What the user would call the device.
  char device[256];
} glottis_source_format_t;

// The host's end of a source's stream. There from `start` until `stop` has returned. All calls come
// from one thread.
typedef struct glottis_feed_t {
  // Size of this structure.
  uint32_t size;
  // 1 if pushing waits for room.
  uint32_t waits;
  // For the calls below.
  void *handle;
  // [own thread] Pushes mono samples, the last of which was captured `age_ns` nanoseconds ago. Where
  // the source cannot wait, this never blocks and is safe in a capture callback.
  // `GLOTTIS_ENDED`: the pipeline has gone.
  int32_t (*push)(const struct glottis_feed_t *feed,
                  const float *samples,
                  uint32_t frames,
                  uint64_t age_ns);
  // [own thread] The device lost so many frames.
  void (*gap)(const struct glottis_feed_t *feed, uint64_t frames);
  // [own thread] There will be no more.
  void (*finish)(const struct glottis_feed_t *feed);
} glottis_feed_t;

// The calls of a source.
typedef struct glottis_source_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // [control & idle] Makes an instance.
  int32_t (*create)(const struct glottis_component_t *component,
                    const struct glottis_settings_t *settings,
                    void **instance,
                    struct glottis_error_t *error);
  // [control & idle] What it will deliver. With `look` 0 nothing may be opened.
  int32_t (*format)(void *instance,
                    uint32_t look,
                    struct glottis_source_format_t *format,
                    struct glottis_error_t *error);
  // [control & idle] Starts a thread of its own that pushes into `feed`.
  int32_t (*start)(void *instance, const struct glottis_feed_t *feed, struct glottis_error_t *error);
  // [control & active] How it goes, every few milliseconds while it runs. Anything but `GLOTTIS_OK`: it
  // failed and delivers nothing more. Null: it never fails.
  int32_t (*poll)(void *instance, struct glottis_error_t *error);
  // [control & active] Stops reading, or goes on. `GLOTTIS_FAILED`, or null: it cannot.
  int32_t (*pause)(void *instance, uint32_t on);
  // [control & active] Stops. When it returns, no call into `feed` is on and none will come.
  void (*stop)(void *instance);
  // [control & idle] The last call.
  void (*destroy)(void *instance);
} glottis_source_t;

// What shall be done for a sink where the configuration does not say. The caller fills in the
// defaults.
typedef struct glottis_wants_t {
  // Size of this structure.
  uint32_t size;
  // Frames of a chunk.
  uint32_t chunk_frames;
  // The encoder's name, such as `pcm16`.
  const char *encoder;
  // Keys for the encoder as a JSON object; null for none.
  const char *encoder_settings;
  // 1: the last chunk of a segment is padded with silence.
  uint32_t pad;
  // `GLOTTIS_TURN_ALWAYS` and the others.
  uint32_t turn;
  // When the queue is full: 0: the rest of the segment is given up; 1: frames are left out.
  uint32_t overflow_gap;
  // 0.
  uint32_t reserved;
} glottis_wants_t;

// What a sink will get.
typedef struct glottis_edge_t {
  // Size of this structure.
  uint32_t size;
  // Frames per second.
  uint32_t rate_hz;
  // Frames of a full chunk.
  uint32_t chunk_frames;
  // 1: the last chunk of a segment is padded.
  uint32_t pad;
  // `GLOTTIS_TURN_ALWAYS` and the others; 0 if the service decides.
  uint32_t turn;
  // 1: a voice detector stands upstream.
  uint32_t voice;
  // 1: the source can wait, so nothing may be dropped.
  uint32_t waits;
  // 0.
  uint32_t reserved;
} glottis_edge_t;

// A piece of a segment. There while `write` runs.
typedef struct glottis_packet_t {
  // Size of this structure.
  uint32_t size;
  // `GLOTTIS_BEGIN` to `GLOTTIS_ABORT`.
  uint32_t kind;
  // Number of the segment at this sink, from 0.
  uint64_t segment;
  // Number of the packet within its segment, from 0.
  uint64_t seq;
  // Position of its first frame, at the sink's rate.
  int64_t at;
  // Frames the bytes stand for, padding included.
  uint32_t frames;
  // Of these, zeros added at the end.
  uint32_t padded;
  // Why the segment ended, such as `speech_end`; empty for `GLOTTIS_BEGIN` and `GLOTTIS_DATA`.
  const char *reason;
  // For `GLOTTIS_END`: frames of the segment, padding not counted.
  uint64_t segment_frames;
  // For `GLOTTIS_END`: one past the last frame known to be voice.
  int64_t voice_end;
  // The bytes.
  const uint8_t *bytes;
  // How many.
  uint64_t length;
} glottis_packet_t;

// The calls of a sink: three that block, on a thread of its own.
typedef struct glottis_sink_t {
  // Size of this structure.
  uint32_t size;
  // 0.
  uint32_t reserved;
  // [control & idle] Makes an instance.
  int32_t (*create)(const struct glottis_component_t *component,
                    const struct glottis_settings_t *settings,
                    void **instance,
                    struct glottis_error_t *error);
  // [control & idle] What shall be done for it. Null: the defaults.
  int32_t (*wants)(void *instance, struct glottis_wants_t *wants);
  // [control & idle] Learns what it will get. Null: anything is right.
  int32_t (*prepare)(void *instance,
                     const struct glottis_edge_t *edge,
                     struct glottis_error_t *error);
  // [own thread] Connects, or opens its file. Called again after a failure with `GLOTTIS_RETRY`.
  int32_t (*open)(void *instance, struct glottis_error_t *error);
  // [own thread] Takes a packet. What returned `GLOTTIS_OK` counts as delivered.
  int32_t (*write)(void *instance,
                   const struct glottis_packet_t *packet,
                   struct glottis_error_t *error);
  // [own thread] Ends what is open, within two seconds. Called once for each `open` that succeeded.
  int32_t (*close)(void *instance, struct glottis_error_t *error);
  // [own thread] Milliseconds until `open` is called again after failure number `attempt` (from 1) in
  // a row; negative: give up. `opened`: whether it had been open. Null: 1, 2 and 4 seconds, then give
  // up.
  int64_t (*backoff)(void *instance, uint32_t attempt, uint32_t opened);
  // [control & idle, or own thread] The last call.
  void (*destroy)(void *instance);
} glottis_sink_t;

#endif  /* GLOTTIS_PLUGIN_H */

#if defined(_WIN32)
#define GLOTTIS_EXPORT __declspec(dllexport)
#else
#define GLOTTIS_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C"
#else
extern
#endif
GLOTTIS_EXPORT const glottis_plugin_t glottis_plugin_v1;
