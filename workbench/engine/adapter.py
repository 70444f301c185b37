"""One view of any embedding model: ours, a five-line class, or an object that only looks like one."""

import contextlib
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.base import EmbeddingSpace, ImageEmbeddingModel, VideoTextEmbeddingModel
from models.cuda import own_stream
from models.inputs import as_rgb_frames
from workbench.engine.per_object import PerObject
from workbench.engine.spaces import stored_space
from workbench.errors import InvalidParameterError, ModelOutputError
from workbench.media.hardware import takes_part

UNIT_TOLERANCE = 1e-3  # how far a row's length may be from 1

_locks = PerObject(threading.RLock)  # the documented cache: one lock a model


@dataclass(frozen=True)
class AdaptedModel:
    """What the engine reads of a model, with defaults for what it does not say.

    Args:
        model: The model object itself.
        name: Its id, or the name of its class.
        num_frames: T, the frames it wants of a clip.
        embedding_dim: D, or None when it does not say.
        score_kind: "softmax" or "sigmoid".
        logit_scale: Similarity times this, plus the bias, is a logit.
        logit_bias: See ``logit_scale``.
        device: Where it computes, for example "cpu" or "cuda:0".
    """

    model: Any
    name: str
    num_frames: int
    embedding_dim: int | None
    score_kind: str
    logit_scale: float
    logit_bias: float
    device: str

    @property
    def pools_frames(self) -> bool:
        """Whether it looks at each frame alone, a clip's vector being the mean over its frames."""
        return not callable(getattr(self.model, "embed_videos", None))

    def space(self, num_frames: int | None = None) -> EmbeddingSpace:
        """Name the space of its vectors.

        Args:
            num_frames: T, when it is not the model's own.

        Returns:
            Model, revision, preprocessing and sampling, such as "uniform-middle:8" or, for
            an image model, "uniform-middle:8+frame-mean".
        """
        pooling = "+frame-mean" if self.pools_frames else ""
        return EmbeddingSpace.of(self.model, f"uniform-middle:{num_frames or self.num_frames}{pooling}")

    def store_space(self, space: EmbeddingSpace) -> EmbeddingSpace:
        """Name the space under which vectors are stored, as `stored_space` does."""
        return stored_space(self.model, space)

    def preprocess(self, frames: np.ndarray) -> Any:
        """Turn the frames (T, H, W, 3) of one clip into one item of a batch; safe in threads."""
        own = getattr(self.model, "preprocess_clip", None)
        if callable(own):
            return own(frames)
        clip = as_rgb_frames(frames)
        still = len(clip) == 1 and not self.pools_frames
        return np.repeat(clip, self.num_frames, axis=0) if still else clip

    def embed_items(self, items: Sequence[Any]) -> np.ndarray:
        """Embed preprocessed clips.

        Args:
            items: What ``preprocess`` gave, one per clip.

        Returns:
            float32 (N, D), one row per item in order.

        Raises:
            ModelOutputError: If the model returns anything but N finite unit rows.
        """
        return self.start_items(items)()

    def start_items(self, items: Sequence[Any]) -> Callable[[], np.ndarray]:
        """Start to embed preprocessed clips; an accelerator may still compute when this returns.

        A model with a batch step of its own stacks items, so items of unequal shapes are passed
        to it in groups; every other one takes lists of clips of any size.

        Args:
            items: What ``preprocess`` gave, one per clip.

        Returns:
            What waits for the rows, and returns and raises what ``embed_items`` does.
        """
        groups: dict[Any, list[int]] = {}
        for i, item in enumerate(items):
            groups.setdefault(_stack_key(item) if self._stacks_items else "any", []).append(i)
        started = [(places, self._start_alike([items[i] for i in places])) for places in groups.values()]

        def finish() -> np.ndarray:
            rows: list[np.ndarray] = [np.empty(0)] * len(items)
            with self._stream():  # rows may still be on the device
                for places, wait in started:
                    for place, row in zip(places, self.checked(wait(), len(places)), strict=True):
                        rows[place] = row
            return self._stacked(rows)

        return finish

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """Embed texts: float32 (P, D), checked as ``embed_items`` does.

        Raises:
            InvalidParameterError: If the model has no text side.
        """
        own = getattr(self.model, "embed_text", None)
        if not callable(own):
            raise InvalidParameterError(
                f"{self.name} has no embed_text, so it cannot be asked with prompts.",
                next_step="Choose a model that knows text.",
            )
        with self._computing():
            return self.checked(own(texts), len(texts))

    def checked(self, output: Any, count: int) -> np.ndarray:
        """Turn a model's output into float32 (N, D), or say what is wrong with it."""
        rows = as_array(output)
        dim = self.embedding_dim
        if rows.ndim != 2 or rows.shape[0] != count or (dim and rows.shape[1] != dim):
            raise ModelOutputError(
                f"{self.name} returned shape {list(rows.shape)} for {count} inputs; "
                f"[{count}, {dim or 'D'}] is expected, one row per input."
            )
        if not np.isfinite(rows).all():
            raise ModelOutputError(f"{self.name} returned NaN or infinite numbers.")
        lengths = np.linalg.norm(rows, axis=1)
        worst = lengths[np.abs(lengths - 1.0).argmax()] if count else 1.0
        if abs(worst - 1.0) > UNIT_TOLERANCE:
            raise ModelOutputError(
                f"{self.name} returned a row of length {worst:.4g}; rows must have length 1.",
                next_step="Return models.base.unit_rows(vectors).",
            )
        return rows

    @property
    def _stacks_items(self) -> bool:
        """Whether the model has a batch step of its own, which need not take unequal shapes."""
        own = getattr(type(self.model), "embed_preprocessed", None)
        return own not in (
            None,
            ImageEmbeddingModel.embed_preprocessed,
            VideoTextEmbeddingModel.embed_preprocessed,
        )

    def _start_alike(self, items: list[Any]) -> Callable[[], Any]:
        """Start to embed items that may be stacked, by the richest method the model has."""
        with self._computing():
            if isinstance(self.model, ImageEmbeddingModel):
                return self.model.embed_preprocessed_async(items).result
            rows = self._embed_alike(items)
            return lambda: rows

    def _embed_alike(self, items: list[Any]) -> Any:
        """Embed with an object that only looks like a model."""
        own = getattr(self.model, "embed_preprocessed", None)
        if callable(own):
            return own(items)
        if self.pools_frames:
            return ImageEmbeddingModel.embed_preprocessed(self.model, items)
        return self.model.embed_videos(items)

    def _stacked(self, rows: list[np.ndarray]) -> np.ndarray:
        """Stack rows, which must agree in D."""
        dims = {row.shape[0] for row in rows}
        if len(dims) > 1:
            raise ModelOutputError(f"{self.name} returned rows of {sorted(dims)} numbers; all must be alike.")
        return np.stack(rows)

    def _stream(self) -> contextlib.AbstractContextManager[None]:
        """Where to compute: beside the video decoders of a card, where these take part."""
        return own_stream(self.device) if takes_part(self.device) else contextlib.nullcontext()

    @contextlib.contextmanager
    def _computing(self) -> Generator[None, None, None]:
        """Hold the model for one call, with gradients off when torch is in use."""
        # A torch that another thread is still importing has no `no_grad` yet.
        no_grad = getattr(sys.modules.get("torch"), "no_grad", contextlib.nullcontext)
        with _locks.of(self.model), no_grad(), self._stream():
            yield


