"""Embedding models whose vectors one can compute by hand; no weights, no network.

Axes of a vector: red, green, blue, dark (``MeanColorModel``), and behind them right, left
(``MotionModel``). A plain red picture is (1, 0, 0, 0); half grey is (.5, .5, .5, .5) made a
unit row; the text "blue" is (0, 0, 1, 0); the text "red moving right" is (1, 0, 0, 0, 1, 0) made
a unit row. Texts without a known word point to all axes alike.
"""

from typing import Any

import numpy as np

from models.base import TextImageEmbeddingModel, VideoTextEmbeddingModel, unit_rows
from models.inputs import as_rgb_clips, as_rgb_images, as_texts

COLOR_WORDS = {
    "red": (1, 0, 0, 0),
    "green": (0, 1, 0, 0),
    "blue": (0, 0, 1, 0),
    "yellow": (1, 1, 0, 0),
    "magenta": (1, 0, 1, 0),
    "cyan": (0, 1, 1, 0),
    "white": (1, 1, 1, 0),
    "black": (0, 0, 0, 1),
}
MOTION_WORDS = {"right": (0, 0, 0, 0, 1, 0), "left": (0, 0, 0, 0, 0, 1)}


def color_axes(frames: np.ndarray) -> np.ndarray:
    """Red, green, blue in 0..1 averaged over (T, H, W, 3), and dark = 1 - the largest of them."""
    red_green_blue = frames.reshape(-1, 3).mean(axis=0) / 255.0
    return np.append(red_green_blue, 1.0 - red_green_blue.max())


def motion_axes(frames: np.ndarray) -> np.ndarray:
    """Right and left in 0..1: four times the way of the bright spot from first to last frame, in widths."""
    way = _bright_column(frames[-1]) - _bright_column(frames[0])
    return np.clip([4.0 * way, -4.0 * way], 0.0, 1.0)


def _bright_column(frame: np.ndarray) -> float:
    light = frame.mean(axis=2)
    light = light - light.min()
    columns = (np.arange(frame.shape[1]) + 0.5) / frame.shape[1]
    return float((light.sum(axis=0) * columns).sum() / light.sum()) if light.any() else 0.5


def _word_axes(text: str, words: dict[str, tuple[int, ...]], size: int) -> np.ndarray:
    known = [np.array(words[word]) for word in text.lower().split() if word in words]
    total = np.zeros(size)
    for axes in known:
        total[: len(axes)] += axes
    return total if known else np.ones(size)


class MeanColorModel(TextImageEmbeddingModel):
    """Knows the mean colour of pictures and eight colour words; D = 4."""

    model_id = "fakes/mean-color"
    revision = "1"
    embedding_dim = 4
    num_frames = 2
    preprocessing = "mean-rgb"
    words = COLOR_WORDS

    def embed_images(self, images: Any) -> Any:
        return unit_rows(np.stack([color_axes(image) for image in as_rgb_images(images)]))

    def embed_text(self, texts: Any) -> Any:
        size = self.embedding_dim
        return unit_rows(np.stack([_word_axes(text, self.words, size) for text in as_texts(texts)]))

    def unknown_words(self, text: str) -> list[str]:
        return [word for word in text.lower().split() if word not in self.words]


class MotionModel(VideoTextEmbeddingModel):
    """Knows the mean colour of a clip and whether its bright spot goes right or left; D = 6."""

    model_id = "fakes/motion"
    revision = "1"
    embedding_dim = 6
    num_frames = 4
    preprocessing = "mean-rgb-motion"
    words = COLOR_WORDS | MOTION_WORDS

    def embed_videos(self, videos: Any) -> Any:
        return unit_rows(np.stack([self._axes(clip) for clip in as_rgb_clips(videos)]))

    def embed_text(self, texts: Any) -> Any:
        size = self.embedding_dim
        return unit_rows(np.stack([_word_axes(text, self.words, size) for text in as_texts(texts)]))

    def unknown_words(self, text: str) -> list[str]:
        return [word for word in text.lower().split() if word not in self.words]

    def _axes(self, clip: np.ndarray) -> np.ndarray:
        return np.concatenate([color_axes(clip), motion_axes(clip)])


def plain_clip(color: str, *, num_frames: int = 4, height: int = 6, width: int = 8) -> np.ndarray:
    """A still clip of one colour word: RGB uint8 (T, H, W, 3)."""
    value = np.array(COLOR_WORDS[color][:3], dtype=np.uint8) * 255
    return np.broadcast_to(value, (num_frames, height, width, 3)).copy()


def moving_clip(color: str, direction: str, *, num_frames: int = 4, size: int = 16) -> np.ndarray:
    """A bar of one colour word crossing black to the "right" or "left": RGB uint8 (T, S, S, 3)."""
    clip = np.zeros((num_frames, size, size, 3), np.uint8)
    width = size // num_frames
    for i in range(num_frames):
        clip[i, :, i * width : (i + 1) * width] = np.array(COLOR_WORDS[color][:3], dtype=np.uint8) * 255
    return clip if direction == "right" else clip[::-1].copy()
