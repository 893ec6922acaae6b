"""The job of examples/pipelines/messages.toml with soxr, webrtcvad, base64 and json: the program one writes in
an afternoon, in Python.

python3 benches/programs/with_python.py RECORDING.wav MESSAGES.ndjson
"""

import base64
import json
import sys
import wave

import numpy as np
import soxr
import webrtcvad

CHUNK = 4096
FRAME = 320


def main(recording: str, messages: str) -> None:
    with wave.open(recording) as wav, open(messages, "w") as out:
        channels, rate = wav.getnchannels(), wav.getframerate()
        resampler = soxr.ResampleStream(rate, 16_000, 1, dtype="float32", quality="HQ")
        vad = webrtcvad.Vad(2)
        pending = np.empty(0, np.int16)
        judged = voiced = n = 0
        last = False
        while not last:
            data = wav.readframes(rate)
            last = len(data) < rate * 2 * channels
            stereo = np.frombuffer(data, np.int16).reshape(-1, channels)
            mono = stereo.mean(axis=1, dtype=np.float32) / 32_768
            converted = resampler.resample_chunk(mono, last=last)
            samples = np.clip(np.rint(converted * 32_768), -32_768, 32_767).astype(np.int16)
            pending = np.concatenate((pending, samples))
            while len(pending) >= judged + FRAME:
                voiced += vad.is_speech(pending[judged : judged + FRAME].tobytes(), 16_000)
                judged += FRAME
            while len(pending) >= CHUNK and judged >= CHUNK or last and len(pending):
                chunk = np.pad(pending[:CHUNK], (0, max(0, CHUNK - len(pending))))
                pending = pending[CHUNK:]
                judged -= CHUNK
                audio = base64.b64encode(chunk.tobytes()).decode()
                out.write(json.dumps({"isLive": True, "n": n, "audio_base64_pcm": audio}) + "\n")
                n += 1
        print(f"{n} messages, {voiced} frames of speech", file=sys.stderr)


main(*sys.argv[1:])
