"""The job of examples/pipelines/messages.toml in pipecat's own idiom: frames of 20 ms through a pipeline of its
stream resampler, its voice detector (Silero, which it ships) and a processor that makes the messages.

python3 benches/programs/with_pipecat.py RECORDING.wav MESSAGES.ndjson
"""

import asyncio
import base64
import json
import sys
import wave

import numpy as np
from loguru import logger
from pipecat.audio.resamplers.soxr_stream_resampler import SOXRStreamAudioResampler
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import EndFrame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner

RATE = 16_000
CHUNK = 4096


class Resample(FrameProcessor):
    def __init__(self):
        super().__init__()
        self.resampler = SOXRStreamAudioResampler()

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            stereo = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
            mono = stereo.mean(axis=1).astype(np.int16).tobytes()
            audio = await self.resampler.resample(mono, frame.sample_rate, RATE)
            frame = InputAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1)
        await self.push_frame(frame, direction)


class Messages(FrameProcessor):
    def __init__(self, out):
        super().__init__()
        self.out, self.pending, self.n = out, b"", 0

    def send(self, chunk):
        audio = base64.b64encode(chunk).decode()
        self.out.write(json.dumps({"isLive": True, "n": self.n, "audio_base64_pcm": audio}) + "\n")
        self.n += 1

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.pending += frame.audio
            while len(self.pending) >= 2 * CHUNK:
                self.send(self.pending[: 2 * CHUNK])
                self.pending = self.pending[2 * CHUNK :]
        elif isinstance(frame, EndFrame):
            self.send(self.pending.ljust(2 * CHUNK, b"\0"))
        await self.push_frame(frame, direction)


async def main(recording: str, messages: str) -> None:
    logger.remove()
    with wave.open(recording) as wav, open(messages, "w") as out:
        rate, channels = wav.getframerate(), wav.getnchannels()
        pipeline = Pipeline([Resample(), VADProcessor(vad_analyzer=SileroVADAnalyzer(sample_rate=RATE)), Messages(out)])
        worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=RATE), idle_timeout_secs=None)

        async def read():
            while audio := wav.readframes(rate // 50):
                await worker.queue_frame(InputAudioRawFrame(audio=audio, sample_rate=rate, num_channels=channels))
                await asyncio.sleep(0)
            await worker.queue_frame(EndFrame())

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await asyncio.gather(runner.run(), read())


asyncio.run(main(*sys.argv[1:]))
