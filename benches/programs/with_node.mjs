// The job of examples/pipelines/messages.toml in Node: libsamplerate and libfvad as WebAssembly, Buffer and JSON.
//
// node benches/programs/with_node.mjs RECORDING.wav MESSAGES.ndjson
//
// npm install @alexanderolsen/libsamplerate-js @ozymandiasthegreat/vad

import { createReadStream, createWriteStream } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Modules are looked for beside the program; these are where the caller says.
const require = createRequire(process.env.NODE_MODULES_AT ?? import.meta.url);
const { create } = require("@alexanderolsen/libsamplerate-js");
const { default: load, VADMode, VADEvent } = await import(pathToFileURL(require.resolve("@ozymandiasthegreat/vad")));

const CHUNK = 4096;
const FRAME = 320;
const [recording, messages] = process.argv.slice(2);

// Its default, the fastest of its sinc converters.
const resampler = await create(1, 48000, 16000);
const VAD = await load();
const vad = new VAD(VADMode.AGGRESSIVE, 16000);
const out = createWriteStream(messages);

let pending = new Int16Array(0);
let judged = 0;
let voiced = 0;
let n = 0;

function send(chunk) {
  const audio = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("base64");
  out.write(JSON.stringify({ isLive: true, n, audio_base64_pcm: audio }) + "\n");
  n += 1;
}

// A tenth of a second at a time.
for await (const block of createReadStream(recording, { start: 44, highWaterMark: 19200 })) {
  const stereo = new Int16Array(block.buffer.slice(block.byteOffset, block.byteOffset + block.byteLength));
  const mono = new Float32Array(stereo.length >> 1);
  for (let i = 0; i < mono.length; i++) {
    mono[i] = (stereo[2 * i] + stereo[2 * i + 1]) / 65536;
  }
  const converted = resampler.full(mono);
  const samples = new Int16Array(pending.length + converted.length);
  samples.set(pending);
  for (let i = 0; i < converted.length; i++) {
    samples[pending.length + i] = Math.max(-32768, Math.min(32767, Math.round(converted[i] * 32768)));
  }
  pending = samples;
  for (; pending.length >= judged + FRAME; judged += FRAME) {
    voiced += vad.processFrame(pending.slice(judged, judged + FRAME)) === VADEvent.VOICE;
  }
  for (; pending.length >= CHUNK && judged >= CHUNK; judged -= CHUNK) {
    send(pending.subarray(0, CHUNK));
    pending = pending.slice(CHUNK);
  }
}
const rest = new Int16Array(CHUNK);
rest.set(pending.subarray(0, CHUNK));
send(rest);
out.end();
console.error(`${n} messages, ${voiced} frames of speech`);
