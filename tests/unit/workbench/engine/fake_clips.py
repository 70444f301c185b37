"""Clips that need no file: their frames are made up, slow or broken as a test wants it."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np

from tests.fakes import COLOR_WORDS, MeanColorModel, plain_clip
from workbench.media.frames import Frames


@dataclass
class FakeClip:
    key: str
    color: str = "red"
    kind: str = "video"
    error: BaseException | None = None
    delay_s: float = 0.0
    gate: Event | None = None
    size: tuple[int, int] = (6, 8)
    note: str = ""
    start_s: float = 0.0
    stop_s: float = 1.0
    calls: Counter = field(default_factory=Counter)

    @property
    def path(self) -> Path:
        return Path("/clips") / self.key

    @property
    def content_id(self) -> str:
        return f"content of {self.key}"

    def poster(self, max_side: int = 192) -> bytes:
        if self.error is not None:
            raise self.error
        return f"picture of {self.key}".encode()

    def frames(self, num_frames: int, *, threads: int = 1) -> Frames:
        self.calls["frames"] += 1
        if self.gate is not None:
            self.gate.wait(60)
        time.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        count = 1 if self.kind == "image" else num_frames
        height, width = self.size
        pixels = plain_clip(self.color, num_frames=count, height=height, width=width)
        return Frames(pixels, np.arange(count, dtype=float), self.note)


def colourful(count: int, **fields) -> list[FakeClip]:
    """Clips whose colours go round, so that each row tells which clip it came from."""
    colors = list(COLOR_WORDS)
    return [FakeClip(f"clip{i:04d}", colors[i % len(colors)], **fields) for i in range(count)]


def expected_rows(clips: list[FakeClip]) -> np.ndarray:
    """The rows that ``MeanColorModel`` gives, worked out one clip at a time."""
    return MeanColorModel().embed_text([clip.color for clip in clips]).numpy()


class GatedModel(MeanColorModel):
    """Tells when it computes, and waits for leave."""

    def __init__(self) -> None:
        self.entered, self.leave = Event(), Event()
        self.batches: list[int] = []

    def embed_preprocessed(self, batch):
        self.batches.append(len(batch))
        self.entered.set()
        assert self.leave.wait(60)
        return super().embed_preprocessed(batch)