def adapt(model: Any) -> AdaptedModel:
    """Read a model's attributes, with defaults for what it lacks.

    Args:
        model: Any object with ``embed_videos`` or ``embed_images``.

    Returns:
        The engine's view of it.

    Raises:
        InvalidParameterError: If it is a class, or can embed neither clips nor images.
    """
    if isinstance(model, AdaptedModel):
        return model
    if isinstance(model, type):
        raise InvalidParameterError(
            f"{model.__qualname__} is a class, not a model.", next_step=f"Pass {model.__qualname__}()."
        )
    sees_videos = callable(getattr(model, "embed_videos", None))
    if not sees_videos and not callable(getattr(model, "embed_images", None)):
        raise InvalidParameterError(
            f"A model has embed_videos or embed_images; {type(model).__qualname__} has neither.",
            next_step="Only models that give vectors can embed clips; choose one of those.",
        )
    dim = getattr(model, "embedding_dim", None)
    return AdaptedModel(
        model=model,
        name=EmbeddingSpace.of(model).model_id,
        num_frames=int(getattr(model, "num_frames", 8 if sees_videos else 1)),
        embedding_dim=int(dim) if dim else None,
        score_kind=str(getattr(model, "score_kind", "softmax")),
        logit_scale=float(getattr(model, "logit_scale", 100.0)),
        logit_bias=float(getattr(model, "logit_bias", 0.0)),
        device=str(getattr(model, "device", "cpu")),
    )


def is_model(value: Any) -> bool:
    """Whether something can embed clips or images, and is no class.

    Example:
        >>> is_model("workbench/spriteclip-tiny")
        False
    """
    embeds = any(callable(getattr(value, name, None)) for name in ("embed_videos", "embed_images"))
    return embeds and not isinstance(value, type)


def load_if_named(model: Any, **loading: Any) -> Any:
    """Load a model that came as its id, as ``AutoModel.from_pretrained`` does; leave a model object alone."""
    if not isinstance(model, str):
        return model
    from models.auto import AutoModel

    return AutoModel.from_pretrained(model, **loading)


def as_array(output: Any) -> np.ndarray:
    """Bring a tensor of any device and type, or anything like an array, to float32."""
    if hasattr(output, "detach"):
        output = output.detach().float().cpu().numpy()
    return np.asarray(output, dtype=np.float32)


def _stack_key(item: Any) -> Any:
    """Tell items apart that cannot be stacked."""
    if hasattr(item, "shape"):
        return (tuple(item.shape), str(getattr(item, "dtype", "")))
    if isinstance(item, dict):
        return tuple((name, _stack_key(value)) for name, value in item.items())
    if isinstance(item, list | tuple):
        return tuple(_stack_key(value) for value in item)
    return type(item)
