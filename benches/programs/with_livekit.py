"""The job of examples/pipelines/messages.toml with what LiveKit's agents are made of: frames of 10 ms through its
resampler and its voice detector (Silero, its plugin for that), cut by its AudioByteStream.

python3 benches/programs/with_livekit.py RECORDING.wav MESSAGES.ndjson
"""

import asyncio
import base64
import json
import sys
import wave

import numpy as np
from livekit import rtc
from livekit.agents.utils.audio import AudioByteStream
from livekit.plugins import silero

RATE = 16_000
CHUNK = 4096


async def main(recording: str, messages: str) -> None:
    with wave.open(recording) as wav, open(messages, "w") as out:
        rate, channels = wav.getframerate(), wav.getnchannels()
        resampler = rtc.AudioResampler(rate, RATE, num_channels=1, quality=rtc.AudioResamplerQuality.HIGH)
        vad = silero.VAD.load(sample_rate=RATE).stream()
        cut = AudioByteStream(RATE, 1, samples_per_channel=CHUNK)
        heard = asyncio.create_task(listen(vad))
        n = 0

        def send(frames):
            nonlocal n
            for frame in frames:
                audio = base64.b64encode(bytes(frame.data).ljust(2 * CHUNK, b"\0")).decode()
                out.write(json.dumps({"isLive": True, "n": n, "audio_base64_pcm": audio}) + "\n")
                n += 1

        while data := wav.readframes(rate // 100):
            stereo = np.frombuffer(data, np.int16).reshape(-1, channels)
            mono = stereo.mean(axis=1).astype(np.int16)
            for frame in resampler.push(rtc.AudioFrame(mono.tobytes(), rate, 1, len(mono))):
                vad.push_frame(frame)
                send(cut.push(bytes(frame.data)))
            await asyncio.sleep(0)
        for frame in resampler.flush():
            vad.push_frame(frame)
            send(cut.push(bytes(frame.data)))
        send(cut.flush())
        vad.end_input()
        print(f"{n} messages, {await heard} events", file=sys.stderr)


async def listen(vad) -> int:
    events = 0
    async for _ in vad:
        events += 1
    return events


asyncio.run(main(*sys.argv[1:]))
